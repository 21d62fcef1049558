"""The codec: what it reads, what it refuses, and that nothing else ever comes out of it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redundancy.distributor import encode, packets
from redundancy.distributor.packets import (
    Acknowledgement,
    Connect,
    Disconnect,
    Kind,
    Parser,
    Ping,
    Publish,
    Subscribe,
    Subscription,
    Unsubscribe,
    parse,
)
from redundancy.distributor.properties import MalformedPacket, Property, Reason, variable
from redundancy.distributor.properties import encode as encode_properties
from tests.redundancy.distributor import wire


def read(data: bytes, version: int = 4, limit: int = 1 << 20):
    parser = Parser(limit)
    parser.version = version
    parser.append(data)
    return parser.next()


def test_a_connect_says_everything_it_carries():
    data = wire.connect(
        "edge", "admin", "secret", version=5, clean=False, keep_alive=5,
        will=("spBv1.0/G 1/NDEATH/E.1", b"dead", 1, True), will_props={Property.WILL_DELAY: 3},
        props={Property.SESSION_EXPIRY: 60, Property.USER_PROPERTY: [("a", "1"), ("a", "2")]},
    )  # fmt: skip
    got = read(data, version=0)
    assert isinstance(got, Connect)
    assert (got.version, got.client_id, got.clean, got.keep_alive) == (5, "edge", False, 5)
    assert (got.username, got.password) == ("admin", b"secret")
    assert got.will == packets.Will("spBv1.0/G 1/NDEATH/E.1", b"dead", 1, True, {Property.WILL_DELAY: 3})
    assert got.properties == {Property.SESSION_EXPIRY: 60, Property.USER_PROPERTY: [("a", "1"), ("a", "2")]}


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(
    st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.binary(max_size=300),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from([4, 5]),
    st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.just("v"))
    ),
)
def test_a_publish_survives_the_round_trip(topic, payload, qos, retain, version, users):
    properties = {Property.USER_PROPERTY: users} if users and version == 5 else {}
    head, tail = encode.publish(
        topic, payload, qos, retain, encode_properties(properties) if version == 5 else b""
    )
    data = head + (b"\x12\x34" if qos else b"") + tail
    got = read(data, version)
    assert got == Publish(topic, payload, qos, retain, False, 0x1234 if qos else 0, properties, data)


def test_packets_arrive_in_any_pieces():
    stream = (
        wire.connect("x") + wire.subscribe(7, ("a/#", 1)) + wire.publish("a/b", b"x" * 300, 1, packet_id=9)
        + wire.ack(wire.PUBACK, 3) + wire.PINGREQ + wire.publish("a", b"") + wire.GOODBYE
    )  # fmt: skip
    for step in (1, 2, 3, 50, len(stream)):
        parser, got = Parser(1000), []
        for start in range(0, len(stream), step):
            parser.append(stream[start : start + step])
            while (one := parser.next()) is not None:
                got.append(type(one))
        assert got == [Connect, Subscribe, Publish, Acknowledgement, Ping, Publish, Disconnect]
        assert parser.waiting == 0


def test_a_large_packet_in_small_pieces_is_not_copied_again_and_again():
    data = wire.publish("a", b"x" * 200_000)
    parser = Parser(1 << 20)
    parser.version = 4
    for start in range(len(data) - 1):
        parser.append(data[start : start + 1])
        assert parser.next() is None
        assert len(parser._data) < 8, "joined before it was whole"
    parser.append(data[-1:])
    assert isinstance(parser.next(), Publish)


def test_subscription_options_of_5_0_are_read():
    got = read(wire.subscribe(3, ("a/+", 0b101101), version=5), 5)
    assert got == Subscribe(3, (Subscription("a/+", 1, True, True, 2),))
    assert read(wire.packet(0xA2, b"\0\x05\0" + wire.text("a/+")), 5) == Unsubscribe(5, ("a/+",))
    assert read(b"\xe0\x02\x04\0", 5) == Disconnect(4, {})


BAD = {
    "QoS 3": b"\x36\x05\0\x01a\0\x01",
    "DUP at QoS 0": b"\x38\x03\0\x01a",
    "a wildcard in a topic name": wire.publish("a/+"),
    "a hash in a topic name": wire.publish("a/#"),
    "NUL in a topic name": wire.publish("a\0"),
    "an empty topic": wire.publish(""),
    "a topic that is not UTF-8": b"\x30\x03\0\x01\xff",
    "an encoded surrogate": b"\x30\x05\0\x03\xed\xa0\x80",
    "a topic longer than its packet": b"\x30\x03\0\x09a",
    "a topic of too many levels": wire.publish("/" * 300),
    "PUBLISH without a body": b"\x30\0",
    "QoS 1 without a packet id": b"\x32\x03\0\x01a",
    "packet id 0": b"\x32\x05\0\x01a\0\0",
    "PUBACK for packet id 0": b"\x40\x02\0\0",
    "PUBACK that is too long": b"\x40\x03\0\x01\0",
    "PUBREL without its flag": b"\x60\x02\0\x01",
    "SUBSCRIBE without its flag": b"\x80\x06\0\x01\0\x01a\0",
    "SUBSCRIBE without a filter": b"\x82\x02\0\x01",
    "SUBSCRIBE with QoS 3": wire.subscribe(1, ("a", 3)),
    "SUBSCRIBE with 5.0 options": wire.subscribe(1, ("a", 4)),
    "SUBSCRIBE with an empty filter": wire.subscribe(1, ("", 0)),
    "SUBSCRIBE to a/#/b": wire.subscribe(1, ("a/#/b", 0)),
    "SUBSCRIBE to NUL": wire.subscribe(1, ("a\0", 0)),
    "UNSUBSCRIBE without a filter": b"\xa2\x02\0\x01",
    "PINGREQ with a body": b"\xc0\x01\0",
    "PINGREQ with a flag": b"\xc1\0",
    "a second CONNECT": wire.connect("x"),
    "type 0": b"\0\0",
    "type 15": b"\xf0\0",
    "CONNACK from a client": b"\x20\x02\0\0",
    "SUBACK from a client": b"\x90\x03\0\x01\0",
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "a length that is not the shortest": b"\x30\x83\x00\0\x01a",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_3_1_1_forbids_is_malformed(data: bytes):
    with pytest.raises(MalformedPacket):
        read(data)


def _flags(value: int) -> bytes:
    data = bytearray(wire.connect("x"))
    data[9] = value
    return bytes(data)


BAD_CONNECTS = {
    "a reserved flag": _flags(0xC3),
    "will QoS without a will": _flags(0xCA),
    "will retain without a will": _flags(0xE2),
    "will QoS 3": _flags(0xDE),
    "a password without a user name": _flags(0x42),
    "another protocol": wire.packet(0x10, wire.text("MQIsdp") + b"\x03\x02\0\0" + wire.text("x")),
    "protocol level 6": wire.packet(0x10, wire.text("MQTT") + b"\x06\x02\0\0" + wire.text("x")),
    "a client id of NUL": wire.connect("\0"),
    "bytes behind the end": wire.packet(0x10, wire.connect("x")[2:] + b"!"),
    "a will without a topic": wire.connect("x", will=("", b"", 0, False)),
    "a will with a wildcard": wire.connect("x", will=("a/#", b"", 0, False)),
    "not a CONNECT": wire.PINGREQ,
    "PUBLISH before CONNECT": wire.publish("a"),
    "a property that does not belong": wire.connect("x", version=5, props={Property.TOPIC_ALIAS: 1}),
    "receive maximum 0": wire.connect("x", version=5, props={Property.RECEIVE_MAXIMUM: 0}),
    "auth data without a method": wire.connect("x", version=5, props={Property.AUTH_DATA: b"x"}),
}


@pytest.mark.parametrize("data", BAD_CONNECTS.values(), ids=BAD_CONNECTS.keys())
def test_a_connect_that_contradicts_itself_is_malformed(data: bytes):
    with pytest.raises(MalformedPacket):
        read(data, version=0)


def test_bad_properties_are_named():
    doubled = variable(14) + (b"\x02\0\0\0\x01" + b"\x02\0\0\0\x02" + b"\x01\x00" + b"\x01\x00")
    unknown = variable(2) + b"\x7e\0"
    beyond = variable(100) + b"\x01\0"
    for properties, reason in ((doubled, Reason.PROTOCOL_ERROR), (unknown, Reason.PROTOCOL_ERROR),
                               (beyond, Reason.MALFORMED), (b"\x02\x01\x02", Reason.PROTOCOL_ERROR),
                               (b"\x03\x23\0\0", Reason.ALIAS_INVALID)):  # fmt: skip
        with pytest.raises(MalformedPacket) as caught:
            read(wire.packet(0x30, wire.text("a") + properties), 5)
        assert caught.value.reason is reason


def test_a_packet_beyond_the_limit_is_refused_before_it_is_read():
    with pytest.raises(MalformedPacket) as caught:
        read(b"\x30\xff\xff\xff\x7f", limit=1000)
    assert caught.value.reason is Reason.PACKET_TOO_LARGE


@given(st.integers(0, 255), st.binary(max_size=60), st.sampled_from([0, 4, 5]))
@example(0xF0, b"", 5)
def test_arbitrary_bytes_are_a_packet_or_malformed(first, body, version):
    try:
        packet = parse(first, body, version)
    except MalformedPacket:
        return
    assert isinstance(packet, packets.Packet)


@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from([0, 4, 5]))
def test_a_stream_of_garbage_never_breaks_the_parser(pieces, version):
    parser = Parser(500)
    parser.version = version
    try:
        for piece in pieces:
            parser.append(piece)
            while parser.next() is not None:
                pass
    except MalformedPacket:
        pass
    assert parser.waiting <= sum(map(len, pieces))


valid = st.sampled_from(
    [
        wire.connect("x", version=5, will=("a", b"b", 1, True), props={Property.SESSION_EXPIRY: 1}),
        wire.subscribe(1, ("a/+", 1), ("#", 0), version=5),
        wire.publish("a/b", b"x", 1, version=5, props={Property.USER_PROPERTY: [("a", "b")]}),
        b"\xe0\x02\x04\0",
    ]
)


@given(valid, st.integers(0, 60), st.integers(0, 255), st.integers(0, 60))
def test_a_valid_packet_with_one_byte_changed_or_cut_never_breaks_the_parser(data, where, byte, cut):
    mutated = bytearray(data)
    mutated[where % len(data)] = byte
    body = bytes(mutated[2 : max(2, len(data) - cut)])
    for version in (0, 4, 5):
        with contextlib.suppress(MalformedPacket):
            parse(mutated[0], body, version)


def test_acknowledgements_carry_reasons_in_5_0_only():
    assert encode.acknowledge(Kind.PUBACK, 1, 4, 0x87) == b"\x40\x02\0\x01"
    assert encode.acknowledge(Kind.PUBACK, 1, 5, 0x87) == b"\x40\x03\0\x01\x87"
    assert encode.suback(1, [0, 0x87], 4) == b"\x90\x04\0\x01\0\x80"
