"""Django's SQLite backend, with a queue for those who want to write.

SQLite has one writer at a time and no queue: whoever finds the lock taken naps and looks again, after up to
a tenth of a second, and is overtaken by everybody who comes by meanwhile. With a few threads that write all
the time (audit rows of orders, the peer's records) one of them stayed outside for seconds. Here the threads
of a process ask one after the other, and the one whose turn it is looks every few milliseconds. So only the
first of each process (web, worker) meet at the file, and nobody waits much longer than those before it take.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from hmi.database.turns import Turns

_GLANCES = 8
"""Milliseconds that SQLite looks by itself, after 1, 3 and 8 of them: its naps grow longer beyond that."""

_turns: defaultdict[str, Turns] = defaultdict(Turns)  # by file


class DatabaseWrapper(base.DatabaseWrapper):
    """`timeout` of the options holds for the whole wait: for the turn, and then for the lock."""

    def _start_transaction_under_autocommit(self) -> None:
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))
        until = time.monotonic() + patience
        try:
            with _turns[str(self.settings_dict["NAME"])].mine(until):
                self._begin(until, round(patience * 1000))
        except TimeoutError:
            raise OperationalError(
                f"database is locked: others have been writing for {patience:g} s"
            ) from None

    def _begin(self, until: float, ordinary: int) -> None:
        connection: Any = self.connection
        connection.execute(f"PRAGMA busy_timeout = {_GLANCES}")
        try:
            while True:
                try:
                    super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
                    return
                except OperationalError as error:
                    if not _busy(error) or time.monotonic() >= until:
                        raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {ordinary}")


def _busy(error: OperationalError) -> bool:
    cause = error.__cause__
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_BUSY
