"""What the receiver must not forget: how far each publisher's lines are written, and what is held back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from redundancy.relay.arrivals import Arrivals, Stream
from redundancy.relay.store import Store, remember

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marks (
    publisher TEXT PRIMARY KEY, through INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    publisher TEXT NOT NULL, number INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (publisher, number)) WITHOUT ROWID;
"""


class Line(NamedTuple):
    """One message as it will be written. `at` is its publisher's time in Unix ms, 0 if it said none."""

    topic: str
    payload: bytes
    at: int


@dataclass(slots=True)
class Progress:
    """What one batch changes: marks by publisher, lines held and no longer held, and totals."""

    marks: dict[str, int] = field(default_factory=dict)
    held: list[tuple[str, int, Line]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Inbox:
    """Raises StoreError for a file that can't be used. `receiver` is its name for life."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, "inbox", _SCHEMA)
        name = self._store.fact("receiver")
        self.receiver = uuid.uuid4().hex if name is None else str(name)
        if name is None:
            with self._store.write() as db:
                remember(db, "", {"receiver": self.receiver})
        self.counts = self._store.facts("count ")
        self._has_held = bool(self._store.rows("SELECT 1 FROM held LIMIT 1"))

    def committed(self, output: str) -> int | None:
        """How many bytes of `output` count, None if the last one was another."""
        if self._store.fact("output") != output:
            return None
        return int(str(self._store.fact("offset") or 0))

    @property
    def unsure(self) -> int:
        """Lines that were being written to a pipe when the last run ended: they may come twice."""
        return int(str(self._store.fact("writing") or 0))

    def arrivals(self) -> Arrivals[Line]:
        """As they were committed."""
        found: Arrivals[Line] = Arrivals()
        for name, through in self._store.rows("SELECT publisher, through FROM marks ORDER BY at"):
            found.streams[str(name)] = Stream(int(str(through)))
        for name, number, *line in self._store.rows("SELECT * FROM held"):
            stream = found.streams.get(str(name))
            if stream is not None:
                stream.held[int(str(number))] = Line(*line)  # type: ignore[arg-type]
                stream.gap_since = 0.0
        return found

    def announce(self, lines: int) -> None:
        """`lines` are about to be written to a pipe."""
        with self._store.write() as db:
            remember(db, "", {"writing": lines})

    def commit(self, progress: Progress, output: str, offset: int, now: int) -> None:
        """On the disk when it returns. `now` in Unix ms."""
        with self._store.write() as db:
            marks = [(name, through, now) for name, through in progress.marks.items()]
            db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", marks)
            if self._has_held:
                below = [(name, through) for name, through in progress.marks.items()]
                db.executemany("DELETE FROM held WHERE publisher = ? AND number <= ?", below)
            if progress.held:
                held = [(name, number, *line) for name, number, line in progress.held]
                db.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", held)
                self._has_held = True
            remember(db, "", {"output": output, "offset": str(offset), "writing": "0"})
            remember(db, "count ", progress.counts)

    def forget(self, publishers: Sequence[str]) -> None:
        """Publishers that have been silent longest, so that the file has a bound."""
        with self._store.write() as db:
            for table in ("marks", "held"):
                db.executemany(f"DELETE FROM {table} WHERE publisher = ?", [(name,) for name in publishers])

    def close(self) -> None:
        self._store.close()
