"""Reading what people have written down, for the importer alone; the API takes JSON and nothing else.

Taken are objects one after the other, with commas between them or on lines of their own, lists of them,
and commas behind the last property or entry.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*(?:,\s*)*[\]}])', re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")


def entries(text: str) -> list[dict[str, Any]]:
    """Every object of the text, in order. Raises ValueError that says where it cannot be read."""
    text = _TRAILING.sub(_without_comma, text.removeprefix("\ufeff"))
    decoder = json.JSONDecoder(parse_constant=_no_number)
    found: list[Any] = []
    at = _after(text, 0)
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
        at = _after(text, at)
    if not all(isinstance(each, dict) for each in found):
        raise ValueError("holds something else than objects and lists of them")
    return found


def _without_comma(found: re.Match[str]) -> str:
    # A space in its place: what is wrong elsewhere is told at the place where it stands.
    return found[1] or " "


def _after(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")
