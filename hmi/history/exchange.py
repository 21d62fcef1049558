"""A node's samples as the pair exchanges them: the store behind redundancy.replication.reconciliation.

It has a connection of its own to `history.db`, beside the writer's, and holds the file no longer than a
page of samples takes. What it keeps is new to this node: the writer's own counts know nothing of it.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hmi.history.schema import COUNT, COUNT_DAYS, MARK, TOUCH, open_file, path_hash
from hmi.history.writer import ADD_SAMPLE, LARGEST_INTEGER, LARGEST_TEXT
from hmi.tags import path as paths
from redundancy.replication.reconciliation import DAY, MINUTE, Cursor, Digest, Unavailable
from sparkplug import DataType

PAGE = 1000
"""Samples on one page."""
PAGE_TEXT = 64_000
"""Characters of text values on one page; a longer one travels alone."""
_AT_ONCE = 60
"""Minutes that are counted anew in one go."""
_BUSY = 1.0
"""Seconds to wait for the writer. It goes first: a page that can't be stored now comes again."""
_DATATYPES = frozenset(DataType.__members__)

# Whole days first, then the whole minutes after them: of years of history only days are read.
_WHOLE = """
    SELECT at / :width * :width, sum(size), sum(total) FROM (
        SELECT day * 86400000 AS at, size, total FROM history_day
        WHERE day >= :start / 86400000 AND day < :days / 86400000
        UNION ALL
        SELECT minute * 60000, size, total FROM history_minute
        WHERE minute >= :days / 60000 AND minute < :end / 60000
    ) GROUP BY 1 HAVING sum(size) > 0 ORDER BY 1 LIMIT :limit
"""
_CHANGED = """
    SELECT minute, changes FROM history_minute
    WHERE counted != changes AND minute >= ? AND minute < ? ORDER BY minute LIMIT ?
"""
_COUNTED = "UPDATE history_minute SET size = ?, total = ?, counted = ? WHERE minute = ?"
_NAMES = f"""
    SELECT hash, count(*), sum({MARK}) FROM history_tag
    CROSS JOIN history_sample ON tag = id AND ts >= :start AND ts < :end
    WHERE hash > :after GROUP BY hash ORDER BY hash LIMIT :limit
"""
_OF_TAG = "SELECT ts, value, quality FROM history_sample WHERE tag = ? AND ts >= ? AND ts < ? ORDER BY ts"

Series = list[Any]
"""[path, datatype, [[ms, value, quality code], ...]], one tag's samples in order of time."""


class HistoryExchange:
    """Implements ItemStore (redundancy.replication.reconciliation). Opened by the first question."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def slots(self, start: int, end: int, width: int, limit: int) -> list[Digest]:
        """See ItemStore."""
        broken = max(start, end // MINUTE * MINUTE)
        with self._open() as connection:
            _count_changed(connection, start // MINUTE, end // MINUTE)
            days = max(start, end // DAY * DAY) if width >= DAY else start
            asked = {"start": start, "days": days, "end": end, "width": width, "limit": limit}
            found = [Digest(*row) for row in connection.execute(_WHOLE, asked)]
            rest = connection.execute(COUNT, {"start": broken, "end": end}).fetchone()
        if rest is not None:
            _, size, total = rest
            last = broken // width * width
            if found and found[-1].key == last:
                found[-1] = Digest(last, found[-1].size + size, found[-1].total + total)
            elif len(found) < limit:
                found.append(Digest(last, size, total))
        return found

    def names(self, start: int, end: int, after: int, limit: int) -> list[Digest]:
        """See ItemStore."""
        with self._open() as connection:
            asked = {"start": start, "end": end, "after": after, "limit": limit}
            return [Digest(*row) for row in connection.execute(_NAMES, asked)]

    def items(
        self, start: int, end: int, names: Sequence[int], after: Cursor | None
    ) -> tuple[list[Series], Cursor | None]:
        """See ItemStore."""
        page = _Page()
        with self._open() as connection:
            for number, path, datatype in _tags(connection, names):
                first = start
                if after is not None and path <= after[0]:
                    if path < after[0]:
                        continue
                    first = max(start, after[1] + 1)
                with contextlib.closing(connection.execute(_OF_TAG, (number, first, end))) as rows:
                    if not page.take(path, datatype, rows):
                        return page.series, page.last
        return page.series, None

    def add(self, items: list[Any]) -> int:
        """See ItemStore. Where this node has another value under the same key, its own stays."""
        checked = [_checked(one) for one in items]
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                new = 0
                for path, datatype, samples in checked:
                    number = _number(connection, path, datatype)
                    rows = [(number, *sample) for sample in samples]
                    added = connection.executemany(ADD_SAMPLE, rows).rowcount
                    if added:
                        new += added
                        connection.executemany(TOUCH, {(at // MINUTE,) for at, _, _ in samples})
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return new

    def close(self) -> None:
        """See ItemStore."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection; one that has failed is closed, and the next question opens another."""
        try:
            if self._connection is None:
                self._connection = open_file(self._file, _BUSY)
            yield self._connection
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self.close()
            raise Unavailable(f"history can't be exchanged: {error}") from error


class _Page:
    """Fills up with series until it has as much as one page takes."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self.last: Cursor | None = None
        self._samples = 0
        self._text = 0

    def take(self, path: str, datatype: str, rows: sqlite3.Cursor) -> bool:
        """False when some of the rows did not fit on it."""
        samples: list[list[Any]] = []
        for ts, value, quality in rows:
            text = len(value) if isinstance(value, str) else 0
            if text > LARGEST_TEXT:
                continue  # from before the writer left such texts out: it fits into no frame
            self._samples += 1
            self._text += text
            if self._samples > 1 and (self._samples > PAGE or self._text > PAGE_TEXT):
                break
            if not samples:
                self.series.append([path, datatype, samples])
            samples.append([ts, value, quality])
            self.last = (path, ts)
        else:
            return True
        return False


def _count_changed(connection: sqlite3.Connection, first: int, end: int) -> None:
    """Count the minutes of this range anew that have changed since they were counted, some at a time."""
    while changed := dict(connection.execute(_CHANGED, (first, end, _AT_ONCE))):
        begin = min(changed)
        changed = {minute: changes for minute, changes in changed.items() if minute < begin + _AT_ONCE}
        first = max(changed) + 1
        # What is added from here on is another change than those seen: it will be counted next time.
        span = {"start": begin * MINUTE, "end": first * MINUTE}
        found = {minute: (size, total) for minute, size, total in connection.execute(COUNT, span)}
        rows = [(*found.get(minute, (0, 0)), changes, minute) for minute, changes in changed.items()]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_COUNTED, rows)
        connection.execute(COUNT_DAYS, {"first": begin, "last": first - 1})
        connection.execute("COMMIT")


def _tags(connection: sqlite3.Connection, names: Sequence[int]) -> list[tuple[int, str, str]]:
    """The tags whose paths have these hashes, by path."""
    marks = ",".join("?" * len(names))
    asked = f"SELECT id, path, datatype FROM history_tag WHERE hash IN ({marks})"
    return sorted(connection.execute(asked, list(names)), key=lambda row: str(row[1]))


def _number(connection: sqlite3.Connection, path: str, datatype: str) -> int:
    """A tag's id. Its datatype is what this node's own samples say; the peer's only if it has none."""
    connection.execute(
        "INSERT OR IGNORE INTO history_tag (path, datatype, hash) VALUES (?, ?, ?)",
        (path, datatype, path_hash(path)),
    )
    return int(connection.execute("SELECT id FROM history_tag WHERE path = ?", (path,)).fetchone()[0])


def _checked(one: Any) -> tuple[str, str, list[tuple[int, Any, int]]]:
    """One series of the peer's. Raises ValueError naming what is wrong with it."""
    match one:
        case [str() as path, str() as datatype, [_, *_] as samples]:
            if paths.canonical(path) != path:
                raise ValueError(f"items: {path[:80]!r} is not spelled as a tag's path")
            if datatype not in _DATATYPES:
                raise ValueError(f"items: {path}: {datatype[:40]!r} is no datatype")
            return path, datatype, [_sample(path, sample) for sample in samples]
    raise ValueError("items: holds what is no series of samples")


def _sample(path: str, sample: Any) -> tuple[int, Any, int]:
    match sample:
        case [int() as ts, value, int() as quality]:
            if isinstance(ts, bool) or not 0 <= ts <= LARGEST_INTEGER:
                raise ValueError(f"items: {path}: {ts} is no time")
            if isinstance(quality, bool) or not 0 <= quality <= LARGEST_INTEGER:
                raise ValueError(f"items: {path}: {quality} is no quality")
            if not _storable(value):
                raise ValueError(f"items: {path}: a sample's value can't be kept")
            return ts, value, quality
    raise ValueError(f"items: {path}: holds what is no sample")


def _storable(value: Any) -> bool:
    """What the writer stores, and nothing else."""
    match value:
        case None:
            return True
        case bool():
            return False
        case int():
            return -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER
        case float():
            return math.isfinite(value)
        case str():
            return len(value) <= LARGEST_TEXT and not any("\ud800" <= letter <= "\udfff" for letter in value)
    return False
