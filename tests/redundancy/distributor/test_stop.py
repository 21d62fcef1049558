"""The process is stopped and started: what it had acknowledged is there, whatever happened to its file."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from redundancy.clock import Clock
from redundancy.distributor import shelf
from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.bench import Bench
from tests.redundancy.distributor.conftest import Server, own_config, start_own, stop
from tests.redundancy.distributor.listener import listener
from tests.redundancy.distributor.wire import opened, publish

Start = Callable[[], Server]
STAY = {4: {"clean": False}, 5: {"clean": False, "props": {Property.SESSION_EXPIRY: 300}}}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server in the same folder each time; none outlives the test."""
    servers: list[Server] = []

    def make() -> Server:
        servers.append(start_own(tmp_path, own_config()))
        return servers[-1]

    yield make
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            stop(server)


def file_of(server: Server) -> Path:
    return server.folder / "distributor.kept"


def kept_for(version: int) -> dict:
    if version == 4:
        return {"version": 4, "clean": False}
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 300
    return {"version": 5, "clean": False, "properties": properties}


def present(server: Server, client_id: str) -> bool:
    """Whether the server has a session of this 3.1.1 client."""
    with wire.RawClient(server.port) as client:
        client.send(wire.connect(client_id, clean=False))
        return client.expect(wire.CONNACK) == b"\1\0"


def leave_session(server: Server, *payloads: bytes) -> None:
    """For the client `away`, which is not there."""
    with wire.listening(server.port, "away", ("plant/#", 1), clean=False) as client:
        client.send(wire.GOODBYE)
        assert client.closed()
    with opened(server.port, "source") as source:
        for number, payload in enumerate(payloads, 1):
            source.send(publish("plant/a", payload, 1, packet_id=number))
            source.expect(wire.PUBACK)


@pytest.mark.parametrize("version", [4, 5])
def test_what_was_acknowledged_before_the_stop_comes_once_and_in_order_after_it(start: Start, version: int):
    server = start()
    with listener(server.port, "reader", ("plant/#", 2), **kept_for(version)):
        pass
    sent = [(f"plant/{number}", b"%d" % number) for number in range(60)]
    with listener(server.port, "source", version=version) as source:
        said = [source.client.publish(topic, body, 1 + n % 2) for n, (topic, body) in enumerate(sent)]
        for each in said:
            each.wait_for_publish(8)
        assert stop(server) == 0
    assert file_of(server).stat().st_mode & 0o777 == 0o600
    server = start()
    assert not file_of(server).exists()
    with listener(server.port, "reader", **kept_for(version)) as reader:
        assert reader.session_present
        reader.hears(60)
        for qos in (1, 2):
            heard = [(each.topic, each.payload) for each in reader.messages if each.qos == qos]
            assert heard == sent[qos - 1 :: 2]
        reader.publish("plant/end", b"", 2)
        assert reader.hears(61)[60] == ("plant/end", b"")


@pytest.mark.parametrize("version", [4, 5])
def test_a_reader_that_was_stopped_halfway_through_qos_2_gets_each_once(start: Start, version: int):
    server = start()
    with listener(server.port, "source") as source:
        reader = wire.listening(server.port, "half", ("plant/#", 2), version=version, **STAY[version])
        for number in range(3):
            source.publish("plant/a", b"%d" % number, 2)
        ids = [wire.message(*reader.read(), version)[2] for _ in range(3)]
        reader.send(wire.ack(wire.PUBREC, ids[0]))
        reader.expect(wire.PUBREL)
        assert stop(server) == 0
        reader.cut()
    server = start()
    with wire.RawClient(server.port) as back:
        back.send(wire.connect("half", version=version, **STAY[version]))
        assert back.expect(wire.CONNACK)[0] == 1
        assert int.from_bytes(back.expect(wire.PUBREL), "big") == ids[0]
        for number in (1, 2):
            first, body = back.read()
            assert first & 8, "DUP"
            assert wire.message(first, body, version)[1:3] == (b"%d" % number, ids[number])


def test_a_killed_server_starts_clean(start: Start):
    server = start()
    leave_session(server, b"old")
    assert stop(server) == 0
    server = start()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    assert not present(start(), "away")


def test_a_damaged_file_is_set_aside_and_said_and_stops_nothing(start: Start):
    server = start()
    leave_session(server, b"lost")
    assert stop(server) == 0
    path = file_of(server)
    path.write_bytes(path.read_bytes()[:-20])
    server = start()
    assert f"{path} is damaged, sessions begin anew" in (server.folder / "log").read_text()
    assert path.with_name("distributor.kept.damaged").exists()
    assert not present(server, "away")
    assert stop(server) == 0


KEPT = b'{"messages":[],"sessions":[],"retained":[]}'


def test_what_was_saved_is_loaded(tmp_path: Path):
    path = tmp_path / "distributor.kept"
    assert shelf.load(path) is None
    path.with_name("distributor.kept.new").write_bytes(b"left by a killed server")
    shelf.save(path, json.loads(KEPT))
    assert shelf.load(path) == json.loads(KEPT)
    assert [each.name for each in tmp_path.iterdir()] == ["distributor.kept"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "version"),
        (b"2 abc\n{}", "version"),
        (b"1 abc\n{}", "checksum"),
        (b"1 " + hashlib.sha256(b"{").hexdigest().encode() + b"\n{", "JSON"),
        (b"1 " + hashlib.sha256(b"[" * 99_999).hexdigest().encode() + b"\n" + b"[" * 99_999, "JSON"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_reason(tmp_path: Path, data: bytes, reason: str):
    path = tmp_path / "distributor.kept"
    path.write_bytes(data)
    with pytest.raises(shelf.DamagedError, match=reason):
        shelf.load(path)


def test_a_file_that_nobody_wrote_here_is_not_read_into_memory(tmp_path: Path):
    path = tmp_path / "distributor.kept"
    with path.open("wb") as file:
        file.truncate(shelf.LARGEST + 1)
    with pytest.raises(shelf.DamagedError, match="more than"):
        shelf.load(path)


@pytest.mark.parametrize("content", [b"{}", KEPT[:-3] + b"5]}", None])
def test_whatever_lies_there_the_server_starts(tmp_path: Path, caplog, content: bytes | None):
    path = tmp_path / "distributor.kept"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(b"1 " + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    bench = Bench()
    shelf.Shelf(path, Clock()).take_up(bench.broker)
    assert "sessions begin anew" in caplog.text
    assert not bench.broker.sessions


def test_a_full_disk_holds_no_stop_up_and_leaves_no_half_file(start: Start):
    server = start()
    leave_session(server, *[os.urandom(10_000)] * 20)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    before = time.monotonic()
    assert stop(server) == 0
    assert time.monotonic() - before < 10.0
    assert "sessions are lost" in (server.folder / "log").read_text()
    assert not list(server.folder.glob("distributor.kept*"))
    assert not present(start(), "away")


def test_a_port_that_is_taken_costs_nothing_that_was_kept(start: Start, tmp_path: Path):
    server = start()
    leave_session(server, b"still here")
    assert stop(server) == 0
    with wire.socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssertionError):
            start_own(tmp_path, own_config(listen=f"127.0.0.1:{taken.getsockname()[1]}"))
    assert file_of(server).exists()
    assert present(start(), "away")
