"""Garbage, floods, slow readers: the server goes on, in bounded memory."""

from __future__ import annotations

import contextlib
import random
import socket

import psutil
import pytest

from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import Server
from tests.redundancy.distributor.wire import RawClient, listening, opened, publish, wait_until


def alive(server: Server, name: str) -> None:
    with opened(server.port, f"{name}-after") as client:
        client.send(wire.PINGREQ)
        client.expect(wire.PINGRESP)


def test_garbage_closes_the_connection_and_nothing_else(server: Server, name):
    rng = random.Random(7)
    with opened(server.port, f"{name}-witness") as witness:
        for size in (1, 2, 10, 100, 5000, 70_000):
            with RawClient(server.port) as client:
                with contextlib.suppress(OSError):  # it may be gone before we are done
                    client.send(rng.randbytes(size))
                    client.socket.shutdown(socket.SHUT_WR)
                assert client.closed()
        witness.send(wire.PINGREQ)
        witness.expect(wire.PINGRESP)
    alive(server, name)


def test_mutated_streams_of_a_client_that_was_let_in_never_break_it(own_server: Server, name):
    rng = random.Random(11)
    stream = wire.subscribe(1, ("plant/#", 2)) + b"".join(
        publish("plant/a b", b"x" * 20, qos, packet_id=3, version=5) for qos in (0, 1, 2)
    )
    for round_number in range(60):
        mutated = bytearray(stream)
        for _ in range(rng.randint(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        with opened(own_server.port, f"{name}-{round_number % 5}", version=rng.choice((4, 5))) as client:
            client.send(bytes(mutated))
    alive(own_server, name)


def test_a_packet_beyond_the_limit_ends_the_connection(server: Server, place, name):
    with opened(server.port, name) as client:
        client.send(b"\x30" + b"\x81\x80\x80\x01" + wire.text(f"{place}/a"))
        assert client.closed()
    alive(server, name)


@pytest.mark.parametrize("first", [b"", b"\x10", b"\x10\xff\xff\xff\x7f", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_does_not_send_connect_is_shown_the_door(own_server: Server, first: bytes):
    with RawClient(own_server.port) as client:
        client.send(first)
        assert client.closed()


def test_a_reader_that_never_reads_costs_bounded_memory_and_is_thrown_out(own_server: Server, place, name):
    process = psutil.Process(own_server.process.pid)
    before = process.memory_info().rss
    slow = listening(own_server.port, f"{name}-slow", (f"{place}/#", 0))
    with (
        listening(own_server.port, f"{name}-good", (f"{place}/end", 1)) as good,
        opened(own_server.port, name) as source,
    ):
        payload = b"x" * 50_000
        for _ in range(800):
            source.send(publish(f"{place}/a", payload))
        source.send(publish(f"{place}/end", b"", 1))
        assert wire.message(*good.read())[0] == f"{place}/end", "others are served all the same"
        assert process.memory_info().rss - before < 25_000_000, "40 MB were sent"

        def thrown_out() -> bool:
            source.send(publish(f"{place}/a", payload))
            return not any(
                connection.raddr and connection.raddr.port == slow.socket.getsockname()[1]
                for connection in process.net_connections("tcp")
            )

        wait_until(thrown_out)
    slow.socket.close()
