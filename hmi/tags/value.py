"""A tag's value with what a person must know about it: quality, time and type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparkplug import Value
from sparkplug.arrays import ELEMENTS

OWN_TYPES = (
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float", "Double", "Boolean", "String", "DateTime", "Text", "Bytes", "DataSet"),
    *(datatype.name for datatype in ELEMENTS),
)
"""Sparkplug's names of the types that a tag of this gateway's own may have."""


class Quality(StrEnum):
    """How far a value may be trusted. `NotFound` is said of paths that no tag has."""

    GOOD = "Good"
    STALE = "Stale"
    BAD = "Bad"
    UNCERTAIN = "Uncertain"
    NOT_FOUND = "NotFound"


# The codes of Sparkplug's property `Quality` (tck-id-payloads-propertyset-quality-value): OPC's 0 and
# 192 and Sparkplug's own 500; OPC keeps everything between 64 and 191 for uncertain values.
_CODES = {
    Quality.GOOD: 192,
    Quality.STALE: 500,
    Quality.BAD: 0,
    Quality.UNCERTAIN: 64,
    Quality.NOT_FOUND: 404,
}
_WORDS = {code: word for word, code in _CODES.items()}


def quality_of(code: int | None) -> Quality:
    """The word for a Sparkplug quality code; no code is good, an unknown one is bad."""
    if code is None:
        return Quality.GOOD
    if 64 <= code < 192:
        return Quality.UNCERTAIN
    return _WORDS.get(code, Quality.BAD)


def code_of(quality: Quality) -> int:
    """The code under which history stores a quality."""
    return _CODES[quality]


@dataclass(frozen=True, slots=True)
class TagValue:
    """One tag as it stands. `timestamp` is ms since 1970 UTC, `datatype` Sparkplug's name of the type."""

    path: str
    value: Value
    quality: Quality
    timestamp: int
    datatype: str
