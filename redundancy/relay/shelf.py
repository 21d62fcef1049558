"""The part of the outbox that is in memory, because it is sent next."""

from __future__ import annotations

from collections.abc import Sequence

from redundancy.relay.outbox import Row

ROWS = 4000
SIZE = 32 * 1024 * 1024


class Shelf:
    """Rows from number `first` up to and without `end`; one that is missing in between is gone."""

    def __init__(self, first: int) -> None:
        self.first = self.end = first
        self._rows: dict[int, Row] = {}
        self._size = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Rows that were just committed, if they follow on and there is room; others are read later."""
        for row in rows:
            if row.number != self.end or not self.has_room():
                return
            self._put(row)

    def fill(self, rows: Sequence[Row], end: int) -> None:
        """What the outbox has from `self.end` on: everything below `end`."""
        for row in rows:
            self._put(row)
        self.end = max(self.end, end)

    def get(self, number: int) -> Row | None:
        return self._rows.get(number)

    def drop(self, floor: int) -> None:
        """What is below `floor` is not needed any more."""
        for number in range(self.first, min(floor, self.end)):
            row = self._rows.pop(number, None)
            if row is not None:
                self._size -= len(row.payload)
        self.first = max(self.first, floor)
        self.end = max(self.end, floor)

    def has_room(self) -> bool:
        return self.end - self.first < ROWS and self._size < SIZE

    def _put(self, row: Row) -> None:
        self._rows[row.number] = row
        self._size += len(row.payload)
        self.end = row.number + 1
