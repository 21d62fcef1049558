"""What is said of a tag beside its value: properties of its metric, or its own configuration.

The names are those that hosts and edge nodes commonly use: `engUnit`, `engLow`, `engHigh`, `documentation`,
`tooltip` and `readOnly`. Upper and lower case don't matter when reading, because senders differ in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sparkplug import DataType, Properties, Property

READ_ONLY = "readOnly"
# A foreign edge node may send any text; every reading of the page would carry it.
_LONGEST_UNIT, _LONGEST_TEXT = 60, 2_000


class About(NamedTuple):
    """`low` and `high` are the engineering range. `read_only`: nobody may write it, whoever asks."""

    unit: str = ""
    low: float | None = None
    high: float | None = None
    documentation: str = ""
    tooltip: str = ""
    read_only: bool = False


NOTHING = About()


def told(properties: Properties | None, before: About = NOTHING) -> About:
    """What properties say; what they leave out is as it was `before`. Unusable ones count as left out."""
    if not properties:
        return before
    # The exact spelling last, so that it wins.
    spelled: dict[str, object] = {key.lower(): entry.value for key, entry in properties.items()}
    spelled |= {key.lower(): properties[key].value for key in _FIELDS if key in properties}
    found: dict[str, Any] = {}
    for key, (field, read) in _FIELDS.items():
        value = read(spelled[key.lower()]) if key.lower() in spelled else None
        if value is not None:
            found[field] = value
    return before._replace(**found)


def properties(about: About) -> Properties | None:
    """The properties with which a metric is born; None where there is nothing to say."""
    said: dict[str, Property] = {}
    if about.unit:
        said["engUnit"] = Property(DataType.String, about.unit)
    if about.low is not None:
        said["engLow"] = Property(DataType.Double, float(about.low))
    if about.high is not None:
        said["engHigh"] = Property(DataType.Double, float(about.high))
    if about.documentation:
        said["documentation"] = Property(DataType.String, about.documentation)
    if about.read_only:
        said[READ_ONLY] = Property(DataType.Boolean, True)
    return said or None


def inherited(whole: Properties | None, member: Properties | None) -> Properties | None:
    """The properties of a template's member: a template that is read-only has no other members."""
    if told(whole).read_only:
        return {**(member or {}), READ_ONLY: Property(DataType.Boolean, True)}
    return member


def _text(value: object) -> str | None:
    return value.strip()[:_LONGEST_TEXT] if isinstance(value, str) else None


def _unit(value: object) -> str | None:
    text = _text(value)
    return text if text is None else text[:_LONGEST_UNIT]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_FIELDS: Mapping[str, tuple[str, Any]] = {
    "engUnit": ("unit", _unit),
    "engLow": ("low", _number),
    "engHigh": ("high", _number),
    "documentation": ("documentation", _text),
    "tooltip": ("tooltip", _text),
    READ_ONLY: ("read_only", _truth),
}
