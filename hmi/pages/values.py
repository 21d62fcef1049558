"""Live values as a page first shows them: read once from the worker while the page is made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hmi import desk
from hmi.live.moment import milliseconds
from hmi.tags.about import NOTHING, About

LONGEST_TEXT, LONGEST_LIST = 500, 16


@dataclass(frozen=True, slots=True)
class Reading:
    """One value for a template. `at` is ms since 1970, None if never seen; `raw` is the JSON value; `note`
    says why there is none.
    """

    path: str
    raw: Any = None
    quality: str = "stale"
    at: int | None = None
    type: str = ""
    about: About = NOTHING
    note: str = ""

    @property
    def text(self) -> str:
        return text_of(self.raw)


def read(paths: Iterable[str]) -> dict[str, Reading]:
    """The readings of `paths`. A silent worker gives stale ones without a value: the page is made anyway."""
    asked = list(dict.fromkeys(path for path in paths if path))
    if not asked:
        return {}
    try:
        answers = desk.ask("read", paths=asked, about=True)
    except desk.DeskError:
        return {path: Reading(path) for path in asked}
    return {path: _reading(path, answer) for path, answer in zip(asked, answers, strict=False)}


def text_of(value: Any) -> str:
    """A JSON value as one line of text, spelled as static/spelling.js spells it. What is long is cut, and
    says by how much.
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        more = len(value) - LONGEST_TEXT
        return value if more <= 0 else f"{value[:LONGEST_TEXT]}… ({more} more characters)"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, float):
        return _exponent(repr(value))
    if isinstance(value, list):
        shown = [*map(text_of, value[:LONGEST_LIST])]
        more = len(value) - LONGEST_LIST
        return f"[{', '.join([*shown, f'… {more} more'] if more > 0 else shown)}]"
    if isinstance(value, dict):
        rows = len(value.get("rows", ()))
        return f"{rows} {'row' if rows == 1 else 'rows'} of {text_of(value.get('columns', []))}"
    return json.dumps(value, ensure_ascii=False)


def _exponent(text: str) -> str:
    """Python pads exponents, and turns to them at 1e-5 where JavaScript does at 1e-7."""
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    power = int(exponent)
    if -7 < power < 0:
        return f"{Decimal(text):f}"
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"


def _reading(path: str, answer: dict[str, Any]) -> Reading:
    return Reading(
        path=path,
        raw=answer.get("value"),
        quality=str(answer.get("quality") or "Stale").lower(),
        at=milliseconds(answer.get("timestamp")),
        type=str(answer.get("type") or ""),
        about=About(**answer.get("about", {})),
        note=str(answer.get("note") or ""),
    )
