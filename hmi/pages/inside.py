"""What a line of text can't show of a value: a table's rows, a list's elements, a long text.

Cut to what a page can carry, with a note of what is missing. static/inside.js draws the same when the
value changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from hmi.pages.values import LONGEST_TEXT, text_of

MOST_ROWS, MOST_COLUMNS, MOST_ELEMENTS, MOST_CHARACTERS = 50, 20, 200, 4_000


class Column(NamedTuple):
    name: str
    type: str

    @property
    def is_number(self) -> bool:
        return re.fullmatch(r"U?Int\d+|Float|Double", self.type) is not None


@dataclass(frozen=True, slots=True)
class Inside:
    """One of `rows`, `elements` and `text` is filled; `note` says what was cut. A cell of a row is its text,
    and whether it is a number.
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[tuple[str, bool], ...], ...] = ()
    elements: tuple[str, ...] = ()
    text: str = ""
    note: str = ""

    @property
    def shown(self) -> bool:
        return bool(self.columns or self.elements or self.text)


def inside(value: Any) -> Inside:
    """The inside of a JSON value; an empty one for what a line shows whole."""
    if isinstance(value, dict):
        return _table(value)
    if isinstance(value, list):
        shown = tuple(map(text_of, value[:MOST_ELEMENTS]))
        return Inside(elements=shown, note=_more((len(value) - MOST_ELEMENTS, "elements")))
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        more = len(value) - MOST_CHARACTERS
        return Inside(text=value[:MOST_CHARACTERS], note=_more((more, "characters")))
    return Inside()


def _table(value: dict[str, Any]) -> Inside:
    names, types, rows = (value.get(part) or [] for part in ("columns", "types", "rows"))
    columns = [Column(text_of(name), text_of(kind)) for name, kind in zip(names, types, strict=False)]
    numbers = [column.is_number for column in columns[:MOST_COLUMNS]]
    return Inside(
        columns=tuple(columns[:MOST_COLUMNS]),
        rows=tuple(tuple(zip(map(text_of, row), numbers, strict=False)) for row in rows[:MOST_ROWS]),
        note=_more((len(rows) - MOST_ROWS, "rows"), (len(columns) - MOST_COLUMNS, "columns")),
    )


def _more(*missing: tuple[int, str]) -> str:
    parts = [f"{count} more {what}" for count, what in missing if count > 0]
    return f"{' and '.join(parts)} not shown." if parts else ""
