"""A set of items in memory, as one node of a pair keeps them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redundancy.replication.reconciliation import Cursor, Digest

Key = tuple[str, int]
PAGE = 7


def hashed(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFF  # few enough that names share one


def mark(key: Key) -> int:
    return zlib.crc32(f"{hashed(key[0])} {key[1]}".encode())


class ItemSet:
    """Implements ItemStore. `page` items travel at once; `sent` counts those that did."""

    def __init__(self, items: Iterable[Key] = (), value: str = "", page: int = PAGE) -> None:
        self.items_held: dict[Key, str] = dict.fromkeys(items, value)
        self.page = page
        self.sent = 0
        self.closed = False

    @property
    def keys(self) -> set[Key]:
        return set(self.items_held)

    def slots(self, start: int, end: int, width: int, limit: int) -> list[Digest]:
        return self._digests(start, end, lambda key: key[1] // width * width)[:limit]

    def names(self, start: int, end: int, after: int, limit: int) -> list[Digest]:
        found = self._digests(start, end, lambda key: hashed(key[0]))
        return [digest for digest in found if digest.key > after][:limit]

    def items(
        self, start: int, end: int, names: Sequence[int], after: Cursor | None
    ) -> tuple[list[Any], Cursor | None]:
        wanted = sorted(
            key
            for key in self.items_held
            if hashed(key[0]) in names and start <= key[1] < end and (after is None or key > after)
        )
        page = wanted[: self.page]
        self.sent += len(page)
        return [[*key, self.items_held[key]] for key in page], page[-1] if len(wanted) > len(page) else None

    def add(self, items: list[Any]) -> int:
        checked: dict[Key, str] = {}
        for item in items:
            match item:
                case [str() as name, int() as at, str() as value]:
                    checked[name, at] = value
                case _:
                    raise ValueError("items: holds what is no item")
        new = checked.keys() - self.items_held.keys()
        self.items_held = checked | self.items_held
        return len(new)

    def close(self) -> None:
        self.closed = True

    def _digests(self, start: int, end: int, part: Callable[[Key], int]) -> list[Digest]:
        found: dict[int, Digest] = {}
        for key in self.items_held:
            if start <= key[1] < end:
                old = found.get(part(key), Digest(part(key), 0, 0))
                found[part(key)] = Digest(old.key, old.size + 1, old.total + mark(key))
        return sorted(found.values())
