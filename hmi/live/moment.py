"""Times as they come from the worker: ISO 8601, or milliseconds since 1970."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def milliseconds(raw: Any) -> int | None:
    """`2026-11-21T01:02:03.456Z` or a number of ms, as ms since 1970; None for anything else."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | float):
        return int(raw) or None
    if not isinstance(raw, str) or not raw:
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return int(raw) if raw.isdigit() else None
    return round(moment.timestamp() * 1000) if moment.tzinfo else None
