"""Four roles and what each may do. Asked on the server, at every door, each time."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import models


class Right(StrEnum):
    """Something that somebody may or may not do."""

    LOOK = "look"
    WRITE = "write"
    ACKNOWLEDGE = "acknowledge"
    CONFIGURE = "configure"
    FAILOVER = "failover"
    FORCE = "force"
    RESYNC = "resync"
    USERS = "users"


class Role(models.TextChoices):
    """A person's role; each holds what the one before it holds."""

    VIEWER = "viewer", "viewer"
    OPERATOR = "operator", "operator"
    ENGINEER = "engineer", "engineer"
    ADMINISTRATOR = "administrator", "administrator"


_VIEWER = frozenset({Right.LOOK})
_OPERATOR = _VIEWER | {Right.WRITE, Right.ACKNOWLEDGE}
_ENGINEER = _OPERATOR | {Right.CONFIGURE, Right.FAILOVER, Right.RESYNC}
RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.ENGINEER: _ENGINEER,
    Role.ADMINISTRATOR: _ENGINEER | {Right.USERS, Right.FORCE},
}


def may(user: Any, right: Right) -> bool:
    """Whether `user` holds `right`. Nobody, a disabled account and an unknown role hold none."""
    if not getattr(user, "is_authenticated", False) or not getattr(user, "is_active", False):
        return False
    return right in RIGHTS.get(user.role, frozenset())
