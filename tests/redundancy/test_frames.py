"""Frames and the handshake without a socket: what is refused before anything is believed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.link.frames import Breach, FrameError, FrameReader, Opener, Sealer, from_body, to_body
from redundancy.link.handshake import Handshake, Refusal, Terms
from redundancy.link.stream import Outbox
from tests.redundancy.link_ends import (
    BACKUP,
    KEY,
    MASTER,
    anyone,
)

# Frames


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none())), st.integers(1, 7))
def test_what_is_sealed_is_opened_whatever_the_chunks(messages: list[dict[str, Any]], step: int) -> None:
    sealer, opener = Sealer(KEY), Opener(KEY, 64 * 1024)
    reader = FrameReader(opener.frame_limit)
    data = b"".join(sealer.seal(message) for message in messages)
    opened = []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        opened += [opener.open(frame) for frame in reader.frames()]
    reader.finish()
    assert opened == messages


def sealed(*messages: dict[str, Any], key: bytes = KEY) -> list[bytes]:
    sealer = Sealer(key)
    return [sealer.seal(message)[4:] for message in messages]


def test_a_replayed_frame_is_refused() -> None:
    opener = Opener(KEY, 1000)
    (frame,) = sealed({"a": 1})
    opener.open(frame)
    with pytest.raises(FrameError, match="came again") as error:
        opener.open(frame)
    assert error.value.breach is Breach.REPLAYED


def test_a_frame_out_of_its_order_is_refused() -> None:
    _, second = sealed({"a": 1}, {"a": 2})
    with pytest.raises(FrameError) as error:
        Opener(KEY, 1000).open(second)
    assert error.value.breach is Breach.REORDERED


def test_a_frame_of_another_session_is_refused() -> None:
    (frame,) = sealed({"a": 1}, key=b"another session's key")
    with pytest.raises(FrameError) as error:
        Opener(KEY, 1000).open(frame)
    assert error.value.breach is Breach.FORGED


@given(st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    (frame,) = sealed({"kind": "release", "epoch": 7})
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    spoilt = bytearray(frame)
    spoilt[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError) as error:
        Opener(KEY, 1000).open(bytes(spoilt))
    assert error.value.breach is Breach.FORGED


def test_a_stream_that_ends_inside_a_frame_is_truncated() -> None:
    reader = FrameReader()
    reader.feed(Sealer(KEY).seal({"a": 1})[:-1])
    assert list(reader.frames()) == []
    with pytest.raises(FrameError) as error:
        reader.finish()
    assert error.value.breach is Breach.TRUNCATED


def test_a_declared_length_of_gigabytes_is_refused_before_it_is_read() -> None:
    reader = FrameReader()
    reader.feed(struct.pack("!I", 2**31))
    with pytest.raises(FrameError) as error:
        list(reader.frames())
    assert error.value.breach is Breach.OVERSIZE


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 4000, b'{"a":NaN}', b"1" * 4000, b"null"]
)
def test_a_body_that_is_no_object_is_garbage(body: bytes) -> None:
    with pytest.raises(FrameError) as error:
        from_body(body)
    assert error.value.breach is Breach.GARBAGE


@given(st.binary(max_size=300))
def test_no_garbage_crashes_a_handshake(data: bytes) -> None:
    for channel in (None, "lease"):
        hand = Handshake(Terms(MASTER, KEY, anyone, bytes(32)), channel)
        hand.opening()
        with pytest.raises(Refusal):
            hand.receive(data)


def test_a_handshake_whose_hello_is_reflected_proves_nothing() -> None:
    dialer = Handshake(Terms(MASTER, KEY, anyone, bytes(32)), "lease")
    mine = dialer.opening()
    dialer.receive(mine[4:])
    with pytest.raises(Refusal) as error:
        dialer.receive(to_body({"proof": dialer._digest("dialer").hex()}))
    assert error.value.breach is Breach.KEY


def test_an_old_proof_does_not_fit_a_new_handshake() -> None:
    def listener(nonce: bytes) -> Handshake:
        return Handshake(Terms(BACKUP, KEY, anyone, nonce), None)

    dialer = Handshake(Terms(MASTER, KEY, anyone, b"d" * 32), "lease")
    hello = dialer.opening()[4:]
    answers = FrameReader()
    answers.feed(listener(b"1" * 32).receive(hello))
    for frame in answers.frames():
        proof = dialer.receive(frame)
    again = listener(b"2" * 32)
    again.receive(hello)
    with pytest.raises(Refusal) as error:
        again.receive(proof[4:])
    assert error.value.breach is Breach.KEY
    assert b"the plant keys differ" in error.value.farewell


def test_only_the_newest_message_of_each_kind_waits_and_never_more_than_32() -> None:
    outbox = Outbox()
    outbox.put({"kind": "heartbeat", "n": 1})
    outbox.put({"kind": "request"})
    outbox.put({"kind": "heartbeat", "n": 2})
    assert [outbox.take(), outbox.take(), outbox.take()] == [
        {"kind": "request"},
        {"kind": "heartbeat", "n": 2},
        None,
    ]
    for number in range(40):
        outbox.put({"kind": f"kind {number}"})
    assert outbox.take() == {"kind": "kind 8"}
