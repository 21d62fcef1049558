"""Which database a model's rows live in: samples are a file of their own."""

from __future__ import annotations

from typing import Any

APP = "history"
ALIAS = "history"


class HistoryRouter:
    """Sends the app `history` to the database `history`, and nothing else there."""

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == APP else None

    def db_for_write(self, model: Any, **_hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == APP else None

    def allow_relation(self, one: Any, other: Any, **_hints: Any) -> bool | None:
        apart = (one._meta.app_label == APP) != (other._meta.app_label == APP)
        return False if apart else None

    def allow_migrate(self, database: str, app_label: str, **_hints: Any) -> bool | None:
        return (app_label == APP) == (database == ALIAS)
