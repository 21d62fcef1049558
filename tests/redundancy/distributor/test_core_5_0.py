"""What MQTT 5.0 adds, and QoS 2, in the broker's core."""

from __future__ import annotations

import pytest

from redundancy.distributor.events import Lost
from redundancy.distributor.properties import Property, Reader, Reason
from tests.redundancy.distributor import wire
from tests.redundancy.distributor.bench import Bench
from tests.redundancy.distributor.wire import publish, subscribe


def test_receive_maximum_holds_messages_back_until_they_are_acknowledged():
    bench = Bench()
    reader = bench.client("reader", "admin", ("plant/#", 1), version=5, props={Property.RECEIVE_MAXIMUM: 2})
    source = bench.client("source")
    bench.got(reader)
    for number in range(1, 6):
        bench.send(source, publish("plant/a", b"%d" % number, 1, packet_id=number))
    first = [wire.message(*packet, 5) for packet in bench.got(reader)]
    assert [payload for _, payload, _, _ in first] == [b"1", b"2"]
    bench.send(reader, wire.ack(wire.PUBACK, first[0][2]))
    assert [payload for _, payload in bench.messages(reader, 5)] == [b"3"]


def test_a_packet_that_is_too_large_for_the_client_is_not_sent():
    bench = Bench()
    reader = bench.client("r", "admin", ("plant/#", 1), version=5, props={Property.MAXIMUM_PACKET_SIZE: 100})
    source = bench.client("source")
    bench.got(reader)
    bench.send(
        source, publish("plant/a", b"x" * 200, 1), publish("plant/a", b"x" * 200), publish("plant/a", b"y")
    )
    assert bench.messages(reader, 5) == [("plant/a", b"y")]


def test_message_expiry_counts_down_and_drops():
    bench = Bench()
    more = {"version": 5, "clean": False, "props": {Property.SESSION_EXPIRY: 1000}, "keep_alive": 0}
    away = bench.client("away", "admin", ("plant/#", 1), **more)
    bench.do(Lost(away, "cut"))
    source = bench.client("source", version=5, keep_alive=0)
    for number, seconds in ((1, 5), (2, 60)):
        props = {Property.MESSAGE_EXPIRY: seconds}
        bench.send(
            source, publish(f"plant/{number}", b"x", 1, packet_id=number, version=5, props=props, retain=True)
        )
    bench.wait(20)
    back = bench.open()
    bench.send(back, wire.connect("away", **more))
    got = [wire.message(*packet, 5) for packet in bench.got(back)[1:]]
    assert [(topic, props) for topic, _, _, props in got] == [("plant/2", {Property.MESSAGE_EXPIRY: 40})]
    bench.send(back, subscribe(2, ("plant/#", 0), version=5))
    assert [topic for topic, _ in bench.messages(back, 5)] == ["plant/2"], "nor is an expired one replayed"


def test_topic_aliases_name_topics_on_their_connection_only():
    bench = Bench()
    reader = bench.client("reader", "admin", ("plant/#", 0))
    source = bench.client("source", version=5)
    bench.send(source, publish("plant/long", b"1", version=5, props={Property.TOPIC_ALIAS: 3}))
    bench.send(source, publish("", b"2", version=5, props={Property.TOPIC_ALIAS: 3}))
    assert bench.messages(reader) == [("plant/long", b"1"), ("plant/long", b"2")]
    bench.send(source, publish("", b"3", version=5, props={Property.TOPIC_ALIAS: 4}))
    assert source in bench.closed
    other = bench.client("other", version=5)
    bench.send(other, publish("plant/a", b"3", version=5, props={Property.TOPIC_ALIAS: 999}))
    assert bench.got(other)[-1][1][0] == Reason.ALIAS_INVALID


def test_an_empty_client_id_is_given_one():
    bench = Bench()
    number = bench.open()
    bench.send(number, wire.connect("", version=5))
    _, body = bench.got(number)[0]
    told = Reader(body, 2).properties(frozenset(Property))
    assert told[Property.ASSIGNED_CLIENT_ID] in bench.broker.sessions
    assert told[Property.MAXIMUM_PACKET_SIZE] == 1024 * 1024
    old = bench.open()
    bench.send(old, wire.connect("", clean=False))
    bench.wait(1)
    assert bench.got(old) == [(wire.CONNACK, b"\0\x02")], "3.1.1 wants a clean session for that"


def test_a_session_ends_when_its_expiry_is_over():
    bench = Bench()
    away = bench.client("away", "admin", ("plant/#", 1), version=5, props={Property.SESSION_EXPIRY: 30})
    bench.do(Lost(away, "cut"))
    bench.wait(29)
    assert "away" in bench.broker.sessions
    bench.wait(2)
    assert "away" not in bench.broker.sessions
    source = bench.client("source")
    bench.send(source, publish("plant/a", b"x", 1))
    assert bench.broker.statistics.published == 1


def test_no_local_retain_as_published_and_retain_handling():
    bench = Bench()
    source = bench.client("source", keep_alive=0)
    bench.send(source, publish("plant/old", b"1", retain=True))
    client = bench.client("five", version=5, keep_alive=0)
    bench.got(client)
    bench.send(client, subscribe(1, ("plant/#", 0x04 | 0x08 | 0x20), version=5))
    assert bench.messages(client, 5) == [], "retain handling 2 replays nothing"
    bench.send(client, publish("plant/mine", b"2", version=5))
    assert bench.messages(client, 5) == [], "no local"
    bench.send(source, publish("plant/new", b"3", retain=True))
    assert [first for first, _ in bench.got(client)] == [0x31], "retain as published"
    bench.send(client, subscribe(1, ("plant/#", 0x10), version=5))
    assert bench.messages(client, 5) == [], "retain handling 1 replays to new subscriptions only"
    bench.send(client, subscribe(1, ("plant/+", 0x10), version=5))
    assert sorted(bench.messages(client, 5)) == [("plant/new", b"3"), ("plant/old", b"1")]


def test_what_5_0_offers_and_we_do_not_is_refused_in_its_words():
    bench = Bench()
    client = bench.client("five", version=5)
    bench.send(client, subscribe(1, ("$share/group/plant/#", 0), version=5))
    assert bench.got(client)[-1][1][-1] == Reason.NO_SHARED
    bench.send(client, subscribe(1, ("plant/#", 0), version=5, props={Property.SUBSCRIPTION_ID: 1}))
    assert bench.got(client)[-1][1][0] == Reason.NO_SUBSCRIPTION_ID
    number = bench.open()
    bench.send(number, wire.connect("x", version=5, props={Property.AUTH_METHOD: "magic"}))
    bench.wait(1)
    assert bench.got(number)[0][1][1] == Reason.BAD_AUTH_METHOD
    number = bench.open()
    bench.send(number, wire.packet(0x10, wire.text("MQTT") + b"\x06\x02\0\0" + wire.text("x")))
    assert bench.got(number) == [(wire.CONNACK, b"\0\x01")]


# --- QoS 2


@pytest.mark.parametrize("version", [4, 5])
def test_qos_2_arrives_exactly_once_whatever_is_repeated(version: int):
    bench = Bench()
    reader = bench.client("reader", "admin", ("plant/#", 2), version=version)
    source = bench.client("source", version=version)
    bench.got(reader), bench.got(source)
    bench.send(source, publish("plant/a", b"1", 2, packet_id=7, version=version))
    bench.send(source, publish("plant/a", b"1", 2, packet_id=7, dup=True, version=version))
    assert [first for first, _ in bench.got(source)] == [wire.PUBREC, wire.PUBREC]
    bench.send(source, wire.ack(wire.PUBREL, 7))
    assert [first for first, _ in bench.got(source)] == [wire.PUBCOMP]
    packets = bench.got(reader)
    assert [first for first, _ in packets] == [0x34]
    packet_id = wire.message(*packets[0], version)[2]
    bench.send(reader, wire.ack(wire.PUBREC, packet_id))
    assert bench.got(reader) == [(wire.PUBREL, packet_id.to_bytes(2, "big"))]
    bench.send(reader, wire.ack(wire.PUBCOMP, packet_id))
    assert bench.broker.sessions["reader"].inflight == {}
    bench.send(source, publish("plant/a", b"2", 2, packet_id=7, version=version))
    assert bench.messages(reader, version) == [("plant/a", b"2")]


def test_a_released_message_is_not_published_again_after_a_reconnect():
    bench = Bench()
    reader = bench.client("reader", "admin", ("plant/#", 2), clean=False)
    source = bench.client("source")
    bench.send(source, publish("plant/a", b"1", 2), publish("plant/a", b"2", 2, packet_id=2))
    bench.send(reader, wire.ack(wire.PUBREC, 1))
    bench.do(Lost(reader, "cut"))
    back = bench.open()
    bench.send(back, wire.connect("reader", clean=False))
    assert [first for first, _ in bench.got(back)] == [wire.CONNACK, wire.PUBREL, 0x3C]
