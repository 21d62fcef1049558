"""One MQTT session against real servers: what it reports, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from redundancy.config import Server
from redundancy.mqtt import Acked, Connection, Lost, Message, Opened, Refused, Report, Subscribed
from redundancy.mqtt.connection import MAX_OUTSTANDING
from sparkplug.effects import Will
from tests.ports import free_port
from tests.redundancy.brokers import KINDS, Broker, running
from tests.waiting import PATIENCE, until

WILL = Will("plant/will", b"gone", 1, False)


@pytest.fixture(scope="module", params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running(request.param, tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture(params=KINDS)
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with running(request.param, tmp_path) as server:
        yield server


class Log:
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.threads: set[int] = set()

    def __call__(self, connection: Connection, report: Report) -> None:
        self.reports.append(report)
        self.threads.add(threading.get_ident())

    def of(self, kind: type) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]


def connect(server: Server, client_id: str, **more: Any) -> tuple[Connection, Log]:
    log = Log()
    connection = Connection(asyncio.get_running_loop(), server, client_id, log, **more)
    connection.open()
    return connection, log


@asynccontextmanager
async def connected(server: Server, client_id: str, **more: Any) -> AsyncIterator[tuple[Connection, Log]]:
    connection, log = connect(server, client_id, **more)
    try:
        await until(lambda: log.reports)
        assert log.reports == [Opened()]
        yield connection, log
    finally:
        connection.close()
        async with asyncio.timeout(PATIENCE):
            await connection.wait_ended()


@asynccontextmanager
async def observing(server: Server, topic: str = "plant/#") -> AsyncIterator[Log]:
    async with connected(server, "observer") as (connection, log):
        mid = connection.subscribe([(topic, 1)])
        await until(lambda: Subscribed(mid, (1,)) in log.reports)
        yield log


@pytest.mark.parametrize("protocol", [4, 5])
async def test_a_session_opens_subscribes_publishes_and_hears(broker: Broker, protocol: int) -> None:
    async with connected(broker.server(version=protocol), "one") as (connection, log):
        assert connection.is_open
        mid = connection.subscribe([("plant/#", 1), ("other/#", 0)])
        await until(lambda: log.of(Subscribed))
        assert log.of(Subscribed) == [Subscribed(mid, (1, 0))]
        sent = connection.publish("plant/a", b"\x00\xff", 1)
        await until(lambda: log.of(Message) and log.of(Acked))
        assert log.of(Message) == [Message("plant/a", b"\x00\xff", 1, False)]
        assert log.of(Acked) == [Acked(sent)]
        assert log.threads == {threading.get_ident()}


@pytest.mark.parametrize("gather", [0.0, 0.003])
async def test_a_publish_leaves_at_once_and_not_at_the_next_second(broker: Broker, gather: float) -> None:
    async with (
        observing(broker.server()) as seen,
        connected(broker.server(), "quick", gather=gather) as (connection, _),
    ):
        loop = asyncio.get_running_loop()
        times = []
        for number in range(10):
            started = loop.time()
            connection.publish("plant/quick", b"%d" % number)
            await until(lambda wanted=number: len(seen.of(Message)) > wanted)
            times.append(loop.time() - started)
        assert sorted(times)[5] < 0.3


async def test_retained_and_its_flag_arrive(broker: Broker) -> None:
    async with connected(broker.server(), "keeper") as (connection, log):
        connection.publish("kept/a", b"x", 1, True)
        await until(lambda: log.of(Acked))
    async with observing(broker.server(), "kept/#") as seen:
        await until(lambda: seen.of(Message))
        assert seen.of(Message) == [Message("kept/a", b"x", 1, True)]


async def test_a_clean_close_fires_no_will_and_comes_after_what_was_published(broker: Broker) -> None:
    async with observing(broker.server()) as seen:
        connection, log = connect(broker.server(), "polite", will=WILL)
        await until(lambda: connection.is_open)
        for number in range(10):
            connection.publish("plant/last", b"%d" % number, 1)
        connection.close()
        assert not connection.is_open
        await connection.wait_ended()
        async with connected(broker.server(), "polite", will=WILL):
            pass
        await until(lambda: len(seen.of(Message)) >= 10)
        assert {message.topic for message in seen.of(Message)} == {"plant/last"}
    assert log.reports == [Opened()]


async def test_a_clean_close_in_the_middle_of_a_flood_fires_no_will(broker: Broker) -> None:
    """What is still unread here must not reset the connection before the server has read the DISCONNECT."""
    async with observing(broker.server()) as seen, connected(broker.server(), "flooder") as (flooder, _):
        for number in range(10):
            busy, log = connect(broker.server(), f"busy-{number}", will=WILL)
            await until(lambda live=busy: live.is_open)
            busy.subscribe([("flood/#", 0)])
            await until(lambda log=log: log.of(Subscribed))
            for _ in range(300):
                flooder.publish("flood/a", b"x" * 500)
            busy.close()
            await busy.wait_ended()
        flooder.publish("plant/end", b"", 1)
        await until(lambda: seen.of(Message))
        assert [message.topic for message in seen.of(Message)] == ["plant/end"]


async def test_a_cut_fires_the_will(broker: Broker) -> None:
    async with observing(broker.server()) as seen:
        connection, log = connect(broker.server(), "cut", will=WILL)
        await until(lambda: connection.is_open)
        connection.close(clean=False)
        await until(lambda: seen.of(Message))
        assert seen.of(Message) == [Message("plant/will", b"gone", 1, False)]
        await connection.wait_ended()
    assert log.reports == [Opened()]


async def test_a_session_taken_over_by_its_namesake_is_lost(broker: Broker) -> None:
    first, log = connect(broker.server(), "shared")
    await until(lambda: first.is_open)
    async with connected(broker.server(), "shared"):
        await until(lambda: log.of(Lost))
    assert not first.is_open
    assert first.publish("plant/x", b"") == -1
    await first.wait_ended()


async def test_a_wrong_password_is_refused_with_the_server_s_reason(broker: Broker) -> None:
    connection, log = connect(broker.server(password="wrong"), "stranger")
    await until(lambda: log.reports)
    assert len(log.reports) == 1
    assert "not authorized" in log.of(Refused)[0].why or "bad user name" in log.of(Refused)[0].why
    await connection.wait_ended()


async def test_nobody_listening_is_refused_at_once() -> None:
    connection, log = connect(Server("none", "127.0.0.1", free_port()), "lonely")
    await until(lambda: log.reports)
    assert log.reports == [Refused("connection refused")]
    await connection.wait_ended()


async def test_a_name_that_does_not_exist_is_refused() -> None:
    connection, log = connect(Server("none", "host.invalid", 1883), "lonely")
    await until(lambda: log.reports)
    assert log.of(Refused)
    connection.close()


@asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    """Accepts connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield server.getsockname()[1]


async def test_a_server_that_never_answers_is_refused_within_the_connect_timeout() -> None:
    async with deaf() as port:
        started = asyncio.get_running_loop().time()
        connection, log = connect(Server("deaf", "127.0.0.1", port, connect_timeout=0.5), "patient")
        await until(lambda: log.reports)
        assert 0.4 < asyncio.get_running_loop().time() - started < 5
        assert log.reports == [Refused(f"127.0.0.1:{port} does not answer")]
        async with asyncio.timeout(PATIENCE):
            await connection.wait_ended()


async def test_what_is_no_mqtt_server_is_refused() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        connection, log = connect(Server("web", "127.0.0.1", server.sockets[0].getsockname()[1]), "lost")
        await until(lambda: log.reports)
        assert log.of(Refused)
        assert len(log.reports) == 1
        await connection.wait_ended()


async def test_closed_while_connecting_reports_nothing() -> None:
    async with deaf() as port:
        connection, log = connect(Server("deaf", "127.0.0.1", port, connect_timeout=0.5), "hasty")
        connection.close()
        async with asyncio.timeout(PATIENCE):
            await connection.wait_ended()
        await asyncio.sleep(0.8)
        assert log.reports == []


async def test_closed_before_it_was_opened_it_never_connects() -> None:
    log = Log()
    connection = Connection(
        asyncio.get_running_loop(), Server("none", "127.0.0.1", free_port()), "never", log
    )
    connection.close()
    connection.open()
    await connection.wait_ended()
    await asyncio.sleep(0.05)
    assert log.reports == []


async def test_a_killed_server_is_lost_at_once(own_broker: Broker) -> None:
    connection, log = connect(own_broker.server(), "survivor")
    await until(lambda: connection.is_open)
    own_broker.kill()
    await until(lambda: log.of(Lost))
    assert connection.publish("plant/x", b"", 1) == -1
    assert connection.subscribe([("plant/#", 0)]) == -1
    await connection.wait_ended()
    assert len(log.reports) == 2


async def test_a_frozen_server_is_lost_by_keep_alive_and_closing_never_waits(own_broker: Broker) -> None:
    connection, log = connect(own_broker.server(keep_alive=2), "watchful")
    other, _ = connect(own_broker.server(keep_alive=60), "leaving")
    await until(lambda: connection.is_open and other.is_open)
    own_broker.pause()
    loop = asyncio.get_running_loop()
    for _ in range(50):
        other.publish("plant/x", b"y" * 1000, 1)
    started = loop.time()
    other.close()
    assert loop.time() - started < 1
    async with asyncio.timeout(PATIENCE):
        await other.wait_ended()
    await until(lambda: log.of(Lost))
    own_broker.resume()


async def test_choked_publishing_is_refused_and_not_hoarded(own_broker: Broker) -> None:
    connection, _ = connect(own_broker.server(keep_alive=60), "choked")
    await until(lambda: connection.is_open)
    own_broker.pause()
    ids = [connection.publish("plant/x", b"y" * 2000, 1) for _ in range(MAX_OUTSTANDING + 10)]
    assert ids[-1] == -1
    assert ids[0] > 0
    connection.close(clean=False)
    await connection.wait_ended()
    own_broker.resume()


async def test_a_burst_hops_to_the_loop_in_few_calls_and_keeps_its_order(broker: Broker) -> None:
    loop = asyncio.get_running_loop()
    async with connected(broker.server(), "reader") as (reader, seen):
        reader.subscribe([("burst/#", 0)])
        await until(lambda: seen.of(Subscribed))
        hops, original = 0, loop.call_soon_threadsafe

        def counting(*args: Any, **more: Any) -> asyncio.Handle:
            nonlocal hops
            hops += 1
            return original(*args, **more)

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign]
        async with connected(broker.server(), "writer") as (writer, _):
            for number in range(3000):
                assert writer.publish("burst/a", b"%d" % number) != -1
            await until(lambda: len(seen.of(Message)) == 3000)
        loop.call_soon_threadsafe = original  # type: ignore[method-assign]
        assert [int(message.payload) for message in seen.of(Message)] == list(range(3000))
        assert hops < 3000


async def test_sessions_that_are_cut_leave_no_thread_behind(broker: Broker) -> None:
    threads = threading.active_count()
    async with observing(broker.server()) as seen:
        for number in range(5):
            connection, _ = connect(broker.server(), f"many-{number}", will=WILL)
            await until(lambda live=connection: live.is_open)
            connection.close(clean=False)
            await connection.wait_ended()
        await until(lambda: len(seen.of(Message)) == 5)
    await until(lambda: threading.active_count() <= threads)


async def pass_by(broker: Broker, client_id: str) -> None:
    connection, log = connect(broker.server(), client_id)
    await until(lambda: log.of(Opened))
    connection.close()
    await connection.wait_ended()


async def test_a_session_that_has_ended_leaves_no_socket_behind(broker: Broker) -> None:
    process = psutil.Process()
    gc.collect()
    gc.disable()
    try:
        before = process.num_fds()
        for number in range(5):
            await pass_by(broker, f"passing{number}")
        # The farewell's timer, a second, is the last that knows a connection.
        await until(lambda: process.num_fds() <= before, "every socket is closed")
    finally:
        gc.enable()
