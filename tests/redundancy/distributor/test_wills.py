"""When a Will goes out and when it does not: the same against the Distributor and Mosquitto."""

from __future__ import annotations

import pytest

from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import Server
from tests.redundancy.distributor.wire import GOODBYE, PUBLISH, RawClient, listening, opened, publish


def dies(watcher: RawClient) -> tuple[int, bytes]:
    """The first byte and payload of the message that comes next."""
    first, body = watcher.read()
    assert first & 0xF0 == PUBLISH
    return first, wire.message(first, body)[1]


@pytest.fixture
def watcher(server: Server, place, name):
    with listening(server.port, f"{name}-watcher", (f"{place}/#", 1)) as client:
        yield client


@pytest.mark.parametrize("how", ["cut", "close"])
def test_a_broken_socket_fires_it(server: Server, place, name, watcher, how):
    edge = opened(server.port, name, will=(f"{place}/death", b"dead", 1, False))
    edge.cut() if how == "cut" else edge.socket.close()
    assert dies(watcher) == (0x32, b"dead")


def test_silence_beyond_the_keep_alive_fires_it(server: Server, place, name, watcher):
    with opened(server.port, name, keep_alive=1, will=(f"{place}/death", b"dead", 0, False)) as edge:
        assert dies(watcher) == (0x30, b"dead")
        assert edge.closed()


def test_a_takeover_of_the_client_id_fires_it_and_kicks_the_old_connection(
    server: Server, place, name, watcher
):
    old = opened(server.port, name, will=(f"{place}/death", b"old", 1, False))
    with opened(server.port, name, will=(f"{place}/death", b"new", 1, False)) as new:
        assert dies(watcher) == (0x32, b"old")
        assert old.closed()
        new.send(publish(f"{place}/alive", b"served"))
        assert dies(watcher) == (0x30, b"served")
        new.send(GOODBYE)


def test_a_malformed_packet_fires_it(server: Server, place, name, watcher):
    with opened(server.port, name, will=(f"{place}/death", b"dead", 0, False)) as edge:
        edge.send(b"\xf0\0")
        assert dies(watcher) == (0x30, b"dead")
        assert edge.closed()


def test_a_clean_disconnect_does_not(server: Server, place, name, watcher):
    with opened(server.port, name, will=(f"{place}/death", b"dead", 1, False)) as edge:
        edge.send(publish(f"{place}/before", b"1") + GOODBYE)
        assert edge.closed()
    with opened(server.port, f"{name}-2") as other:
        other.send(publish(f"{place}/after", b"2"))
        assert [dies(watcher)[1] for _ in range(2)] == [b"1", b"2"]


def test_disconnect_with_will_message_does(server: Server, place, name, watcher):
    with opened(server.port, name, version=5, will=(f"{place}/death", b"dead", 1, False)) as edge:
        edge.send(b"\xe0\x01\x04")
        assert dies(watcher) == (0x32, b"dead")


# Mosquitto 2.0.11 waits for the delay although the session has ended.
@pytest.mark.parametrize("server", ["own_server"], indirect=True)
def test_a_will_delay_of_a_session_without_expiry_is_no_delay(server: Server, place, name, watcher):
    edge = opened(
        server.port, name, version=5, will=(f"{place}/death", b"dead", 0, False),
        will_props={Property.WILL_DELAY: 60, Property.USER_PROPERTY: [("a", "b")]},
    )  # fmt: skip
    edge.cut()
    assert dies(watcher) == (0x30, b"dead")


def test_a_retained_will_is_there_for_those_who_come_later(server: Server, place, name, watcher):
    opened(server.port, name, will=(f"{place}/death", b"dead", 1, True)).cut()
    dies(watcher)
    with listening(server.port, f"{name}-late", (f"{place}/#", 1)) as late:
        assert dies(late) == (0x33, b"dead")
