"""What a node's samples are to its peer: digests, pages and what is taken over, on real SQLite files."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hmi.history import exchange, schema
from hmi.history.exchange import HistoryExchange
from hmi.history.writer import HistoryWriter, Sample
from hmi.tags.value import Quality
from redundancy.replication.reconciliation import MINUTE, WIDTHS, Digest, Holder, Round, Unavailable

BEGIN = 1_700_000_040_000  # a whole minute
END = BEGIN + 3650 * 24 * 60 * MINUTE
TAG = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag {}"


class Node:
    """One node's history: the writer that ingests, and what the pair exchanges."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            with sqlite3.connect(file) as connection:
                # As the migrations leave it. Two that make it WAL at the same moment would meet.
                connection.execute("PRAGMA journal_mode=WAL")
                for statement in schema.COMPLETE:
                    connection.execute(statement)
            connection.close()
        self.writer = HistoryWriter(file, interval=0.01)
        self.writer.start()
        self.exchange = HistoryExchange(file)

    def ingest(self, *samples: tuple[int, int], value: Any = 1, datatype: str = "Int64") -> None:
        """(tag number, ms) each."""
        for tag, at in samples:
            self.writer.put(Sample(TAG.format(tag), at, value, Quality.GOOD, datatype))
        assert self.writer.flush()

    def asks(self, peer: Node, end: int = END) -> Round:
        comparison, holder = Round(self.exchange, end), Holder(peer.exchange)
        while (question := comparison.question()) is not None:
            comparison.heard(json.loads(json.dumps(holder.answer(question, END))))
        return comparison

    def query(self, asked: str) -> list[Any]:
        connection = sqlite3.connect(self.file)
        try:
            return connection.execute(asked).fetchall()
        finally:
            connection.close()

    def rows(self) -> list[Any]:
        return self.query(
            "SELECT path, datatype, ts, value, typeof(value), quality FROM history_sample"
            " JOIN history_tag ON id = tag ORDER BY path, ts"
        )

    def size(self) -> int:
        return int(self.query("SELECT count(*) FROM history_sample")[0][0])

    def close(self) -> None:
        self.writer.close()
        self.exchange.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[[str], Node]]:
    nodes: list[Node] = []

    def make(name: str) -> Node:
        nodes.append(Node(tmp_path / f"{name}.db"))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def pair(made: Callable[[str], Node]) -> tuple[Node, Node]:
    return made("master"), made("backup")


def series(*tags: int, minutes: float = 3, period: int = 1000, begin: int = BEGIN) -> list[tuple[int, int]]:
    return [(tag, at) for at in range(begin, begin + round(minutes * MINUTE), period) for tag in tags]


COUNTED = schema.COUNT.replace(":start", "0").replace(":end", str(END))


def test_after_both_have_asked_the_files_hold_the_same(pair: tuple[Node, Node]) -> None:
    """Tags get different ids at the two nodes, samples are lost at random, and each stores some late."""
    one, two = pair
    dice = random.Random(1)
    everything = series(*range(1, 8), minutes=4)
    one.ingest(*(sample for sample in everything if dice.random() < 0.9))
    two.ingest(*sorted((sample for sample in everything if dice.random() < 0.9), reverse=True))
    missing = len(everything) - len(one.rows())
    first = one.asks(two)
    two.asks(one)
    assert first.taken <= missing
    assert one.rows() == two.rows()
    assert one.asks(two).equal
    for node in pair:
        kept = node.query("SELECT minute, size, total FROM history_minute ORDER BY minute")
        assert kept == node.query(f"{COUNTED} ORDER BY 1")
        days = node.query("SELECT minute / 1440, sum(size), sum(total) FROM history_minute GROUP BY 1")
        assert node.query("SELECT * FROM history_day ORDER BY day") == days
    one.ingest((3, BEGIN - 90 * 24 * 60 * MINUTE))
    assert two.asks(one).taken == 1, "what came late for a slot of three months ago is noticed"
    assert one.rows() == two.rows()


@pytest.mark.parametrize(
    ("value", "datatype"),
    [
        (2**63 - 1, "Int64"),
        (-(2**63), "Int64"),
        (2**64 - 1, "UInt64"),
        (True, "Boolean"),
        (0.1, "Double"),
        (1.0, "Double"),
        (float("nan"), "Float"),
        ("ä\n\0 \U0001f600", "String"),
        (None, "Int32"),
        (b"\0\xff", "Bytes"),
        ((1, 2), "Int32Array"),
    ],
    ids=str,
)
def test_every_value_arrives_as_what_it_was(pair: tuple[Node, Node], value: Any, datatype: str) -> None:
    one, two = pair
    one.ingest((1, BEGIN), value=value, datatype=datatype)
    two.asks(one)
    assert two.rows() == one.rows()
    assert len(two.rows()) == 1


def test_one_s_own_value_and_datatype_stay(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.ingest((1, BEGIN), value=1)
    two.ingest((1, BEGIN), value=2.5, datatype="Double")
    one.ingest((1, BEGIN + 1), value=7)
    assert two.asks(one).taken == 1
    assert [row[1:4] for row in two.rows()] == [("Double", BEGIN, 2.5), ("Double", BEGIN + 1, 7)]
    assert two.asks(one).equal, "another value under the same key is no difference"


def test_taken_over_is_not_repeated_and_the_writer_goes_on_with_tags_it_did_not_know(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    one.ingest(*series(1, minutes=1))
    two.asks(one)
    two.ingest((1, BEGIN + MINUTE))
    assert (two.writer.tally.stored, two.writer.tally.duplicates) == (1, 0)
    assert len(two.query("SELECT * FROM history_tag")) == 1


def test_a_minute_that_is_not_over_is_compared_as_far_as_it_goes(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.ingest(*series(1, 2, minutes=1.5))
    now = BEGIN + MINUTE + 20_000
    comparison = two.asks(one, now)
    assert comparison.there == comparison.taken == len(two.rows()) == 2 * 80
    assert two.asks(one, now).equal
    for width in WIDTHS:
        limited = one.exchange.slots(BEGIN // width * width, now, width, 2)
        assert [slot.size for slot in limited] == ([160] if width > MINUTE else [120, 40])
    assert len(one.exchange.slots(BEGIN, now, MINUTE, 1)) == 1


def test_pages_are_bounded_by_samples_and_by_text_and_a_long_text_travels_alone(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    monkeypatch.setattr(exchange, "PAGE", 50)
    one.ingest(*series(1, 2, minutes=1))
    one.ingest((3, BEGIN), value="x" * 900_000, datatype="String")
    one.ingest(*((3, BEGIN + n) for n in range(1, 5)), value="x" * 40_000, datatype="String")
    hashes = [schema.path_hash(TAG.format(tag)) for tag in (1, 2, 3)]
    sizes, cursor, more = [], None, True
    while more:
        page, cursor = one.exchange.items(0, END, hashes, cursor)
        sizes.append(sum(len(samples) for _, _, samples in page))
        more = cursor is not None
    assert sizes[:2] == [50, 50]
    assert sum(sizes) == 125
    assert max(sizes) <= 50
    assert sizes[-1] == 1
    two.asks(one)
    assert two.rows() == one.rows()


def test_a_text_of_more_than_a_million_characters_is_left_out_and_counted(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.ingest((1, BEGIN), value="x" * 1_000_001, datatype="String")
    one.ingest((1, BEGIN + 1), value="x" * 1_000_000, datatype="String")
    assert one.writer.tally.left_out == 1
    two.asks(one)
    assert [row[2] for row in two.rows()] == [BEGIN + 1]


FIRST = TAG.format(1)


def good(path: Any = FIRST, datatype: Any = "Int64", samples: Any = None) -> list[Any]:
    return [path, datatype, [[BEGIN, 1, 192]] if samples is None else samples]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        good(path="no provider"),
        good(path="[P]/a"),
        good(path="[P]a\ud800"),
        good(path="[P]" + "a" * 1000),
        good(path=7),
        good(datatype="Evil"),
        good(datatype=None),
        good(samples=[]),
        good(samples=[[BEGIN, 1]]),
        good(samples=[["1", 1, 192]]),
        good(samples=[[True, 1, 192]]),
        good(samples=[[-1, 1, 192]]),
        good(samples=[[2**63, 1, 192]]),
        good(samples=[[BEGIN, True, 192]]),
        good(samples=[[BEGIN, 2**63, 192]]),
        good(samples=[[BEGIN, [1], 192]]),
        good(samples=[[BEGIN, {"a": 1}, 192]]),
        good(samples=[[BEGIN, "a\ud800", 192]]),
        good(samples=[[BEGIN, "x" * 1_000_001, 192]]),
        good(samples=[[BEGIN, 1, "Good"]]),
        good(samples=[[BEGIN, 1, -1]]),
    ],
    ids=lambda bad: repr(bad)[:60].encode("ascii", "replace").decode(),
)
def test_what_is_no_series_is_refused_with_everything_that_came_along(
    pair: tuple[Node, Node], bad: Any
) -> None:
    one = pair[0]
    with pytest.raises(ValueError, match=r"items|path|Provider"):
        one.exchange.add([good(path="[P]fine"), bad])
    assert one.query("SELECT * FROM history_tag") == []
    assert one.exchange.add([good()]) == 1


def test_while_somebody_else_has_the_file_nothing_is_kept_and_it_is_said(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_BUSY", 0.05)
    node = pair[0]
    blocker = sqlite3.connect(node.file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        node.exchange.add([good()])
    blocker.execute("ROLLBACK")
    blocker.close()
    assert node.exchange.add([good()]) == 1


def test_a_damaged_file_is_unavailable_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 1000)
    store = HistoryExchange(tmp_path / "history.db")
    with pytest.raises(Unavailable, match="not a database"):
        store.slots(0, END, MINUTE, 9)
    store.close()


def test_rows_removed_by_hand_are_missed_and_come_back(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.ingest(*series(1, 2, minutes=2))
    two.asks(one)
    with sqlite3.connect(two.file) as connection:
        connection.execute("DELETE FROM history_sample WHERE ts >= ?", (BEGIN + MINUTE,))
    connection.close()
    assert [slot.size for slot in two.exchange.slots(0, END, MINUTE, 9)] == [120]
    assert two.asks(one).taken == 120
    assert two.rows() == one.rows()


def test_marks_of_a_regular_series_are_as_good_as_dice() -> None:
    """Four samples missing of a series, here these, there those: their sums must not meet.

    With time times hash, two in a hundred of such pairs had one sum.
    """
    connection = sqlite3.connect(":memory:")
    dice = random.Random(3)
    asked = f"SELECT {schema.mark('?1', '?2')}"
    for period in (1, 100, 1000):
        hashed = dice.getrandbits(31)
        marks = [connection.execute(asked, (BEGIN + n * period, hashed)).fetchone()[0] for n in range(60)]
        assert all(0 <= mark < 2**31 for mark in marks)
        assert len(set(marks)) == 60
        sets = {tuple(sorted(dice.sample(range(60), 4))) for _ in range(30_000)}
        met = Counter(sum(marks[n] for n in gap) for gap in sets)
        assert sum(size * (size - 1) // 2 for size in met.values()) <= 3
    highest = connection.execute(asked, (2**63 - 1, 2**31 - 1)).fetchone()[0]
    assert isinstance(highest, int), "nothing overflows into a real"
    connection.close()


def test_digests_hold_for_histories_from_before_there_were_any(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with sqlite3.connect(file) as connection:
        for statement in schema.TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO history_tag VALUES (5, ?, 'Int64')", (TAG.format(1),))
        connection.executemany(
            "INSERT INTO history_sample VALUES (5, ?, 1, 192)", [(at,) for _, at in series(1)]
        )
        connection.execute(schema.HASH)
        connection.execute("UPDATE history_tag SET hash = ?", (schema.path_hash(TAG.format(1)),))
        for statement in schema.DIGESTS:
            connection.execute(statement)
    connection.close()
    old = Node(file)
    fresh = Node(tmp_path / "fresh.db")
    try:
        fresh.ingest(*series(1))
        assert old.exchange.slots(0, END, MINUTE, 9) == fresh.exchange.slots(0, END, MINUTE, 9)
        assert [slot.size for slot in fresh.exchange.slots(0, END, MINUTE, 9)] == [60, 60, 60]
        assert isinstance(fresh.exchange.slots(0, END, WIDTHS[0], 9)[0], Digest)
    finally:
        old.close()
        fresh.close()
