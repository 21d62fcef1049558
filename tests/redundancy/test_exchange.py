"""Records and both sides of the pull, without a wire: any history ends in the same contents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.replication import exchange
from redundancy.replication.exchange import BATCH, BATCH_BYTES, Batch, CopiedStore, Intake, Supply
from redundancy.replication.records import MAX_BODY, MemoryStore, Record, RecordStore, from_wire, to_wire


def said(store: RecordStore, after: int = 0, reader: str = "reader", session: int = 1) -> Supply:
    return Supply(store, reader, {"session": session, "after": after}, lambda why: None)


def filled(count: int, body: bytes = b"x") -> MemoryStore:
    store = MemoryStore()
    for number in range(count):
        store.append("tags", f"tag {number}", body, 1)
    return store


# Records and the reference store

bodies = st.binary(max_size=20)
records = st.builds(
    Record,
    st.sampled_from(["config", "tags"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 3),
    st.integers(0, 20),
    st.sampled_from(["one", "two"]),
    bodies,
)


@given(records)
def test_a_record_survives_the_wire(record: Record) -> None:
    assert from_wire(to_wire(record)) == record


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        [],
        ["p", "k", 1, 1, "o"],
        ["", "k", 1, 1, "o", ""],
        ["p", "k", -1, 1, "o", ""],
        ["p", "k", True, 1, "o", ""],
        ["p", "k", 1, 2**63, "o", ""],
        ["p", "k", 1, 1.0, "o", ""],
        ["p", "k", 1, 1, "o", "no base64!"],
        ["p", "k", 1, 1, "o", None],
        ["p", 7, 1, 1, "o", ""],
    ],
)
def test_what_is_no_record_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="record"):
        from_wire(raw)


def unique(history: Sequence[Record]) -> list[Record]:
    """A store never writes two records with one stamp, so neither may the test."""
    return list({record.stamp: record for record in history}.values())


@given(st.lists(records, max_size=12), st.randoms(use_true_random=False))
def test_the_order_and_the_number_of_applications_do_not_matter(history: list[Record], dice: Any) -> None:
    history = unique(history)
    shuffled = [*history, *history]
    dice.shuffle(shuffled)
    one, two = MemoryStore(), MemoryStore()
    one.apply("s", 1, history)
    two.apply("s", 1, shuffled)
    assert one.contents() == two.contents()
    best: dict[tuple[str, str], Record] = {}
    for record in sorted(history, key=lambda record: record.stamp):
        best[record.provider, record.key] = record
    assert one.contents() == best


def test_what_a_store_writes_supersedes_what_it_has_seen() -> None:
    store = MemoryStore("b")
    foreign = Record("config", "config", 9, 100, "a", b"theirs")
    assert store.apply("a", 1, [foreign]) == [foreign]
    seq, mine = store.append("config", "config", b"mine", 3)
    assert mine.stamp > foreign.stamp
    assert store.after(0, 10) == [(seq, mine)]
    assert store.apply("a", 1, [foreign]) == []


# The two sides without a wire


def test_a_batch_has_at_most_500_records_and_a_megabyte() -> None:
    first = said(filled(BATCH + 1)).next()
    assert first is not None
    assert len(first["records"]) == BATCH
    big = said(filled(5, b"x" * 400_000)).next()
    assert big is not None
    assert sum(len(from_wire(raw).body) for raw in big["records"]) <= BATCH_BYTES


def test_one_record_of_the_largest_size_travels_alone() -> None:
    store = filled(1, b"x" * MAX_BODY)
    store.append("tags", "small", b"y", 1)
    batch = said(store).next()
    assert batch is not None
    assert len(batch["records"]) == 1


def test_a_record_that_fits_into_no_frame_is_told_and_does_not_stop_the_others() -> None:
    store = filled(1, b"x" * (MAX_BODY + 1))
    store.append("tags", "small", b"y", 1)
    told: list[str] = []
    batch = Supply(store, "reader", {"session": 1, "after": 0}, told.append).next()
    assert batch is not None
    assert [raw[1] for raw in batch["records"]] == ["small"]
    assert "tag 0" in told[0]


def test_a_reader_s_own_records_do_not_come_back_to_it_unless_it_asks_for_all() -> None:
    mine, yours = filled(2), MemoryStore()
    yours.apply(mine.identity, 2, [record for _, record in mine.after(0, 10)])
    yours.append("tags", "yours", b"", 1)
    some = said(yours, after=1, reader=mine.identity).next()
    everything = said(yours, after=0, reader=mine.identity).next()
    assert some is not None
    assert everything is not None
    assert [raw[1] for raw in some["records"]] == ["yours"]
    assert len(everything["records"]) == 3


def test_a_store_that_went_back_behind_its_reader_says_start_over() -> None:
    assert said(filled(3), after=7).next() == {"kind": "again"}


def test_an_answer_to_what_was_never_sent_is_refused() -> None:
    supply = said(filled(3))
    supply.next()
    with pytest.raises(ValueError, match="through"):
        supply.applied({"session": 1, "through": 99})
    supply.applied({"session": 0, "through": 99})  # of an older session: no matter
    assert supply.lag == 3


def test_two_nodes_with_copies_of_one_store_are_told_apart_from_a_pair() -> None:
    with pytest.raises(CopiedStore):
        Intake(MemoryStore("same"), {"store": "same"}, 1)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"records": 7},
        {"records": [], "session": 1, "through": "x", "head": 0},
        {"records": [], "session": 1, "through": -1, "head": 0},
        {"records": [[]], "session": 1, "through": 1, "head": 0},
        {"records": [[]] * (BATCH + 1), "session": 1, "through": 1, "head": 0},
    ],
)
def test_a_batch_with_a_valid_seal_and_a_wrong_shape_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Batch.parse(message)


class Node:
    """A store and the volatile part of its two sides, which a crash takes away."""

    def __init__(self, name: str) -> None:
        self.store = MemoryStore(name)
        self.written: list[Record] = []
        self.intake: Intake | None = None
        self.supply: Supply | None = None
        self.session = 0

    def crash(self) -> None:
        self.intake, self.supply = None, None


def step(puller: Node, server: Node, *, lose: str = "") -> bool:
    """One round of the protocol, cut at `lose`. True if anything moved."""
    if puller.intake is None or server.supply is None:
        puller.session += 1
        puller.intake = Intake(puller.store, {"store": server.store.identity}, puller.session)
        pull = puller.intake.pull()
        server.supply = Supply(server.store, puller.store.identity, pull, lambda why: None)
    message = server.supply.next()
    if message is None:
        return False
    if lose == "batch":
        puller.intake, server.supply = None, None
        return True
    taken = puller.intake.take(Batch.parse(message))
    assert taken is not None
    if lose == "repeat":
        puller.intake.take(Batch.parse(message))
    if lose == "answer":
        puller.intake, server.supply = None, None
        return True
    server.supply.applied(taken[1])
    return True


actions = st.one_of(
    st.tuples(
        st.just("append"),
        st.integers(0, 1),
        st.sampled_from("abcd"),
        st.integers(0, 3),
        st.binary(max_size=3),
    ),
    st.tuples(st.just("step"), st.integers(0, 1), st.sampled_from(["", "batch", "answer", "repeat"])),
    st.tuples(st.just("crash"), st.integers(0, 1)),
    st.tuples(st.just("forget"), st.integers(0, 1)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(actions, max_size=60))
def test_two_stores_converge_to_the_union_whatever_is_cut_repeated_or_restarted(history: list[Any]) -> None:
    nodes = [Node("one"), Node("two")]
    small = pytest.MonkeyPatch()
    small.setattr(exchange, "BATCH", 3)  # so that short histories have many batches
    try:
        for action, which, *rest in history:
            node, other = nodes[which], nodes[1 - which]
            if action == "append":
                key, epoch, body = rest
                node.written.append(node.store.append("tags", key, body, epoch)[1])
            elif action == "step":
                step(node, other, lose=rest[0])
            elif action == "crash":
                node.crash()
            else:
                node.store.forget(other.store.identity)
                node.crash()
        for node in nodes:
            node.crash()
        while step(*nodes) | step(*reversed(nodes)):
            pass
    finally:
        small.undo()
    best: dict[tuple[str, str], Record] = {}
    for record in sorted([*nodes[0].written, *nodes[1].written], key=lambda record: record.stamp):
        best[record.provider, record.key] = record
    assert nodes[0].store.contents() == nodes[1].store.contents() == best
