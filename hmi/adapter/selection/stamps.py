"""When a value is from: what an index format makes of what stands in the payload."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hmi.adapter.selection import dotnet_dates
from hmi.adapter.selection.dotnet_dates import since_1970

ARRIVAL = "Adapter"
_PER_UNIT = {"unixtimeseconds": 1000, "unixtimemilliseconds": 1}
# The end of the year 9999. Before 1970 nothing was measured that comes over MQTT.
LATEST = 253_402_300_799_999
_NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)

Stamp = Callable[[object], int]
"""What stands in the payload -> ms since 1970 UTC. Raises ValueError."""


def is_arrival(index_format: str | None) -> bool:
    """Whether the format asks for the time of arrival."""
    return index_format is not None and index_format.strip().casefold() == ARRIVAL.casefold()


def stamp(index_format: str | None, zone: tzinfo = UTC) -> Stamp:
    """For a format; None is ISO 8601. Times without an offset are of `zone`. Raises ValueError: no format."""
    if index_format is None or not index_format.strip():
        return lambda raw: _within(iso_8601(raw, zone))
    factor = _PER_UNIT.get(index_format.strip().casefold())
    if factor is not None:
        return lambda raw: _within(_unix(raw, factor))
    form = dotnet_dates.read(index_format)
    return lambda raw: _within(form.milliseconds(_text(raw), zone))


def zone_of(name: str | None) -> tzinfo:
    """A time zone of the IANA database; UTC without a name. Raises ValueError."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name} is no time zone of the IANA database") from None


def iso_8601(raw: object, zone: tzinfo) -> int:
    """Milliseconds since 1970 UTC. Raises ValueError."""
    text = _text(raw).strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no time in ISO 8601") from None
    return since_1970(moment, zone)


def _unix(raw: object, factor: int) -> int:
    if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()):
        # A whole number stays one: a float would not hold its last digits.
        raw = float(raw) if "." in raw else int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) <= LATEST:
        raise ValueError("the time is no number of (milli)seconds")
    return round(raw * factor)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("the time is no text")
    return raw


def _within(milliseconds: int) -> int:
    if not 0 <= milliseconds <= LATEST:
        raise ValueError("the time is before 1970 or after 9999")
    return milliseconds
