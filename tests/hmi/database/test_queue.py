"""Writers of one database: each comes when those before it are through, and nobody is forgotten."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError, load_backend

from hmi.database.turns import Turns
from hmi.settings import DATABASES
from tests.waiting import wait_for

HANDS, ROUNDS, HELD = 5, 20, 0.02


@pytest.fixture(autouse=True)
def real_files(django_db_blocker):
    """These tests bring files of their own; the database of the tests is not touched."""
    with django_db_blocker.unblock():
        yield


def connected(file: Path, **options: object) -> BaseDatabaseWrapper:
    """A connection as the settings of the product make it, to this file."""
    usual = {"TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True}
    said = usual | DATABASES["default"] | {"NAME": file}
    said["OPTIONS"] = {**DATABASES["default"]["OPTIONS"], **options}  # type: ignore[dict-item]
    made: BaseDatabaseWrapper = load_backend(str(said["ENGINE"])).DatabaseWrapper(said, "queue")
    return made


@contextmanager
def writing(database: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction that has the write lock; what `transaction.atomic` does for a connection of its own."""
    database.ensure_connection()
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        yield
        database.commit()
    except BaseException:
        database.rollback()
        raise
    finally:
        database.set_autocommit(True)


def together(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_nobody_is_overtaken_by_those_who_came_later(tmp_path):
    """By the count, not by the clock: how many others began between one's asking and one's turn."""
    begun: list[int] = []
    overtaken: list[int] = []

    def hand(number: int) -> None:
        database = connected(tmp_path / "config.db")
        for _ in range(ROUNDS):
            before = len(begun)
            with writing(database):
                overtaken.append(len(begun) - before)
                begun.append(number)
                time.sleep(HELD)
        database.close()

    together(*(lambda number=number: hand(number) for number in range(HANDS)))
    assert len(begun) == HANDS * ROUNDS
    assert max(overtaken) <= HANDS, "one waits for those who were there before, and for them once"


def test_a_writer_of_another_process_comes_between(tmp_path):
    """The worker beside the web process, as it takes the peer's records one batch after the other."""
    file = tmp_path / "config.db"
    other = (
        f"import sqlite3, time\nheld = sqlite3.connect({str(file)!r}, timeout=5, isolation_level=None)\n"
        "end = time.monotonic() + 30\n"
        "print('begins', flush=True)\n"
        "while time.monotonic() < end:\n"
        f"    held.execute('BEGIN IMMEDIATE'); time.sleep({HELD}); held.execute('COMMIT'); time.sleep(0.01)\n"
    )
    database = connected(file)
    with writing(database):
        pass
    worker = subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begins\n"
        for _ in range(20):
            with writing(database):
                pass
        assert worker.poll() is None, "it was writing all the time"
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()  # type: ignore[union-attr]
        database.close()


def test_a_lock_that_is_never_given_back_is_told_after_the_time_out_and_holds_up_nobody_after(tmp_path):
    holder = sqlite3.connect(tmp_path / "config.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    refused: list[str] = []

    def hand() -> None:
        database = connected(tmp_path / "config.db", timeout=0.3, init_command="")
        try:
            with writing(database):
                pass
        except OperationalError as error:
            refused.append(str(error))
        finally:
            database.close()

    start = time.monotonic()
    together(hand, hand, hand)
    assert time.monotonic() - start >= 0.3
    assert len(refused) == 3
    assert all("database is locked" in reason for reason in refused)
    holder.execute("COMMIT")
    together(hand)
    assert len(refused) == 3
    holder.close()


def test_what_is_wrong_with_the_database_is_told_at_once(tmp_path):
    (tmp_path / "config.db").write_bytes(b"no database at all" * 100)
    database = connected(tmp_path / "config.db", init_command="")
    with pytest.raises(Exception, match="not a database"), writing(database):
        pass
    database.close()


def test_the_turn_goes_to_the_next_one_when_somebody_gives_up_waiting():
    turns, came = Turns(), threading.Event()

    def patient() -> None:
        with turns.mine(time.monotonic() + 30):
            came.set()

    with turns.mine(time.monotonic()):
        with pytest.raises(TimeoutError), turns.mine(time.monotonic() + 0.05):
            pass
        waiter = threading.Thread(target=patient)
        waiter.start()
        assert not came.wait(0.05)
    wait_for(came.is_set, "the one behind has its turn")
    waiter.join()


def test_both_databases_of_a_node_are_opened_with_the_queue():
    assert {said["ENGINE"] for said in DATABASES.values()} == {"hmi.database"}
    assert transaction.get_connection().__class__.__module__ == "hmi.database.base"
