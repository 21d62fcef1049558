"""The pair link under attack: garbage, floods, a tampered wire, a stuck reader."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace

import pytest

from redundancy.config import Role
from redundancy.link.frames import Breach, FrameReader, pack, to_body
from redundancy.link.handshake import Handshake, Refusal, Terms
from redundancy.link.intruders import Intruders
from redundancy.link.listener import HALF_OPEN
from redundancy.link.speaker import expect_peer
from tests.ports import free_port
from tests.redundancy.link_ends import (
    BACKUP,
    KEY,
    MASTER,
    Ear,
    Proxy,
    anyone,
    config,
    dialing,
    garbage,
    listening,
)
from tests.waiting import until


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
        await until(lambda: received and received[-1] == count - 1)
        assert received == sorted(received)
        assert len(received) < count
    server.close()
