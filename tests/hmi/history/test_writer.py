"""The history writer on a real SQLite file."""

import math
import sqlite3
import threading
import time

import pytest

from hmi.history import schema
from hmi.history.writer import HistoryWriter, Sample
from hmi.tags.value import Quality
from sparkplug import DataSet, DataType

TAG = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Counter"
TABLE = DataSet(("a", "b"), (DataType.Int8, DataType.String), ((1, None), (2, "x")))


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "history.db"
    with sqlite3.connect(file) as connection:
        for statement in schema.COMPLETE:
            connection.execute(statement)
    connection.close()
    return file


@pytest.fixture
def writer(file):
    writer = HistoryWriter(file, interval=0.01)
    writer.start()
    yield writer
    writer.close()


def sample(timestamp, value=1, path=TAG, datatype="Int64", quality=Quality.GOOD):
    return Sample(path, timestamp, value, quality, datatype)


def rows(file):
    connection = sqlite3.connect(file)
    try:
        return connection.execute(
            "SELECT path, ts, value, quality FROM history_sample JOIN history_tag ON id = tag ORDER BY ts"
        ).fetchall()
    finally:
        connection.close()


def test_samples_are_stored_with_their_path_time_and_quality(writer, file):
    writer.put(sample(1_000, 7))
    writer.put(sample(1_100, 8, quality=Quality.STALE))
    assert writer.flush()
    assert rows(file) == [(TAG, 1_000, 7, 192), (TAG, 1_100, 8, 500)]


def test_a_sample_sent_twice_is_stored_once_and_counted(writer, file):
    for _ in range(3):
        writer.put(sample(1_000, 7))
    assert writer.flush()
    writer.put(sample(1_000, 7))
    assert writer.flush()
    assert len(rows(file)) == 1
    assert (writer.tally.stored, writer.tally.duplicates) == (1, 3)


def test_the_first_value_of_a_key_stays(writer, file):
    writer.put(sample(1_000, 7))
    writer.put(sample(1_000, 99))
    assert writer.flush()
    assert rows(file)[0][2] == 7


@pytest.mark.parametrize(
    ("value", "kept", "kind"),
    [
        (True, 1, int),
        (2**63 - 1, 2**63 - 1, int),
        (2**64 - 1, str(2**64 - 1), str),
        (1.5, 1.5, float),
        (math.nan, "NaN", str),
        (-math.inf, "-Infinity", str),
        ("Text", "Text", str),
        (None, None, type(None)),
    ],
)
def test_every_scalar_is_kept_as_what_it_is(writer, file, value, kept, kind):
    writer.put(sample(1, value))
    assert writer.flush()
    assert rows(file)[0][2] == kept
    assert type(rows(file)[0][2]) is kind


def test_an_impossible_time_is_left_out_and_counted(writer, file):
    writer.put(sample(2**64 - 1))
    writer.put(sample(-1))
    writer.put(sample(2))
    assert writer.flush()
    assert [row[1] for row in rows(file)] == [2]
    assert writer.tally.left_out == 2


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, -2), "[1,-2]"),
        ((2**60, 1.5, math.nan, True, "ä"), '["1152921504606846976",1.5,"NaN",true,"ä"]'),
        ((), "[]"),
        (b"\x00\xff", "AP8="),
        (TABLE, '{"columns":["a","b"],"types":["Int8","String"],"rows":[[1,null],[2,"x"]]}'),
    ],
)
def test_arrays_tables_and_bytes_are_kept_as_a_short_text(writer, file, value, kept):
    writer.put(sample(1, value))
    assert writer.flush()
    assert rows(file)[0][2] == kept
    assert writer.tally.left_out == 0


@pytest.mark.parametrize(
    "value",
    [
        (1234567,) * 1_000,
        tuple(range(1_000_000)),
        ("ä" * 3_000,),
        b"x" * 3_100,
        DataSet(("a",), (DataType.Int8,), ((1,),) * 10_000),
        DataSet(("a" * 5_000,), (DataType.Int8,), ()),
    ],
)
def test_what_is_too_long_for_a_row_is_left_out_counted_and_logged_once(writer, file, caplog, value):
    for timestamp in (1, 2, 3):
        writer.put(sample(timestamp, value))
    writer.put(sample(4, (1,)))
    assert writer.flush()
    assert [row[1] for row in rows(file)] == [4]
    assert writer.tally.left_out == 3
    assert len([record for record in caplog.records if TAG in record.getMessage()]) == 1


def test_a_changed_type_is_remembered_for_the_tag(writer, file):
    writer.put(sample(1, 1, datatype="Int32"))
    writer.put(sample(2, 1.5, datatype="Double"))
    assert writer.flush()
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT datatype FROM history_tag").fetchall() == [("Double",)]
    connection.close()


def test_closing_stores_what_still_waits(file):
    writer = HistoryWriter(file, interval=60)
    writer.start()
    writer.put(sample(1))
    writer.close()
    assert len(rows(file)) == 1


def test_a_restarted_writer_goes_on_with_the_same_tags(file):
    for timestamp in (1, 2):
        writer = HistoryWriter(file, interval=0.01)
        writer.start()
        writer.put(sample(timestamp))
        writer.close()
    assert [row[1] for row in rows(file)] == [1, 2]


def test_samples_wait_while_the_file_is_missing_its_tables_and_are_stored_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("hmi.history.writer._RETRY", 0.02)
    file = tmp_path / "history.db"
    writer = HistoryWriter(file, interval=0.01)
    writer.start()
    writer.put(sample(1))
    while not writer.tally.why:
        time.sleep(0.005)
    assert "no such table" in writer.tally.why
    assert writer.backlog == 1
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")  # as a migration does: all of it or nothing
    for statement in schema.COMPLETE:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()
    assert writer.flush()
    writer.close()
    assert writer.tally.why == ""
    assert len(rows(file)) == 1


def test_beyond_its_limit_the_oldest_waiting_samples_are_dropped_and_counted(file):
    writer = HistoryWriter(file, interval=60, limit=10)
    for timestamp in range(15):
        writer.put(sample(timestamp))
    assert writer.backlog == 10
    assert writer.tally.dropped == 5
    writer.start()
    writer.close()
    assert [row[1] for row in rows(file)] == list(range(5, 15))


def test_many_threads_may_put_at_once(writer, file):
    def put(first):
        for timestamp in range(first, first + 500):
            writer.put(sample(timestamp))

    threads = [threading.Thread(target=put, args=(first,)) for first in (0, 500, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush()
    assert writer.tally.stored == len(rows(file)) == 1_500


def test_whoever_waits_for_the_disk_does_not_wait_for_the_next_batch(file):
    writer = HistoryWriter(file, interval=60)
    writer.start()
    writer.put(sample(1_000))
    assert writer.flush(20)
    assert len(rows(file)) == 1
    writer.close()
