"""The pair link: what it carries, and everything it refuses."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.config import Endpoint, NodeConfig, Peer, Role
from redundancy.link.dialer import Dialer
from redundancy.link.frames import Breach, FrameError, FrameReader, Opener, Sealer, from_body, pack, to_body
from redundancy.link.handshake import Handshake, Refusal, Terms
from redundancy.link.intruders import Intruders
from redundancy.link.links import LinkEvents, Links
from redundancy.link.listener import HALF_OPEN, Listener
from redundancy.link.speaker import Speaker, expect_peer, expect_witness
from redundancy.link.stream import Outbox

KEY = b"k" * 32
MASTER = Speaker("Primary", "primary-master", "Master", "boot-m")
BACKUP = Speaker("Primary", "primary-backup", "Backup", "boot-b")


def anyone(other: Speaker, channel: str = "lease") -> str | None:
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Any], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


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


# Who is accepted


def config(role: Role = Role.MASTER, **changes: Any) -> NodeConfig:
    here, there = Endpoint("127.0.0.1", 23060), Endpoint("127.0.0.1", 23061)
    name, other = ("primary-master", "primary-backup")
    if role is Role.BACKUP:
        here, there, name, other = there, here, other, name
    node = NodeConfig(
        "Primary", name, role, here, Endpoint("127.0.0.1", 23088), "", KEY, Peer(other, there, "")
    )
    return replace(node, **changes)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(MASTER), "primary-master is paired with itself"),
        (replace(MASTER, boot_id="clone"), "two nodes are named primary-master"),
        (replace(BACKUP, role="Master"), "both primary-master and primary-backup are configured as Master"),
        (replace(BACKUP, gateway="Edge 1"), "primary-backup belongs to gateway Edge 1, not to Primary"),
        (
            replace(BACKUP, node="stray"),
            "stray is not the peer of primary-master, which expects primary-backup",
        ),
        (replace(BACKUP, role="Independent"), "primary-backup is Independent and has no peer"),
        (replace(BACKUP, role="Witness"), "primary-backup is a witness, not a node of Primary"),
        (BACKUP, None),
    ],
)
def test_a_wrong_peer_is_called_by_its_mix_up(other: Speaker, why: str | None) -> None:
    assert expect_peer(config(), MASTER.boot_id)(other) == why


# The link on real sockets


class Ear:
    """One node's end: what its listener or dialer reported."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, dict[str, Any]]] = []
        self.ups: list[str] = []
        self.downs: list[str] = []
        self.told: list[str] = []
        self.wrong: list[str] = []
        self.intruders = Intruders(self.told.append, self.wrong.append)


@asynccontextmanager
async def listening(
    port: int, ear: Ear, me: Speaker = BACKUP, key: bytes = KEY, check: Any = anyone, **more: Any
) -> AsyncIterator[Listener]:
    def take(sender: Speaker, channel: str, message: dict[str, Any], reply: Any) -> None:
        ear.messages.append((sender.node, channel, message))
        if message.get("kind") == "ask":
            reply({"kind": "answer", "to": message["n"]})

    listener = Listener(
        me,
        Endpoint("127.0.0.1", port),
        key,
        take,
        check=check,
        on_up=lambda peer, channel: ear.ups.append(peer.node),
        on_down=lambda peer, channel, why: ear.downs.append(why),
        intruders=ear.intruders,
        **more,
    )
    await listener.start()
    try:
        yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def dialing(
    port: int, ear: Ear, me: Speaker = MASTER, key: bytes = KEY, check: Any = anyone, channel: str = "lease"
) -> AsyncIterator[Dialer]:
    dialer = Dialer(
        me,
        Endpoint("127.0.0.1", port),
        key,
        channel,
        check=check,
        on_up=lambda peer: ear.ups.append(peer.node),
        on_down=lambda peer, why: ear.downs.append(why),
        on_message=lambda peer, message: ear.messages.append((peer.node, channel, message)),
        intruders=ear.intruders,
    )
    dialer.start()
    try:
        yield dialer
    finally:
        await dialer.close()


async def test_two_nodes_that_hold_the_key_talk_both_ways() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: here.ups == ["primary-backup"] and there.ups == ["primary-master"])
        assert dialer.why == ""
        assert dialer.send({"kind": "ask", "n": 3})
        await until(lambda: here.messages)
    assert there.messages == [("primary-master", "lease", {"kind": "ask", "n": 3})]
    assert here.messages == [("primary-backup", "lease", {"kind": "answer", "to": 3})]
    assert not here.told + there.told + here.wrong + there.wrong


async def test_a_dialer_comes_back_by_itself_and_keeps_nothing_for_later() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with dialing(port, here) as dialer:
        await until(lambda: "refused" in dialer.why)
        assert not dialer.send({"kind": "heartbeat", "n": 1})
        async with listening(port, there):
            await until(lambda: dialer.is_up)
            dialer.send({"kind": "heartbeat", "n": 2})
            await until(lambda: there.messages)
        await until(lambda: here.downs)
        assert not dialer.is_up
        async with listening(port, there):
            await until(lambda: len(here.ups) == 2)
    assert [message["n"] for _, _, message in there.messages] == [2]


async def test_a_wrong_plant_key_is_one_plain_line_at_both_ends_and_no_mix_up() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here, key=b"x" * 32) as dialer:
        await until(lambda: there.intruders.counts[Breach.KEY] >= 2)
        assert dialer.why == f"127.0.0.1:{port}: the plant keys differ"
    assert here.told == [f"127.0.0.1:{port}: the plant keys differ"]
    assert there.told == ["127.0.0.1: it refuses this node: the plant keys differ"]
    assert not here.ups + there.ups + here.wrong + there.wrong


async def test_two_masters_hear_of_it_at_both_ends_once() -> None:
    port, here, there = free_port(), Ear(), Ear()
    other = replace(BACKUP, role="Master")
    mine = expect_peer(config(), MASTER.boot_id)
    theirs = expect_peer(replace(config(Role.BACKUP), role=Role.MASTER), BACKUP.boot_id)
    async with listening(port, there, me=other, check=theirs), dialing(port, here, check=mine):
        await until(lambda: here.intruders.counts[Breach.WRONG_PEER] >= 2)
    sentence = "both primary-master and primary-backup are configured as Master"
    assert here.wrong == [f"127.0.0.1:{port}: {sentence}"]
    assert len(there.wrong) == 1
    assert "configured as Master" in there.wrong[0]
    assert not here.ups + there.ups


async def test_a_node_paired_with_itself_is_told_so() -> None:
    port, here, there = free_port(), Ear(), Ear()
    check = expect_peer(config(), MASTER.boot_id)
    async with listening(port, there, me=MASTER, check=check), dialing(port, here, check=check):
        await until(lambda: here.wrong and there.wrong)
    assert "primary-master is paired with itself" in here.wrong[0]


async def test_the_refusing_listener_s_reason_reaches_a_dialer_that_would_accept() -> None:
    port, here, there = free_port(), Ear(), Ear()
    stray = replace(MASTER, node="stray")
    check = expect_peer(config(Role.BACKUP), "boot-b")
    async with listening(port, there, check=check), dialing(port, here, me=stray) as dialer:
        await until(lambda: here.wrong)
        assert "stray is not the peer of primary-backup" in dialer.why


async def test_a_witness_address_that_leads_to_a_node_is_refused() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here, check=expect_witness):
        await until(lambda: here.wrong)
    assert "primary-backup is a Backup, not a witness" in here.wrong[0]


async def test_a_clone_of_a_living_node_is_refused_while_the_first_one_beats() -> None:
    port, here, clone, there = free_port(), Ear(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        async with dialing(port, clone, me=replace(MASTER, boot_id="clone")):

            def beat() -> bool:
                dialer.send({"kind": "heartbeat"})
                return bool(clone.wrong and there.wrong)

            await until(beat)
        assert dialer.is_up
    assert "two nodes are named primary-master" in there.wrong[0]


async def test_a_restarted_node_takes_its_old_connection_s_place() -> None:
    port, old, new, there = free_port(), Ear(), Ear(), Ear()
    async with listening(port, there) as listener, dialing(port, old):
        await until(lambda: there.ups)
        for stream in listener._ready.values():
            stream.heard_at -= 5.0  # a dead machine's connection has been silent for longer
        async with dialing(port, new, me=replace(MASTER, boot_id="second run")) as dialer:
            await until(lambda: dialer.is_up)
            assert listener.peers("lease") == [replace(MASTER, boot_id="second run")]
    assert there.downs[0] == "it has restarted"


async def garbage(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 4)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("data", "breach"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Breach.OVERSIZE),
        (pack(b"\x80\x04\x95cposix\nsystem\n"), Breach.GARBAGE),
        (pack(b'{"version":1}'), Breach.GARBAGE),
        (pack(b'{"version":2}'), Breach.VERSION),
        (pack(b"[" * 4000), Breach.GARBAGE),
        (pack(json.dumps({"version": 1, "hello": {"gateway": "a\nb"}}).encode()), Breach.GARBAGE),
    ],
)
async def test_garbage_is_refused_counted_told_once_and_harms_nothing(data: bytes, breach: Breach) -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        for _ in range(3):
            await garbage(port, data)
        await until(lambda: there.intruders.counts[breach] == 3)
        await until(lambda: dialer.send({"kind": "ask", "n": 1}))
        await until(lambda: here.messages)
    assert len(there.told) == 1
    assert "\n" not in there.told[0]
    assert not there.wrong


async def test_a_silent_connection_is_cut_after_two_seconds() -> None:
    port, there = free_port(), Ear()
    async with listening(port, there):
        started = asyncio.get_running_loop().time()
        assert await garbage(port, b"\0") == b""
        assert 1.5 < asyncio.get_running_loop().time() - started < 3.5
        assert there.intruders.counts[Breach.SLOW] == 1


async def test_a_flood_of_half_open_connections_keeps_nobody_out_and_is_bounded() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there) as listener:
        strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * HALF_OPEN)]
        async with dialing(port, here) as dialer:
            await until(lambda: dialer.is_up)
            assert len(listener._half_open) <= HALF_OPEN
        for _, writer in strangers:
            writer.close()
        assert there.intruders.counts[Breach.FLOOD] >= HALF_OPEN
        assert len(there.told) == 1


async def test_no_more_peers_than_agreed() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there, max_peers=1), dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        async with dialing(port, here, me=replace(MASTER, node="third")) as third:
            await until(lambda: "connections already" in third.why)


async def test_a_wrong_peer_that_leaves_is_told_to_be_gone_and_is_news_when_it_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("redundancy.link.intruders._GONE_AFTER", 0.2)
    log: list[str] = []
    intruders = Intruders(log.append, log.append, lambda: log.append("gone"))
    mix_up = Refusal(Breach.WRONG_PEER, "two of them", proven=True)
    for _ in range(3):
        intruders.refused(mix_up, "here")
    await until(lambda: log[-1] == "gone")
    intruders.refused(mix_up, "here")
    intruders.forgive()
    intruders.forgive()
    assert log == ["here: two of them", "gone", "here: two of them", "gone"]
    assert intruders.counts[Breach.WRONG_PEER] == 4


async def test_a_stranger_s_claims_never_count_as_a_wrong_peer() -> None:
    port, there = free_port(), Ear()
    check = expect_peer(config(Role.BACKUP), BACKUP.boot_id)
    twin = replace(BACKUP, boot_id="twin").to_wire()
    hello = {"version": 1, "hello": twin, "channel": "lease", "nonce": "00" * 32}
    async with listening(port, there, check=check):
        await garbage(port, pack(to_body(hello)) + pack(to_body({"proof": "00" * 32})))
        await until(lambda: there.intruders.counts[Breach.KEY] == 1)
    assert not there.wrong


async def test_a_dead_line_is_noticed_within_seconds_and_nothing_is_held_back() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        assert dialer._stream is not None
        assert dialer._stream._transport is not None
        sock = dialer._stream._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2500


class Proxy:
    """A wire that records one direction and can be told what to do with it."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.sent = bytearray()
        self.writers: list[asyncio.StreamWriter] = []
        self.to_listener: asyncio.StreamWriter | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.to_listener, self.sent = far_writer, bytearray()
        self.writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer, True), self._pump(far_reader, writer, False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        try:
            while data := await reader.read(65536):
                if up:
                    self.sent += data
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()


@pytest.mark.parametrize("fault", ["replay", "flip", "cut"])
async def test_a_wire_that_repeats_spoils_or_cuts_frames_is_found_out(fault: str) -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), Proxy(port).running() as proxy, dialing(proxy.port, here) as dialer:
        await until(lambda: dialer.is_up)
        before = len(proxy.sent)
        dialer.send({"kind": "ask", "n": 1})
        await until(lambda: here.messages)
        frame, wire = bytes(proxy.sent[before:]), proxy.to_listener
        assert wire is not None
        if fault == "replay":
            wire.write(frame)
        elif fault == "flip":
            wire.write(frame[:-1] + bytes([frame[-1] ^ 1]))
        else:
            wire.write(frame[:-5])
            await wire.drain()
            wire.close()
        breach = {"replay": Breach.REPLAYED, "flip": Breach.FORGED, "cut": Breach.TRUNCATED}[fault]
        await until(lambda: there.intruders.counts[breach] == 1)
        await until(lambda: here.downs and dialer.is_up)
    assert len(there.messages) == 1
    assert len(there.told) == 1


async def test_heartbeats_pass_while_records_are_stuck() -> None:
    port, here, bulk, there = free_port(), Ear(), Ear(), Ear()
    async with (
        listening(port, there),
        dialing(port, here) as lease,
        dialing(port, bulk, channel="records") as records,
    ):
        await until(lambda: lease.is_up and records.is_up)
        for number in range(8):
            records.send({"kind": "records", "n": number, "body": "x" * 4_000_000})
        lease.send({"kind": "ask", "n": 1})
        await until(lambda: here.messages)
        assert len([message for message in there.messages if message[1] == "records"]) < 8
        await until(lambda: len(there.messages) == 9)


async def test_a_lease_message_beyond_its_cap_is_refused() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        dialer.send({"kind": "heartbeat", "body": "x" * 70_000})
        await until(lambda: there.intruders.counts[Breach.OVERSIZE] == 1)
    assert not there.messages


async def test_a_reader_that_stops_reading_gets_the_newest_heartbeat_and_no_queue() -> None:
    port, here = free_port(), Ear()
    received: list[int] = []
    gate = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hand = Handshake(Terms(BACKUP, KEY, anyone, b"n" * 32), None)
        frames = FrameReader(128 * 1024)
        while True:
            if hand.done:
                await gate.wait()
            if not (data := await reader.read(4096)):
                return
            frames.feed(data)
            for frame in frames.frames():
                if hand.done:
                    received.append(hand.opener.open(frame)["n"])
                else:
                    writer.write(hand.receive(frame))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        count = 2000
        for number in range(count):
            dialer.send({"kind": "heartbeat", "n": number, "body": "x" * 10_000})
        gate.set()
        await until(lambda: received and received[-1] == count - 1, 30)
        assert received == sorted(received)
        assert len(received) < count
    server.close()


# A node's links together


class Pair:
    def __init__(self, node: NodeConfig, boot_id: str) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.log: list[str] = []
        events = LinkEvents(
            lambda sender, message: self.received.append((sender, message)),
            lambda name: self.log.append(f"up {name}"),
            lambda name, why: self.log.append(f"down {name}"),
            lambda why: self.log.append(f"intruder {why}"),
            lambda why: self.log.append(f"wrong {why}"),
        )
        self.links = Links(node, boot_id, events)


def wired() -> tuple[NodeConfig, NodeConfig]:
    here, there = Endpoint("127.0.0.1", free_port()), Endpoint("127.0.0.1", free_port())
    master = replace(config(), link=here, peer=Peer("primary-backup", there, ""))
    backup = replace(config(Role.BACKUP), link=there, peer=Peer("primary-master", here, ""))
    return master, backup


async def test_a_pair_s_links_rise_once_carry_both_ways_and_fall_once() -> None:
    one, two = wired()
    master, backup = Pair(one, "m"), Pair(two, "b")
    await master.links.start()
    await backup.links.start()
    try:
        await until(lambda: master.log == ["up primary-backup"] and backup.log == ["up primary-master"])
        assert master.links.send("primary-backup", {"kind": "x"})
        assert backup.links.send("primary-master", {"kind": "y"})
        assert not master.links.send("witness", {"kind": "z"})
        await until(lambda: master.received and backup.received)
        assert master.received == [("primary-backup", {"kind": "y"})]
        await backup.links.close()
        await until(lambda: master.log[-1] == "down primary-backup")
        assert len(master.log) == 2
        assert master.links.why != ""
    finally:
        await master.links.close()
        await backup.links.close()


async def test_one_direction_of_dialing_is_enough() -> None:
    one, two = wired()
    assert one.peer is not None
    unreachable = replace(one.peer, link=Endpoint("127.0.0.1", free_port()))
    master, backup = Pair(replace(one, peer=unreachable), "m"), Pair(two, "b")
    await master.links.start()
    await backup.links.start()
    try:
        await until(lambda: master.links.send("primary-backup", {"kind": "x"}))
        await until(lambda: backup.received)
    finally:
        await master.links.close()
        await backup.links.close()


async def test_a_taken_port_is_an_error_at_the_start() -> None:
    one, _ = wired()
    master = Pair(one, "m")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", one.link.port))
        squatter.listen()
        with pytest.raises(OSError):
            await master.links.start()
    await master.links.close()
