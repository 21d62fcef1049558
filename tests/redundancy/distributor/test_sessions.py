"""Sessions that outlive their connection: the same against the Distributor and Mosquitto."""

from __future__ import annotations

import pytest

from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import Server
from tests.redundancy.distributor.listener import listener
from tests.redundancy.distributor.wire import GOODBYE, PUBACK, PUBLISH, opened, publish, subscribe

STAY = {4: {"version": 4, "clean": False}, 5: {"version": 5, "props": {Property.SESSION_EXPIRY: 300}}}


@pytest.mark.parametrize("version", [4, 5])
def test_what_was_missed_at_qos_1_is_delivered_in_order(server: Server, place, name, version):
    more = {"version": version, "clean": False, "props": STAY[version].get("props")}
    with opened(server.port, name, **more) as away:
        away.send(subscribe(1, (f"{place}/#", 1), version=version))
        away.expect(wire.SUBACK)
        away.send(GOODBYE)
        assert away.closed()
    with opened(server.port, f"{name}-source") as source:
        for number in range(1, 6):
            source.send(publish(f"{place}/{number}", b"kept", 1, packet_id=number))
            source.expect(PUBACK)
        source.send(publish(f"{place}/0", b"not kept") + wire.PINGREQ)
        source.expect(wire.PINGRESP)
    with wire.RawClient(server.port) as back:
        back.send(wire.connect(name, **more))
        assert back.expect(wire.CONNACK)[:2] == b"\x01\0", "the session is present"
        topics = []
        for _ in range(5):
            topic, _, packet_id, _ = wire.message(*back.read(), version)
            topics.append(topic)
            back.send(wire.ack(PUBACK, packet_id))
        assert topics == [f"{place}/{number}" for number in range(1, 6)]
        back.send(publish(f"{place}/now", b"", version=version))
        assert wire.message(*back.read(), version)[0] == f"{place}/now"


def test_what_was_not_acknowledged_comes_again_marked_dup(server: Server, place, name):
    first = opened(server.port, name, clean=False)
    first.send(subscribe(1, (f"{place}/#", 1)))
    first.expect(wire.SUBACK)
    first.send(b"".join(publish(f"{place}/{n}", b"x", 1, packet_id=n) for n in (1, 2, 3)))
    got = {}
    while len(got) < 3:
        kind, body = first.read()
        if kind & 0xF0 == PUBLISH:
            assert not kind & 8
            topic, _, packet_id, _ = wire.message(kind, body)
            got[topic] = packet_id
    first.send(wire.ack(PUBACK, got[f"{place}/1"]) + wire.PINGREQ)
    while first.read()[0] != wire.PINGRESP:
        pass
    first.cut()
    with wire.RawClient(server.port) as again:
        again.send(wire.connect(name, clean=False))
        assert again.expect(wire.CONNACK) == b"\x01\0"
        for number in (2, 3):
            kind, body = again.read()
            topic, _, packet_id, _ = wire.message(kind, body)
            assert kind & 8, "DUP"
            assert (topic, packet_id) == (f"{place}/{number}", got[f"{place}/{number}"])
            again.send(wire.ack(PUBACK, packet_id))


def test_a_clean_session_forgets(server: Server, place, name):
    with opened(server.port, name, clean=False) as client:
        client.send(subscribe(1, (f"{place}/#", 1)))
        client.expect(wire.SUBACK)
        client.send(GOODBYE)
        assert client.closed()
    with wire.RawClient(server.port) as clean:
        clean.send(wire.connect(name, clean=True))
        assert clean.expect(wire.CONNACK) == b"\0\0"
        clean.send(publish(f"{place}/a", b"", 1))
        assert clean.read()[0] == PUBACK, "the subscription is gone"


def test_a_takeover_tells_a_5_0_client_why(own_server: Server, name):
    # Mosquitto 2.0.11 closes without a word.
    old = opened(own_server.port, name, version=5)
    with opened(own_server.port, name, version=5):
        first, body = old.read()
        assert (first, body[0]) == (wire.DISCONNECT, 0x8E)
        assert old.closed()


def test_a_session_that_is_taken_over_goes_on(server: Server, place, name):
    with (
        listener(server.port, name, (f"{place}/#", 1), clean=False) as old,
        listener(server.port, name, clean=False) as new,
    ):
        assert old.lost.wait(8)
        assert new.session_present
        new.publish(f"{place}/a", b"x", 1)
        assert new.hears(1) == [(f"{place}/a", b"x")]
