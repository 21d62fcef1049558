"""MQTT 3.1.1 and 5.0 over TCP, TLS and WebSocket, against real servers; certificates right and wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import websockets

from redundancy.config import ConfigError, Server, Tls
from redundancy.distributor.config import parse
from redundancy.mqtt import Acked, Connection, Message, Opened, Refused, Report, Subscribed
from sparkplug import Will
from tests.redundancy.brokers import KINDS, SECURE, WIRES, Broker, running
from tests.redundancy.certificates import Certificates
from tests.waiting import PATIENCE, until

WILL = Will("plant/will", b"gone", 1, False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=KINDS)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Broker]:
    with running(request.param, tmp_path_factory.mktemp("broker"), tls=certificates.server) as one:
        yield one


@pytest.fixture(
    params=[(wire, version) for wire in WIRES for version in (4, 5)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def server(request: pytest.FixtureRequest, broker: Broker, certificates: Certificates) -> Server:
    wire, version = request.param
    tls = Tls(ca=certificates.ca) if wire in SECURE else None
    return broker.server(wire=wire, version=version, tls=tls, connect_timeout=5.0)


class Session:
    """One connection and what it has reported."""

    def __init__(self, server: Server, client_id: str, will: Will | None = None) -> None:
        self.reports: list[Report] = []
        self.connection = Connection(
            asyncio.get_running_loop(),
            server,
            client_id,
            lambda _, report: self.reports.append(report),
            will=will,
        )
        self.connection.open()

    def messages(self) -> list[Message]:
        return [report for report in self.reports if isinstance(report, Message)]

    async def end(self) -> None:
        self.connection.close()
        async with asyncio.timeout(PATIENCE):
            await self.connection.wait_ended()


@asynccontextmanager
async def session(server: Server, client_id: str, will: Will | None = None) -> AsyncIterator[Session]:
    one = Session(server, client_id, will)
    try:
        await until(lambda: one.reports)
        assert one.reports == [Opened()]
        yield one
    finally:
        await one.end()


@asynccontextmanager
async def observing(broker: Broker) -> AsyncIterator[Session]:
    async with session(broker.server(), "observer") as one:
        one.connection.subscribe([("plant/#", 1)])
        await until(lambda: any(isinstance(report, Subscribed) for report in one.reports))
        yield one


async def refusal(server: Server) -> str:
    """What the session is told when it can't be."""
    one = Session(server, "unwanted")
    try:
        await until(lambda: one.reports)
        (report,) = one.reports
        assert isinstance(report, Refused), report
        assert "\n" not in report.why
        return report.why
    finally:
        await one.end()


async def test_a_session_subscribes_publishes_and_hears(server: Server) -> None:
    large = bytes(range(256)) * 100
    async with session(server, "one") as one:
        one.connection.subscribe([("own/#", 1)])
        await until(lambda: any(isinstance(report, Subscribed) for report in one.reports))
        one.connection.publish("own/large", large, 1)
        one.connection.publish("own/small", b"\x00\xff", 0)
        await until(lambda: len(one.messages()) == 2 and sum(isinstance(r, Acked) for r in one.reports) == 2)
        assert sorted(one.messages(), key=lambda message: message.topic) == [
            Message("own/large", large, 1, False),
            Message("own/small", b"\x00\xff", 0, False),
        ]


async def test_a_clean_end_comes_after_what_was_published_and_fires_no_will(
    server: Server, broker: Broker
) -> None:
    async with observing(broker) as seen:
        async with session(server, "polite", WILL) as one:
            for number in range(10):
                one.connection.publish("plant/last", b"%d" % number, 1)
        async with session(server, "polite") as again:
            mid = again.connection.publish("plant/after", b"", 1)
            await until(lambda: Acked(mid) in again.reports)
        await until(lambda: seen.messages()[-1:] and seen.messages()[-1].topic == "plant/after")
        assert [message.payload for message in seen.messages()[:-1]] == [b"%d" % n for n in range(10)]


async def test_a_cut_fires_the_will(server: Server, broker: Broker) -> None:
    async with observing(broker) as seen, session(server, "cut", WILL) as one:
        one.connection.close(clean=False)
        await until(lambda: seen.messages() == [Message("plant/will", b"gone", 1, False)])


async def test_an_edge_node_s_goodbye_leaves_its_will_to_mqtt_5_alone(server: Server, broker: Broker) -> None:
    async with observing(broker) as seen:
        async with session(server, "goodbye", WILL) as one:
            one.connection.publish("plant/said", b"", 1)
            one.connection.close(with_will=True)
        async with session(server, "goodbye") as again:
            again.connection.publish("plant/after", b"", 1)
            await until(lambda: "plant/after" in [message.topic for message in seen.messages()])
        fired = ["plant/will"] if server.version == 5 else []
        assert [message.topic for message in seen.messages()] == ["plant/said", *fired, "plant/after"]


@pytest.mark.parametrize("wire", SECURE)
async def test_a_server_of_another_authority_is_not_believed(
    broker: Broker, certificates: Certificates, wire: str
) -> None:
    why = await refusal(broker.server(wire=wire, tls=Tls(ca=certificates.other_ca), connect_timeout=5.0))
    assert why.startswith("the server's certificate is not accepted: ")


@pytest.mark.parametrize(
    ("name", "reason"), [("elsewhere", "mismatch"), ("expired", "has expired")], ids=["host", "date"]
)
async def test_a_certificate_for_another_host_or_time_is_not_believed(
    tmp_path: Path, certificates: Certificates, name: str, reason: str
) -> None:
    with running("distributor", tmp_path, tls=getattr(certificates, name)) as odd:
        server = odd.server(wire="tls", tls=Tls(ca=certificates.ca), connect_timeout=5.0)
        assert reason in (await refusal(server)).lower()
        trusting = Tls(ca=certificates.ca, verify=False)
        async with session(odd.server(wire="tls", tls=trusting, connect_timeout=5.0), "careless"):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_wants_certificates_lets_in_only_those_of_its_authority(
    tmp_path: Path, certificates: Certificates, kind: str
) -> None:
    with running(kind, tmp_path, tls=certificates.server, client_ca=certificates.ca) as strict:
        own = certificates.client
        shown = Tls(certificates.ca, own.certificate, own.key)
        async with session(strict.server(wire="tls", tls=shown, connect_timeout=5.0), "known"):
            pass
        foreign = certificates.foreign_client
        for tls in (Tls(certificates.ca), Tls(certificates.ca, foreign.certificate, foreign.key)):
            assert await refusal(strict.server(wire="tls", tls=tls, connect_timeout=5.0))
        password = strict.server(wire="tls", tls=shown, connect_timeout=5.0, password="wrong")
        assert await refusal(password)


async def test_a_plain_client_at_a_tls_port_and_the_other_way_round(
    broker: Broker, certificates: Certificates
) -> None:
    patient = {"connect_timeout": 2.0}
    assert await refusal(Server("plain", "127.0.0.1", broker.ports["tls"], **patient))  # type: ignore[arg-type]
    why = await refusal(
        Server("tls", "127.0.0.1", broker.ports["tcp"], tls=Tls(certificates.ca), **patient)  # type: ignore[arg-type]
    )
    assert why
    assert await refusal(Server("web", "127.0.0.1", broker.ports["tcp"], path="/mqtt", **patient))  # type: ignore[arg-type]


async def test_a_server_that_never_shakes_hands_is_refused_in_time(certificates: Certificates) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        for path in (None, "/mqtt"):
            tls = Tls(certificates.ca) if path is None else None
            server = Server("deaf", "127.0.0.1", port, connect_timeout=0.5, keep_alive=2, tls=tls, path=path)
            assert await refusal(server) == f"127.0.0.1:{port} does not answer"


async def test_a_file_that_is_not_there_is_said(broker: Broker, certificates: Certificates) -> None:
    why = await refusal(broker.server(wire="tls", tls=Tls(ca="/nowhere/ca.pem")))
    assert "no such file" in why
    wrong = Tls(certificates.ca, certificates.client.key, certificates.client.certificate)
    assert "tls failed" in (await refusal(broker.server(wire="tls", tls=wrong))).lower()


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="certificate needs its key"):
        Tls(certificate="client.pem")
    with pytest.raises(ConfigError, match=r"MQTT is 3\.1, 3\.1\.1 or 5"):
        Server("x", "host", 1883, version=6)
    with pytest.raises(ConfigError, match="slash"):
        Server("x", "host", 1883, path="mqtt")


class TestTheDistributorsWebSockets:
    """What only a client that is no MQTT library says."""

    CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05stray"

    @pytest.fixture
    def own(self, tmp_path: Path, certificates: Certificates) -> Iterator[Broker]:
        with running("distributor", tmp_path, tls=certificates.server) as one:
            yield one

    def url(self, own: Broker) -> str:
        return f"ws://127.0.0.1:{own.ports['ws']}/mqtt"

    async def answers(self, own: Broker) -> None:
        """Whatever somebody did, others are served."""
        async with session(own.server(wire="ws", connect_timeout=5.0), "unmoved"):
            pass

    async def test_a_packet_in_many_frames_and_many_packets_in_a_frame_are_one_stream(
        self, own: Broker
    ) -> None:
        async with websockets.connect(self.url(own), subprotocols=["mqtt"]) as client:  # type: ignore[list-item]
            await client.send([self.CONNECT[:3], self.CONNECT[3:4], self.CONNECT[4:]])
            # Without a name and a password nobody gets in, and is told so in MQTT.
            assert await client.recv() == b"\x20\x02\x00\x05"

    async def test_a_client_that_does_not_say_mqtt_is_no_client(self, own: Broker) -> None:
        with pytest.raises(websockets.InvalidStatus, match="400"):
            async with websockets.connect(self.url(own)):
                pass
        await self.answers(own)

    async def test_text_is_refused_and_so_is_a_frame_beyond_all_measure(self, own: Broker) -> None:
        for words, code in (("text", 1003), (b"\x30" * (1 << 22), 1009)):
            async with websockets.connect(self.url(own), subprotocols=["mqtt"]) as client:  # type: ignore[list-item]
                with suppress(websockets.ConnectionClosed):
                    await client.send(words)
                await client.wait_closed()
                assert client.close_code in (code, 1006)
        await self.answers(own)

    @pytest.mark.parametrize(
        "words",
        [b"\0" * 100 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"G" * 100_000],
        ids=["zeros", "no upgrade", "endless"],
    )
    async def test_a_handshake_of_garbage_ends_the_connection(self, own: Broker, words: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", own.ports["ws"])
        writer.write(words)
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
        await self.answers(own)


@pytest.mark.parametrize(
    ("listeners", "field"),
    [
        ({}, "listeners"),
        ([7], "listeners[0]"),
        ([{"listen": "127.0.0.1:0"}], "listeners[0]"),
        ([{"listen": "nowhere", "websocket": True}], "listeners[0].listen"),
        ([{"listen": "127.0.0.1:0", "websocket": "yes"}], "listeners[0].websocket"),
        ([{"listen": "127.0.0.1:0", "certificate": "a.pem"}], "listeners[0].key"),
        ([{"listen": "127.0.0.1:0", "key": "a.key"}], "listeners[0].certificate"),
        ([{"listen": "127.0.0.1:0", "certificate": 7, "key": ""}], "listeners[0].certificate"),
        ([{"listen": "127.0.0.1:0", "certificate": "/no", "key": "/no"}], "listeners[0].certificate"),
        ([{"listen": "127.0.0.1:0", "websocket": True, "more": 1}], "listeners[0].more"),
    ],
)
def test_a_wrong_listener_is_refused_with_the_field(listeners: object, field: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse({"listen": "127.0.0.1:1883", "users": [], "listeners": listeners})
    assert error.value.field == field
