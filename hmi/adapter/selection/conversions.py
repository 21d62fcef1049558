"""What stands in a payload, as the data type of a selection holds it.

Nothing is rounded, cut off or guessed: a value that does not fit is refused with a reason. Numbers may be
texts, and the other way round, since many devices put quotes around everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from typing import Any

import orjson

from hmi.adapter.selection.stamps import LATEST, iso_8601
from sparkplug import DataType, Value, coerce

DATA_TYPES = {
    "Int16": DataType.Int16,
    "Int32": DataType.Int32,
    "Int64": DataType.Int64,
    "UInt16": DataType.UInt16,
    "UInt32": DataType.UInt32,
    "UInt64": DataType.UInt64,
    "Float32": DataType.Float,
    "Float64": DataType.Double,
    "Boolean": DataType.Boolean,
    "String": DataType.String,
    "Date-Time": DataType.DateTime,
    "Geolocation": DataType.Double,
    "Coordinates": DataType.Double,
}
"""A selection's data type -> that of its tag, or of each of its tags."""

_LIMITS = {"Latitude": 90.0, "Longitude": 180.0}
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_REAL = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,4})?|NaN|[+-]?Infinity", re.ASCII)
_SWITCHES = {"true": True, "false": False, "1": True, "0": False}
_WHOLE_TYPES = frozenset(
    {DataType.Int16, DataType.Int32, DataType.Int64, DataType.UInt16, DataType.UInt32, DataType.UInt64}
)

Convert = Callable[[Any], Value]
"""A value out of JSON -> the tag's value; None stays None. Raises ValueError."""


def conversion(datatype: DataType, zone: tzinfo) -> Convert:
    """For a tag's type; times without an offset are of `zone`."""
    if datatype in _WHOLE_TYPES:
        return partial(_number, datatype, _WHOLE, int)
    if datatype in (DataType.Float, DataType.Double):
        return partial(_number, datatype, _REAL, float)
    if datatype is DataType.Boolean:
        return _switch
    return partial(_time, zone) if datatype is DataType.DateTime else _text


def field(name: str, value: Value) -> Value:
    """A field of a place, if it can be one. Raises ValueError."""
    limit = _LIMITS.get(name)
    if limit is not None and isinstance(value, float) and not -limit <= value <= limit:
        raise ValueError(f"{name} {value:g} is beyond {limit:g} degrees")
    return value


def _number(datatype: DataType, form: re.Pattern[str], read: Callable[[str], float], raw: Any) -> Value:
    if isinstance(raw, str):
        text = raw.strip()
        if not form.fullmatch(text):
            raise ValueError(f"{datatype.name} cannot hold the text {_shown(raw)}")
        raw = read(text)
    elif isinstance(raw, bool):
        raw = int(raw)
    return coerce(datatype, raw)


def _switch(raw: Any) -> Value:
    if raw is None or isinstance(raw, bool):
        return raw
    found = _SWITCHES.get(raw.strip().casefold()) if isinstance(raw, str) else None
    if found is None and isinstance(raw, int | float) and raw in (0, 1):
        found = bool(raw)
    if found is None:
        raise ValueError(f"Boolean cannot hold {_shown(raw)}")
    return found


def _text(raw: Any) -> Value:
    if raw is None or isinstance(raw, str):
        return coerce(DataType.String, raw)
    return orjson.dumps(raw).decode()


def _time(zone: tzinfo, raw: Any) -> Value:
    if raw is None:
        return None
    found = iso_8601(raw, zone)
    if not 0 <= found <= LATEST:
        raise ValueError("the time is before 1970")
    return found


def _shown(raw: Any) -> str:
    try:
        text = orjson.dumps(raw).decode()
    except (TypeError, ValueError):
        text = type(raw).__name__
    return text if len(text) <= 40 else f"{text[:40]}…"
