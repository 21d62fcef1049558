"""How values travel in JSON, in every answer and on every feed.

Whole numbers beyond 2^53 go as decimal texts, because JavaScript would round them; NaN and the
infinities as the texts `NaN`, `Infinity`, `-Infinity`, because JSON has no numbers for them; bytes as
Base64. Arrays are lists, a DataSet is `{"columns": [...], "types": [...], "rows": [[...]]}`, a template its
members by name. Times are ISO 8601 UTC with milliseconds.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sparkplug import DataSet, DataType, Scalar, Template, Value, coerce
from sparkplug.arrays import ELEMENTS
from sparkplug.datatypes import BASIC, BLOBS

WireValue = int | float | bool | str | list[Any] | dict[str, Any] | None

_EXACT = 2**53
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WIDE = frozenset({DataType.Int64, DataType.UInt64})
LARGEST = 2_000_000
_NUMBER = 20
_TABLE = {"columns", "types", "rows"}
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
        elements = enumerate(value)
        return coerce(datatype, [_part(f"element {n}", ELEMENTS[datatype], one) for n, one in elements])
    if isinstance(value, dict) and datatype is DataType.DataSet:
        return coerce(datatype, _data_set(value))
    if isinstance(value, str) and datatype in BLOBS:
        return _bytes(datatype, value)
    if isinstance(value, str) and datatype in _WIDE:
        return coerce(datatype, _whole(datatype, value))
    if isinstance(value, str) and datatype in _REAL and value in _SPECIAL:
        return coerce(datatype, _SPECIAL[value])
    return coerce(datatype, value)


def too_large(value: Value) -> str:
    """Why a value is not carried to pages and programs; "" if it is.

    One of a hundred megabytes, which any edge node can send, would fill the memory of all the others' way.
    """
    size = _weight(value)
    return "" if size <= LARGEST else f"the value takes some {size // 1_000_000} MB, too much to be shown"


def _weight(value: Value) -> int:
    """About how many bytes of JSON it takes, never much less; for most values without looking at them."""
    if isinstance(value, str | bytes):
        return len(value) * 2
    if isinstance(value, DataSet):
        return sum(map(_cells, (value.columns, *value.rows)))
    if isinstance(value, tuple) and not isinstance(value, DataSet | Template):
        return _cells(value)
    return _NUMBER


def _cells(cells: tuple[Scalar | None, ...]) -> int:
    return sum(len(each) * 2 if isinstance(each, str) else _NUMBER for each in cells)


def unfit(value: object, depth: int = 3) -> str:
    """Why no type at all could take this out of JSON; "" where one might. `depth`: lists within it."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**64 else "the number is beyond 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "NaN and Infinity are sent as texts"
    if isinstance(value, str):
        return "" if value.isascii() or _is_unicode(value) else "the text is not valid Unicode"
    if depth == 0:
        return "it is nested deeper than any value"
    inside = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return "it is no JSON"
    return next(filter(None, (unfit(each, depth - 1) for each in inside)), "")


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


def _part(where: str, datatype: DataType, value: object) -> Value:
    """A part of a value; where it lies is said with what is wrong about it."""
    try:
        return from_wire(datatype, value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _data_set(raw: dict[str, Any]) -> DataSet:
    strange = ", ".join(sorted(raw.keys() ^ _TABLE))
    if strange:
        raise ValueError(f"a DataSet has columns, types and rows, and nothing else ({strange[:80]})")
    for part in _TABLE:
        if not isinstance(raw[part], list):
            raise ValueError(f"{part}: not a list")
    columns, kinds = raw["columns"], [_basic(number, kind) for number, kind in enumerate(raw["types"])]
    if not all(isinstance(column, str) for column in columns):
        raise ValueError("columns: a name is not a text")
    if len(columns) != len(kinds):
        raise ValueError(f"types: {len(kinds)} for {len(columns)} columns")
    return DataSet(tuple(columns), tuple(kinds), tuple(_rows(columns, kinds, raw["rows"])))


def _rows(columns: list[str], kinds: list[DataType], rows: list[Any]) -> Iterator[tuple[Scalar | None, ...]]:
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"row {number}: not a list of {len(columns)} cells")
        named = zip(columns, kinds, row, strict=True)
        cells = [_part(f"row {number}, column {column!r}", kind, cell) for column, kind, cell in named]
        yield tuple(cell for cell in cells if cell is None or isinstance(cell, int | float | str))


def _basic(number: int, name: object) -> DataType:
    kind = DataType.__members__.get(name) if isinstance(name, str) else None
    if kind not in BASIC:
        raise ValueError(f"types: column {number} cannot be {str(name)[:40]!r}")
    return kind


def _bytes(datatype: DataType, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not Base64 ({datatype.name})") from None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(datatype: DataType, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError(f"{text[:40]!r} is not a whole number ({datatype.name})")
    return int(text)
