"""Copies, gaps and wrong order at the receiver, without any broker."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from redundancy.relay.arrivals import PUBLISHERS, WINDOW, Arrivals, Fate, Stream
from redundancy.relay.envelope import Envelope, opened, read_receipt, receipt

ONE = "0" * 31 + "1"


def told(number: int, floor: int = 1, promised: bool = True, publisher: str = ONE) -> Envelope:
    return Envelope(publisher, number, floor, promised, 0)


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_whatever_comes_late_twice_or_mixed_up_is_handed_on_once_and_in_order(count: int, seed: int) -> None:
    chance = random.Random(seed)
    deliveries = [n for n in range(1, count + 1) for _ in range(chance.randint(1, 3))]
    chance.shuffle(deliveries)
    stream: Stream[int] = Stream(0)
    out = [item for n in deliveries for item in stream.offer(told(n), n, 0.0)[1]]
    assert out == list(range(1, count + 1))
    assert not stream.held
    assert stream.skipped == 0


@given(st.sets(st.integers(1, 50), min_size=1), st.integers(0, 2**32))
def test_what_never_comes_is_skipped_and_counted_once_its_publisher_says_so(
    came: set[int], seed: int
) -> None:
    order = sorted(came)
    random.Random(seed).shuffle(order)
    stream: Stream[int] = Stream(0)
    out = [item for n in order for item in stream.offer(told(n), n, 0.0)[1]]
    out += stream.offer(told(51, floor=51), 51, 0.0)[1]
    assert out == [*sorted(came), 51]
    assert stream.skipped == 50 - len(came)


def test_a_gap_that_is_promised_is_waited_for_however_long_it_takes() -> None:
    stream: Stream[int] = Stream(0)
    assert stream.offer(told(2), 2, 0.0) == (Fate.HELD, [])
    assert stream.overdue(1e9, 2.0) == []
    assert stream.offer(told(1), 1, 1e9) == (Fate.READY, [1, 2])


def test_a_gap_that_nobody_has_promised_is_waited_for_a_while() -> None:
    stream: Stream[int] = Stream(0)
    stream.offer(told(3, promised=False), 3, 10.0)
    assert stream.overdue(11.9, 2.0) == []
    assert stream.overdue(12.0, 2.0) == [3]
    assert stream.skipped == 2
    assert stream.offer(told(2, promised=False), 2, 12.1) == (Fate.DUPLICATE, [])


def test_what_is_too_far_ahead_is_left_to_be_sent_again_or_ends_the_wait() -> None:
    promised: Stream[int] = Stream(0)
    assert promised.offer(told(WINDOW + 1), 0, 0.0) == (Fate.PUT_BACK, [])
    assert not promised.held
    loose: Stream[int] = Stream(0)
    loose.offer(told(2, promised=False), 2, 0.0)
    assert loose.offer(told(WINDOW + 9, promised=False), 9, 0.0) == (Fate.HELD, [2])
    assert len(loose.held) == 1


def test_the_same_text_twice_is_no_duplicate_and_the_same_number_is() -> None:
    stream: Stream[bytes] = Stream(0)
    assert stream.offer(told(1), b"on", 0.0) == (Fate.READY, [b"on"])
    assert stream.offer(told(2), b"on", 0.0) == (Fate.READY, [b"on"])
    assert stream.offer(told(2), b"off", 0.0) == (Fate.DUPLICATE, [])


def test_a_new_publisher_begins_where_it_says_and_the_memory_has_a_bound() -> None:
    arrivals: Arrivals[int] = Arrivals()
    assert arrivals.stream(told(7, floor=5)).through == 4
    for number in range(PUBLISHERS + 5):
        arrivals.stream(told(1, publisher=f"{number:032x}"))
    assert len(arrivals.streams) == PUBLISHERS


@given(st.integers(1, 2**62), st.booleans(), st.binary(max_size=40))
def test_an_envelope_comes_out_as_it_went_in_by_either_version(
    number: int, promised: bool, payload: bytes
) -> None:
    envelope = Envelope(ONE, number, max(1, number // 2), promised, 1_700_000_000_000)
    assert opened(payload, envelope.user()) == (envelope, payload)
    assert opened(envelope.header() + payload, ()) == (envelope, payload)


@given(st.binary(max_size=80), st.text(max_size=60))
def test_garbage_for_an_envelope_is_a_plain_message(payload: bytes, text: str) -> None:
    assert opened(payload, (("tandem-relay", text),)) == (None, payload)
    cut = Envelope(ONE, 1, 1, True, 1).header()[:-1]
    assert opened(cut, ()) == (None, cut)


@given(st.integers(0, 2**63 - 1), st.integers(0, 4096))
def test_a_receipt_comes_out_as_it_went_in(through: int, held: int) -> None:
    assert read_receipt(receipt(through, held)) == (through, held)


@given(st.binary(max_size=80))
def test_garbage_for_a_receipt_is_none(payload: bytes) -> None:
    found = read_receipt(payload)
    assert found is None or all(isinstance(n, int) for n in found)


def test_numbers_that_cannot_be_are_no_envelope() -> None:
    for text in (f"{ONE} 0 0 r 1", f"{ONE} 1 2 r 1", f"{ONE} {2**63} 1 r 1", "x 1 1 r 1", f"{ONE} 1 1 r"):
        assert opened(b"", (("tandem-relay", text),)) == (None, b"")
    assert read_receipt(b"%d 0" % 2**63) is None
