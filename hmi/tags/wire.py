"""How values travel in JSON, in every answer and on every feed.

Whole numbers beyond 2^53 go as decimal texts, because JavaScript would round them; NaN and the
infinities as the texts `NaN`, `Infinity`, `-Infinity`, because JSON has no numbers for them; bytes as
Base64. Arrays are lists, a DataSet is `{"columns": [...], "types": [...], "rows": [[...]]}`, a template its
members by name. Times are ISO 8601 UTC with milliseconds.
"""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime
from typing import Any

from sparkplug import DataSet, DataType, Template, Value, coerce
from sparkplug.arrays import ELEMENTS

WireValue = int | float | bool | str | list[Any] | dict[str, Any] | None

_EXACT = 2**53
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WIDE = frozenset({DataType.Int64, DataType.UInt64})
_REAL = frozenset({DataType.Float, DataType.Double})


def to_wire(value: Value) -> WireValue:
    """A value as JSON can carry it without changing it."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else special(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, DataSet):
        rows = [[to_wire(cell) for cell in row] for row in value.rows]
        return {"columns": list(value.columns), "types": [kind.name for kind in value.types], "rows": rows}
    if isinstance(value, Template):
        return {member.name or "": to_wire(member.value) for member in value.metrics}
    return [to_wire(element) for element in value]


def from_wire(datatype: DataType, value: object) -> Value:
    """A value out of JSON as its type wants it, range checked. Raises ValueError with a plain reason."""
    if isinstance(value, list) and datatype in ELEMENTS:
        return coerce(datatype, [from_wire(ELEMENTS[datatype], element) for element in value])
    if isinstance(value, str) and datatype in _WIDE:
        return coerce(datatype, _whole(datatype, value))
    if isinstance(value, str) and datatype in _REAL and value in _SPECIAL:
        return coerce(datatype, _SPECIAL[value])
    return coerce(datatype, value)


def special(value: float) -> str:
    """The text for a float that JSON has no number for."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def to_iso(milliseconds: int) -> str:
    """Milliseconds since 1970 UTC as `2026-11-21T01:02:03.456Z`."""
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # A foreign edge may send any 64 bits as its time; a page must survive them.
        return str(milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _whole(datatype: DataType, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError(f"{text[:40]!r} is not a whole number ({datatype.name})")
    return int(text)
