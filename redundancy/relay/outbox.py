"""The durable outbox: what was read and is not safe yet. Used from any thread, one at a time."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from redundancy.relay.lines import Place
from redundancy.relay.store import Store, StoreError, remember

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS aside (
    number INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, at INTEGER NOT NULL,
    code INTEGER NOT NULL, server TEXT NOT NULL);
"""
_ROW = 64  # bytes that a row costs beside its topic and payload
ASIDE = 10_000
"""Refused messages that are kept; of more, only the count."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the outbox holds; `age` in seconds, None: for ever. When it is full, reading waits, or with
    `drop_oldest` the oldest make room."""

    rows: int = 1_000_000
    size: int = 1_000_000_000
    age: float | None = None
    drop_oldest: bool = False


class Row(NamedTuple):
    """One message. `at` is when it was taken over, in Unix milliseconds."""

    number: int
    topic: str
    payload: bytes
    at: int


class Outbox:
    """Raises StoreError for a file that can't be used, everywhere. `publisher` is its name for life.

    Numbers begin at 1 and are never given twice, over restarts as well.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._store = Store(path, "outbox", _SCHEMA)
        self.publisher = self._name()
        self.counts = self._store.facts("count ")
        first, count, size = self._store.rows(
            "SELECT min(number), count(*), total(length(payload) + length(topic)) FROM messages"
        )[0]
        self.rows = int(str(count))
        self.size = int(float(str(size))) + self.rows * _ROW
        self.top = int(str(self._store.fact("top") or 0))
        self.floor = int(str(first)) if first is not None else self.top + 1

    def _name(self) -> str:
        name = self._store.fact("publisher")
        if name is None:
            name = uuid.uuid4().hex
            with self._store.write() as db:
                remember(db, "", {"publisher": name})
        return str(name)

    @property
    def place(self) -> Place | None:
        """How far the input file was taken over."""
        found = {n: self._store.fact(f"input {n}") for n in ("path", "offset", "before")}
        if found["path"] is None:
            return None
        return Place(str(found["path"]), int(str(found["offset"])), str(found["before"]))

    def close(self) -> None:
        with self._lock:
            self._store.close()

    def has_room(self) -> bool:
        """Whether anything may be appended; always with `drop_oldest`."""
        bounds = self._bounds
        return bounds.drop_oldest or (self.rows < bounds.rows and self.size < bounds.size)

    def append(
        self, lines: Sequence[tuple[str, bytes]], at: int, place: Place | None, counts: dict[str, int]
    ) -> list[Row]:
        """(topic, payload) each; on the disk when it returns, together with `place` and `counts`."""
        with self._lock:
            rows = [Row(self.top + 1 + i, topic, payload, at) for i, (topic, payload) in enumerate(lines)]
            with self._store.write() as db:
                db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows)
                if rows:
                    remember(db, "", {"top": rows[-1].number})
                if place is not None:
                    named = {"path": place.path, "offset": str(place.offset), "before": place.before}
                    remember(db, "input ", named)
                remember(db, "count ", counts)
            self.top += len(rows)
            self.rows += len(rows)
            self.size += sum(len(row.payload) + len(row.topic) + _ROW for row in rows)
            return rows

    def read(self, first: int, count: int) -> list[Row]:
        """At most `count` rows from number `first` on; numbers may be missing."""
        with self._lock:
            found = self._store.rows(
                "SELECT number, topic, payload, at FROM messages WHERE number >= ? ORDER BY number LIMIT ?",
                first,
                count,
            )
        return [Row(*row) for row in found]  # type: ignore[arg-type]

    def forget(self, floor: int, counts: dict[str, int]) -> None:
        """Everything below `floor` is settled."""
        with self._lock:
            gone, size = self._weigh(floor)
            with self._store.write() as db:
                if gone:
                    db.execute("DELETE FROM messages WHERE number < ?", (floor,))
                remember(db, "count ", counts)
            self._lighter(gone, size)
            self.floor = max(self.floor, floor)

    def put_aside(self, number: int, code: int, server: str) -> None:
        """A server has refused the message; it is kept with the reason, and not sent again."""
        with self._lock:
            row = self._store.rows(
                "SELECT length(payload) + length(topic) FROM messages WHERE number = ?", number
            )
            with self._store.write() as db:
                db.execute(
                    "INSERT OR IGNORE INTO aside SELECT *, ?, ? FROM messages WHERE number = ?"
                    " AND (SELECT count(*) FROM aside) < ?",
                    (code, server, number, ASIDE),
                )
                db.execute("DELETE FROM messages WHERE number = ?", (number,))
            self._lighter(len(row), sum(int(str(size)) for (size,) in row))

    def surplus(self, now: int) -> int:
        """The number below which everything is too old (at `now`, ms) or, with `drop_oldest`, too much."""
        with self._lock:
            floor = self.floor
            if self._bounds.age is not None:
                old = self._store.rows(
                    "SELECT max(number) FROM messages WHERE at < ?", now - int(self._bounds.age * 1000)
                )[0][0]
                floor = max(floor, int(str(old)) + 1) if old is not None else floor
            if self._bounds.drop_oldest:
                floor = max(floor, self._too_much())
            return floor

    def _too_much(self) -> int:
        bounds = self._bounds
        surplus = self.rows - bounds.rows
        if self.size > bounds.size:  # by the average: sizes vary less than the bound is exact
            surplus = max(surplus, (self.size - bounds.size) * self.rows // self.size + 1)
        if surplus <= 0:
            return self.floor
        found = self._store.rows("SELECT number FROM messages ORDER BY number LIMIT 1 OFFSET ?", surplus)
        return int(str(found[0][0])) if found else self.top + 1

    def _weigh(self, floor: int) -> tuple[int, int]:
        count, size = self._store.rows(
            "SELECT count(*), total(length(payload) + length(topic)) FROM messages WHERE number < ?", floor
        )[0]
        return int(str(count)), int(float(str(size)))

    def _lighter(self, rows: int, size: int) -> None:
        self.rows -= rows
        self.size -= size + rows * _ROW


__all__ = ["ASIDE", "Bounds", "Outbox", "Row", "StoreError"]
