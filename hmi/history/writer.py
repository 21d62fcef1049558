"""The history writer: one thread that turns samples into rows, a batch at a time.

The runtime's loop hands samples over and never waits for a disk. The thread stores each batch in one
transaction; a sample that is already there is counted as a duplicate and changes nothing. While the
disk refuses, samples wait in memory up to a limit; beyond it the oldest are dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from hmi.history.schema import TOUCH, open_file, path_hash
from hmi.tags.value import Quality, code_of
from hmi.tags.wire import special, to_wire
from redundancy.replication.reconciliation import MINUTE
from sparkplug import DataSet, Value

log = logging.getLogger(__name__)

LARGEST_INTEGER = 2**63 - 1
LONGEST_TEXT = 4096
"""Characters of an array, a table or bytes, written as a text."""
LARGEST_TEXT = 1_000_000
"""Characters of any other text: what is longer would not fit on the way to the other node of a pair."""
ADD_SAMPLE = "INSERT OR IGNORE INTO history_sample VALUES (?, ?, ?, ?)"
_MOST_TOLD = 100
# SQLite waits this long (seconds) for another writer, a migration say.
_BUSY = 5.0
_RETRY = 1.0


class Sample(NamedTuple):
    """One value of one tag. The key is (path, timestamp); `timestamp` is ms since 1970 UTC."""

    path: str
    timestamp: int
    value: Value
    quality: Quality
    datatype: str


@dataclass(slots=True)
class Tally:
    """What became of the samples since the writer started; `why` is why the disk refuses, or empty.

    dropped: waited too long for the disk. left_out: what no row can hold (see `put`).
    """

    stored: int = 0
    duplicates: int = 0
    dropped: int = 0
    left_out: int = 0
    why: str = ""


class HistoryWriter:
    """Owns the writing connection to one `history.db`. `put` may be called from any thread."""

    def __init__(self, file: Path, *, interval: float = 0.3, batch: int = 5000, limit: int = 200_000) -> None:
        self.tally = Tally()
        self._file, self._interval, self._batch, self._limit = file, interval, batch, limit
        self._waiting: deque[Sample] = deque()
        # What the thread has taken on and not yet committed: a refused batch is tried again.
        self._taken: list[Sample] = []
        self._ids: dict[str, tuple[int, str]] = {}
        self._told: set[str] = set()
        self._stop, self._wake = threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    @property
    def backlog(self) -> int:
        """How many samples wait to be stored."""
        return len(self._waiting) + len(self._taken)

    def start(self) -> None:
        self._thread.start()

    def put(self, sample: Sample) -> None:
        """Queue one sample; never blocks. Arrays, tables and bytes become a text of at most 4 KB. What is
        longer, or a text of more than a million characters, or has an impossible time, is left out and
        counted.
        """
        if not 0 <= sample.timestamp <= LARGEST_INTEGER:
            self._leave_out(sample, f"{sample.timestamp} is no time")
            return
        if isinstance(sample.value, bytes | tuple):
            text = as_text(sample.value)
            if text is None:
                self._leave_out(sample, f"its {sample.datatype} takes more than {LONGEST_TEXT} bytes")
                return
            sample = sample._replace(value=text)
        elif isinstance(sample.value, str) and len(sample.value) > LARGEST_TEXT:
            self._leave_out(sample, f"its text is longer than {LARGEST_TEXT} characters")
            return
        if len(self._waiting) >= self._limit:
            with contextlib.suppress(IndexError):
                self._waiting.popleft()
            self.tally.dropped += 1
        self._waiting.append(sample)

    def _leave_out(self, sample: Sample, why: str) -> None:
        self.tally.left_out += 1
        # Once for a tag, and not for every tag of a plant that sends nothing else.
        if sample.path not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(sample.path)
            log.warning("history leaves out samples of %s: %s", sample.path, why)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything put so far is on disk; False when that took too long."""
        self._wake.set()
        with self._idle:
            return self._idle.wait_for(lambda: not self.backlog, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Store what waits, then end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            self._wake.wait(self._interval if not self.tally.why else _RETRY)
            self._wake.clear()
            stopping = self._stop.is_set()
            try:
                if connection is None:
                    connection = self._open()
                self._store_waiting(connection)
                self._well()
            except sqlite3.Error as error:
                self._unwell(error)
                self._forget(connection)
                connection = None
            if stopping:
                self._forget(connection)
                return

    def _open(self) -> sqlite3.Connection:
        connection = open_file(self._file, _BUSY)
        self._ids = {
            path: (number, datatype)
            for number, path, datatype in connection.execute("SELECT id, path, datatype FROM history_tag")
        }
        return connection

    def _store_waiting(self, connection: sqlite3.Connection) -> None:
        while self.backlog:
            while self._waiting and len(self._taken) < self._batch:
                with contextlib.suppress(IndexError):
                    self._taken.append(self._waiting.popleft())
            new = self._store(connection, self._taken)
            self.tally.stored += new
            self.tally.duplicates += len(self._taken) - new
            self._taken = []
        with self._idle:
            self._idle.notify_all()

    def _store(self, connection: sqlite3.Connection, batch: list[Sample]) -> int:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = [
                (self._id(connection, s), s.timestamp, storable(s.value), code_of(s.quality)) for s in batch
            ]
            new = connection.executemany(ADD_SAMPLE, rows).rowcount
            if new:
                connection.executemany(TOUCH, {(sample.timestamp // MINUTE,) for sample in batch})
            connection.execute("COMMIT")
        except BaseException:
            self._ids.clear()
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return new

    def _id(self, connection: sqlite3.Connection, sample: Sample) -> int:
        known = self._ids.get(sample.path)
        if known is not None and known[1] == sample.datatype:
            return known[0]
        number: int = connection.execute(
            "INSERT INTO history_tag (path, datatype, hash) VALUES (?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET datatype = excluded.datatype RETURNING id",
            (sample.path, sample.datatype, path_hash(sample.path)),
        ).fetchone()[0]
        self._ids[sample.path] = (number, sample.datatype)
        return number

    def _well(self) -> None:
        if self.tally.why:
            log.warning("history can be written again; %d samples were dropped", self.tally.dropped)
            self.tally.why = ""

    def _unwell(self, error: sqlite3.Error) -> None:
        if not self.tally.why:
            log.error("history cannot be written: %s", error)
        self.tally.why = str(error)

    def _forget(self, connection: sqlite3.Connection | None) -> None:
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def as_text(value: Value) -> str | None:
    """An array or a table as compact JSON, bytes as Base64; None where that is longer than a row takes."""
    # An element takes two bytes or more: what is far too long is not even spelled.
    if isinstance(value, DataSet):
        cells = len(value.columns) * (1 + len(value.rows))
    else:
        cells = len(value) if isinstance(value, bytes | tuple) else 0
    if cells > LONGEST_TEXT:
        return None
    wire = to_wire(value)
    text = wire.encode() if isinstance(wire, str) else orjson.dumps(wire)
    return text.decode() if len(text) <= LONGEST_TEXT else None


def storable(value: Value) -> int | float | str | None:
    """A value as a typeless SQLite column keeps it: no bool, no NaN (it would become NULL), 63 bits."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else special(value)
    if isinstance(value, int):
        return value if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else str(value)
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"history keeps no {type(value).__name__}")
