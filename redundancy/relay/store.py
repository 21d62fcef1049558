"""The SQLite file that an outbox or an inbox is kept in: one owner, batches, errors in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The file can't be used. `full`: only because there is no room, so it may go on later."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


class Store:
    """`kind` is what the file is for ("outbox", "inbox"), said in errors and kept in the file.

    WAL, and a commit is on the disk when `write` returns. The file is locked for as long as it is open.
    """

    def __init__(self, path: Path, kind: str, schema: str) -> None:
        self.path = path
        self._kind = kind
        with self._plainly():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
        try:
            with self._plainly():
                self._prepare(schema)
        except StoreError:
            self._db.close()
            raise

    def _prepare(self, schema: str) -> None:
        db = self._db
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        db.executescript(_SCHEMA + schema)
        kind = self.fact("kind")
        if kind is None:
            self._db.execute("INSERT INTO facts VALUES ('kind', ?)", (self._kind,))
        elif kind != self._kind:
            raise StoreError(f"{self.path} is an {kind}, not an {self._kind}")

    def close(self) -> None:
        with self._plainly():
            self._db.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: everything or nothing. Raises StoreError."""
        with self._plainly():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself gives up a transaction when the disk is full
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._plainly():
            return self._db.execute(query, values).fetchall()

    def fact(self, name: str) -> object:
        """What is remembered under a name, None if nothing is."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def facts(self, prefix: str) -> dict[str, int]:
        """The numbers whose names begin with `prefix`, without it."""
        found = self.rows("SELECT name, value FROM facts WHERE name GLOB ?", prefix + "*")
        return {str(name).removeprefix(prefix): int(str(value)) for name, value in found}

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._in_words(error) from None

    def _in_words(self, error: sqlite3.Error) -> StoreError:
        name = getattr(error, "sqlite_errorname", "") or ""
        what = f"the {self._kind} {self.path}"
        if name.startswith("SQLITE_FULL") or name == "SQLITE_IOERR_WRITE":
            return StoreError(f"{what} can't be written: no space left on the device", full=True)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreError(f"{what} is in use by another process")
        if name.startswith("SQLITE_READONLY"):
            return StoreError(f"{what} may not be written")
        if name.startswith("SQLITE_CANTOPEN"):
            return StoreError(f"{what} can't be opened: is its folder there, and may it be written?")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or type(error) is sqlite3.DatabaseError:
            return StoreError(f"{what} is damaged ({error}): move it away to begin a new one")
        return StoreError(f"{what} can't be used: {error}")


def remember(db: sqlite3.Connection, prefix: str, values: dict[str, int] | dict[str, str]) -> None:
    """Within a transaction: write facts."""
    db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", [(prefix + k, v) for k, v in values.items()])
