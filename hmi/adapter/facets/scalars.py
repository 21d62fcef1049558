"""What a property may be given as: the adapter is lenient in spelling and strict in meaning.

Numbers and switches may be texts, words of a list are taken in any case or by their number, spans of time
as `[d.]hh:mm:ss[.fff]` or in seconds. What is kept and answered has one spelling: a number, true or
false, the word, and `h:mm:ss` (.NET's "g").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_SPAN = re.compile(r"(?:(\d{1,7})[.:])?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")
_SHORT_SPAN = re.compile(r"(\d{1,2}):(\d{2})")
_LONGEST_SPAN = 10_000_000 * 86_400.0
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")
_BEYOND = 2**63


def whole(value: Any) -> Any:
    """A whole number from itself or from its text; null stays null."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return _within(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,30}", value.strip()):
        return _within(int(value))
    if isinstance(value, float) and value.is_integer():
        return _within(int(value))
    raise ValueError("is not a whole number")


def decimal(value: Any) -> Any:
    """A number from itself or from its text; null stays null."""
    if value is None:
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("is not a number")
    # A database may keep -0.0 as 0.0, and then its rows would differ from what is on record.
    return float(value) + 0.0


def switch(value: Any) -> Any:
    """true or false, or the text of it."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, bool):
        return value
    raise ValueError("is not true or false")


def seconds(span: str) -> float:
    """The length of a span in its kept spelling. Raises ValueError."""
    if short := _SHORT_SPAN.fullmatch(span):
        days, fraction = "0", ""
        hours, minutes, rest = short[1], short[2], "0"
    elif found := _SPAN.fullmatch(span):
        days, hours, minutes, rest, fraction = (part or "0" for part in found.groups())
    else:
        raise ValueError("is not a span of time such as 00:00:30, or a number of seconds")
    if int(hours) > 23 or int(minutes) > 59 or int(rest) > 59:
        raise ValueError("has more than 23 hours, 59 minutes or 59 seconds")
    return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(f"{rest}.{fraction or 0}")


def span(length: float) -> str:
    """Seconds in the one spelling: `[d:]h:mm:ss[.f]`."""
    ticks = round(length * 10_000_000)
    whole_seconds, fraction = divmod(ticks, 10_000_000)
    days, rest = divmod(whole_seconds, 86_400)
    text = f"{rest // 3600}:{rest % 3600 // 60:02}:{rest % 60:02}"
    text = f"{days}:{text}" if days else text
    return f"{text}.{fraction:07}".rstrip("0") if fraction else text


@dataclass(frozen=True, slots=True)
class Span:
    """Marks a text that is a span of time; `least` and `most` in seconds."""

    least: float = 0.0
    most: float = _LONGEST_SPAN

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        told = "[d.]hh:mm:ss[.fff], or seconds"
        return {"type": ["string", "number"], "description": told, "examples": ["00:00:30"]}

    def read(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
            length = seconds(value.strip())
        else:
            length = float(decimal(value))
        if not self.least <= length <= self.most:
            bound = f"at least {span(self.least)}" if length < self.least else f"at most {span(self.most)}"
            raise ValueError(f"must be {bound}")
        return span(length)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text that is one of these words, whose numbers are their places."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"type": "string", "enum": list(self.names)}

    def read(self, value: Any) -> Any:
        if isinstance(value, str):
            for name in self.names:
                if name.casefold() == value.strip().casefold():
                    return name
        place = whole_or_none(value)
        if place is not None and 0 <= place < len(self.names):
            return self.names[place]
        raise ValueError(f"is none of {', '.join(self.names)}")


def whole_or_none(value: Any) -> int | None:
    """A whole number, also from its text; None for anything else."""
    try:
        found: int | None = whole(value)
    except ValueError:
        return None
    return found


def _within(value: int | None) -> int | None:
    if value is not None and not -_BEYOND <= value < _BEYOND:
        raise ValueError("is beyond what a number may be")
    return value


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


Whole = Annotated[int, BeforeValidator(whole)]
Decimal = Annotated[float, BeforeValidator(decimal)]
Switch = Annotated[bool, BeforeValidator(switch)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_plain)]
