"""Who gets what, on real sockets: the same against the Distributor and Mosquitto."""

from __future__ import annotations

from collections import Counter

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from redundancy.distributor.properties import Property
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import Server
from tests.redundancy.distributor.listener import listener
from tests.redundancy.distributor.wire import PUBLISH, listening, opened, publish, subscribe


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_arrives_whatever_the_quality_and_version(server: Server, place, name, version, qos):
    with listener(server.port, name, (f"{place}/#", qos), version=version) as client:
        client.publish(f"{place}/Tag 1", b"\x00\xff", qos)
        assert client.hears(1) == [(f"{place}/Tag 1", b"\x00\xff")]
        assert client.messages[0].qos == qos


def test_topics_with_spaces_and_dots_match_by_wildcards(server: Server, place, name):
    with listener(server.port, name, (f"{place}/+/DDATA/Edge 1/#", 0)) as client:
        client.publish(f"{place}/Group 1.x/DDATA/Edge 2/Device 1", b"no")
        client.publish(f"{place}/Group 1.x/NDATA/Edge 1/Device 1", b"no")
        client.publish(f"{place}/Group 1.x/DDATA/Edge 1/Device 1", b"yes")
        client.publish(f"{place}/Group 1.x/DDATA/Edge 1", b"yes too")
        assert [payload for _, payload in client.hears(2)] == [b"yes", b"yes too"]


def test_overlapping_subscriptions_deliver_once_at_the_highest_quality(server: Server, place, name):
    with listener(server.port, name, (f"{place}/#", 0), (f"{place}/a", 1), (f"{place}/+", 0)) as client:
        client.publish(f"{place}/a", b"once", 1)
        client.publish(f"{place}/end", b"")
        assert client.hears(2) == [(f"{place}/a", b"once"), (f"{place}/end", b"")]
        assert client.messages[0].qos == 1


def test_leading_wildcards_do_not_match_the_servers_own_topics(server: Server, place, name):
    with listening(server.port, name, ("#", 0), ("+/broker/version", 0)) as all_topics:
        with listening(server.port, f"{name}-2", ("$SYS/broker/version", 0)) as own:
            assert wire.message(PUBLISH, own.expect(PUBLISH))[0] == "$SYS/broker/version"
        all_topics.send(publish(f"{place}/end"))
        seen = set()
        while f"{place}/end" not in seen:
            first, body = all_topics.read()
            if first & 0xF0 == PUBLISH:
                seen.add(wire.message(first, body)[0])
        assert not any(topic.startswith("$") for topic in seen)


def test_what_is_retained_is_replayed_with_the_flag_and_comes_live_without(server: Server, place, name):
    with opened(server.port, name) as source:
        source.send(publish(f"{place}/a", b"1", 1, packet_id=1, retain=True))
        source.expect(wire.PUBACK)
        source.send(publish(f"{place}/a", b"2", 1, packet_id=2, retain=True))
        source.expect(wire.PUBACK)
        with listening(server.port, f"{name}-2", (f"{place}/#", 0)) as late:
            first, body = late.read()
            assert (first, wire.message(first, body)[:2]) == (0x31, (f"{place}/a", b"2"))
            source.send(publish(f"{place}/a", b"3", retain=True))
            first, body = late.read()
            assert (first, wire.message(first, body)[1]) == (0x30, b"3")


def test_an_empty_payload_clears_what_is_retained_and_is_itself_delivered(server: Server, place, name):
    with listening(server.port, name, (f"{place}/a", 0)) as client:
        client.send(publish(f"{place}/a", b"1", retain=True) + publish(f"{place}/a", b"", retain=True))
        assert [wire.message(*client.read())[1] for _ in range(2)] == [b"1", b""]
        with listening(server.port, f"{name}-2", (f"{place}/#", 0)) as late:
            client.send(publish(f"{place}/live", b"now"))
            assert wire.message(*late.read())[:2] == (f"{place}/live", b"now"), "nothing was replayed"


def test_one_clients_messages_stay_in_order(server: Server, place, name):
    with listener(server.port, name, (f"{place}/#", 1)) as client, opened(server.port, f"{name}-2") as source:
        burst = [publish(f"{place}/{n % 3}", b"%d" % n, 1, packet_id=n) for n in range(1, 501)]
        source.send(b"".join(burst))
        assert [payload for _, payload in client.hears(500)] == [b"%d" % n for n in range(1, 501)]
        assert Counter(source.expect(wire.PUBACK) for _ in range(500)).most_common(1)[0][1] == 1


def test_a_message_of_half_a_megabyte_arrives_whole(server: Server, place, name):
    payload = bytes(range(256)) * 2048
    with listener(server.port, name, (f"{place}/#", 1)) as client:
        client.publish(f"{place}/big", payload, 1)
        assert client.hears(1) == [(f"{place}/big", payload)]


def test_after_unsubscribing_nothing_comes(server: Server, place, name):
    with listening(server.port, name, (f"{place}/a", 0), (f"{place}/b", 0)) as client:
        client.send(wire.packet(0xA2, b"\0\x02" + wire.text(f"{place}/a")))
        assert client.expect(wire.UNSUBACK) == b"\0\x02"
        client.send(publish(f"{place}/a", b"x") + publish(f"{place}/b", b"y"))
        assert wire.message(*client.read())[1] == b"y"


def test_a_filter_that_is_none_ends_the_connection(server: Server, name):
    with opened(server.port, name) as client:
        client.send(subscribe(1, ("a/#/b", 0)))
        assert client.closed()


def test_user_properties_pass_through_unaltered_and_in_order(server: Server, place, name):
    props = Properties(PacketTypes.PUBLISH)
    props.UserProperty = [("unit", "°C"), ("unit", "K")]
    props.ContentType = "text/plain"
    props.ResponseTopic = f"{place}/answer"
    props.CorrelationData = b"\0\1"
    props.MessageExpiryInterval = 60
    with listener(server.port, name, (f"{place}/#", 1), version=5) as client:
        client.publish(f"{place}/a", b"x", 1, properties=props)
        client.hears(1)
        got = client.messages[0].properties
        assert got.UserProperty == [("unit", "°C"), ("unit", "K")]
        assert (got.ContentType, got.ResponseTopic, got.CorrelationData) == (
            "text/plain", f"{place}/answer", b"\0\1",
        )  # fmt: skip
        assert 58 <= got.MessageExpiryInterval <= 60


def test_no_local_keeps_a_clients_own_messages_away(server: Server, place, name):
    with listener(server.port, name, version=5) as client:
        client.client.subscribe(f"{place}/#", options=SubscribeOptions(qos=0, noLocal=True))
        client.publish(f"{place}/mine", b"1", 1)
        with opened(server.port, f"{name}-2") as other:
            other.send(publish(f"{place}/theirs", b"2"))
            assert client.hears(1) == [(f"{place}/theirs", b"2")]


def test_topic_aliases_are_understood(server: Server, place, name):
    with (
        listening(server.port, name, (f"{place}/#", 0)) as client,
        opened(server.port, f"{name}-2", version=5) as source,
    ):
        source.send(publish(f"{place}/a", b"1", version=5, props={Property.TOPIC_ALIAS: 1}))
        source.send(publish("", b"2", version=5, props={Property.TOPIC_ALIAS: 1}))
        got = [wire.message(*client.read())[:2] for _ in range(2)]
    assert got == [(f"{place}/a", b"1"), (f"{place}/a", b"2")]
