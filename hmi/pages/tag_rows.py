"""Tags as pages list them: the value, what is said of it, and whether a write may be offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hmi.pages.values import Reading, read
from hmi.people.rights import Right, may
from hmi.tags import path as paths
from hmi.tags.models import Tag


@dataclass(frozen=True, slots=True)
class Row:
    """One tag. `configured` is its row, if it is one of this gateway's own."""

    name: str
    reading: Reading
    type: str
    configured: Tag | None
    writable: bool

    @property
    def unit(self) -> str:
        return self.configured.unit if self.configured else self.reading.about.unit

    @property
    def documentation(self) -> str:
        about = self.reading.about
        return self.configured.description if self.configured else about.documentation or about.tooltip

    @property
    def low(self) -> float | None:
        """The lowest value that will be taken. What an edge node calls its range is for information only."""
        return self.configured.low if self.configured else None

    @property
    def high(self) -> float | None:
        return self.configured.high if self.configured else None


def rows_of(children: list[dict[str, Any]], user: Any) -> list[Row]:
    """The rows of tags as `browse` has told them."""
    readings = read(child["path"] for child in children)
    held = {tag.path: tag for tag in Tag.objects.filter(path__in=readings)}
    writes = may(user, Right.WRITE)
    rows = []
    for child in children:
        path = child["path"]
        tag, reading = held.get(path), readings.get(path, Reading(path))
        writable = writes and not reading.about.read_only and (tag.writable if tag else _commandable(path))
        rows.append(Row(child["name"], reading, child.get("type") or reading.type, tag, writable))
    return rows


def _commandable(path: str) -> bool:
    """Whether a write may be offered: an edge's metric. The runtime says in the end whether it takes it."""
    provider, names = paths.split(path)
    return provider == paths.ENGINE and names[:1] == ("Edge Nodes",) and "Node Info" not in names[:4]


def trail(path: str) -> list[dict[str, str]]:
    """The folders above and the path itself, from the provider down."""
    found: list[dict[str, str]] = []
    at: str | None = path or None
    while at:
        found.append({"name": paths.name(at), "path": at})
        at = paths.parent(at)
    return found[::-1]
