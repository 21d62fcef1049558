"""The tables of history: a dictionary of paths, samples under a permanent key, and digests by minute.

History is a set. A sample's key is (tag, ms), so storing it twice changes nothing, and a node may be
sent the same samples again and again until it has them all. Rows lie in key order without a hidden
row number (WITHOUT ROWID): measured at 28 bytes a sample and 0.2 ms for one tag's range. The value
column has no type: SQLite keeps whole numbers, reals and texts as what they are. An array or a table is a
text, too: JSON as on the wire; bytes are Base64. The tag's datatype says which.

The digest of a minute is how many samples lie in it and the sum of their marks: two nodes of a pair compare
them to find what one of them lacks. Whoever adds samples says in the same transaction which minutes have
changed (`TOUCH`), and before it compares a node counts those anew (`COUNT`), and their days. What that adds
to storing can hardly be measured; a trigger for every sample took half as long again. A mark is a number of
31 bits made from the sample's time and a hash of its path (ids differ between nodes). It has to be well
mixed: with a plain product, {1, 4} and {2, 3} of a regular series would have one sum. SQLite knows neither
XOR nor a hash, so it is the middle of a square, twice.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

TABLES = (
    """
    CREATE TABLE history_tag (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        datatype TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE history_sample (
        tag INTEGER NOT NULL,
        ts INTEGER NOT NULL,
        value,
        quality INTEGER NOT NULL,
        PRIMARY KEY (tag, ts)
    ) WITHOUT ROWID
    """,
)
DROP = ("DROP TABLE history_sample", "DROP TABLE history_tag")

_BITS = 0x7FFFFFFF


def open_file(file: Path, patience: float) -> sqlite3.Connection:
    """Waits `patience` seconds for whoever writes. One thread at a time. Raises sqlite3.Error."""
    connection = sqlite3.connect(file, timeout=patience, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def path_hash(path: str) -> int:
    """31 bits of a path, the same on every node."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=4).digest()) & _BITS


def mark(ts: str, hashed: str) -> str:
    """SQL for a sample's mark, from SQL for its time (ms) and for its path's hash; nothing overflows."""
    spread = f"(({ts} & 0x3FFFFFFFFFF) * 1566083 + {hashed} * 3 & {_BITS})"
    once = f"(({spread} * {spread} >> 15 & {_BITS}) + 1)"
    return f"({once} * {once} >> 15 & {_BITS})"


MARK = mark("ts", "hash")
HASH = "ALTER TABLE history_tag ADD COLUMN hash INTEGER NOT NULL DEFAULT 0"
DIGESTS = (
    "CREATE INDEX history_tag_hash ON history_tag (hash)",
    """
    CREATE TABLE history_minute (
        minute INTEGER PRIMARY KEY,
        size INTEGER NOT NULL DEFAULT 0,
        total INTEGER NOT NULL DEFAULT 0,
        changes INTEGER NOT NULL DEFAULT 1,
        counted INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX history_minute_changed ON history_minute (minute) WHERE counted != changes",
    f"""
    INSERT INTO history_minute
    SELECT ts / 60000, count(*), sum({MARK}), 1, 1
    FROM history_sample JOIN history_tag ON id = tag GROUP BY ts / 60000
    """,
    """
    CREATE TABLE history_day (
        day INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        total INTEGER NOT NULL
    )
    """,
    "INSERT INTO history_day SELECT minute / 1440, sum(size), sum(total) FROM history_minute GROUP BY 1",
    """
    CREATE TRIGGER history_sample_removed AFTER DELETE ON history_sample BEGIN
        UPDATE history_minute SET changes = changes + 1 WHERE minute = old.ts / 60000;
    END
    """,
)
TOUCH = (
    "INSERT INTO history_minute (minute) VALUES (?) ON CONFLICT (minute) DO UPDATE SET changes = changes + 1"
)
"""The samples of this minute are others than they were."""
COUNT = f"""
    SELECT ts / 60000, count(*), sum({MARK}) FROM history_tag
    CROSS JOIN history_sample ON tag = id AND ts >= :start AND ts < :end
    GROUP BY 1
"""
"""The digests of the minutes in a range (ms): by tag, as samples lie; there is no index by time alone."""
COUNT_DAYS = """
    INSERT OR REPLACE INTO history_day
    SELECT minute / 1440, sum(size), sum(total) FROM history_minute
    WHERE minute >= :first / 1440 * 1440 AND minute < (:last / 1440 + 1) * 1440
    GROUP BY 1
"""
"""The digests of the days in which these minutes lie, from those of their minutes."""
DROP_DIGESTS = (
    "DROP TRIGGER history_sample_removed",
    "DROP TABLE history_day",
    "DROP TABLE history_minute",
    "DROP INDEX history_tag_hash",
)
DROP_HASH = "ALTER TABLE history_tag DROP COLUMN hash"
COMPLETE = (*TABLES, HASH, *DIGESTS)
"""An empty history database, as all migrations together make it."""
