"""Whatever bytes arrive: no exception, and the neighbours notice nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkplug import (
    Birth,
    DataType,
    EdgeSession,
    HostPresence,
    HostSession,
    Metric,
    Payload,
    PayloadError,
    Values,
    decode,
    encode,
)
from tests.sparkplug import decoder_fuzz
from tests.sparkplug.scene import EDGE, HOST, START, at, message, nbirth, ndeath, number, only, state, topic

SERVERS = ("A", "B")
OTHER = EDGE._replace(edge="Edge 2")
METRICS = (
    number("bdSeq", 3),
    number("Mode", 1, alias=0),
    Metric("Node Control/Rebirth", DataType.Boolean, True, START),
    Metric("Text", DataType.String, "Größe", START, alias=300, quality=500),
    Metric("Small", DataType.Int8, -5, START, is_historical=True),
    Metric("None", DataType.Double, None, START),
    Metric(None, DataType.UInt64, 2**64 - 1, None, alias=2),
)
SEEDS = (
    nbirth(3, *METRICS),
    ndeath(3),
    message(1, *METRICS),
    message(2, *METRICS, datatypes=False),
    message(None, *METRICS),
    encode(Payload(2**64 - 1, METRICS, 2**64 - 1, "uuid", b"body")),
    state(True, START + 1),
    state(False, START + 1),
    b"",
)
KINDS = ["NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD"]
TOPICS = st.sampled_from(
    [topic(kind, "Device 1" if kind[0] == "D" else None) for kind in KINDS]
    + [topic("DDATA", "Device 2"), f"spBv1.0/STATE/{HOST}", "spBv1.0/STATE/Other", "spBv1.0/STATE/NDATA/E"]
) | st.text(max_size=30)


@st.composite
def mutated(draw) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["set", "cut", "insert", "double"])):
            case "set" if data:
                data[place] = draw(st.integers(0, 255))
            case "cut":
                del data[place : place + draw(st.integers(1, 20))]
            case "insert":
                data[place:place] = draw(st.binary(max_size=5))
            case "double":
                data[place:place] = data[place : place + 30]
    return bytes(data)


PAYLOADS = st.binary(max_size=80) | mutated()
MESSAGES = st.lists(st.tuples(st.sampled_from(SERVERS), TOPICS, PAYLOADS), max_size=25)


@settings(max_examples=300, deadline=None)
@given(PAYLOADS)
def test_decoding_gives_a_payload_or_a_payload_error(data):
    try:
        payload = decode(data)
    except PayloadError:
        return
    for metric in payload.metrics:
        assert metric.name is None or isinstance(metric.name, str)
        assert isinstance(metric.datatype, DataType)
        assert metric.value is None or isinstance(metric.value, int | float | bool | str | bytes)
        assert (metric.datatype is DataType.String and metric.value is not None) <= isinstance(
            metric.value, str
        )


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_a_host_survives_everything_and_its_other_nodes_notice_nothing(messages):
    host = HostSession(HOST)
    for server in SERVERS:
        host.connected(server, at(0))
    host.receive("A", topic("NBIRTH", edge=OTHER), nbirth(1, number("Mode", 0)), at(0))

    for n, (server, text, data) in enumerate(messages):
        host.receive(server, text, data, at(n / 3))
        host.tick(at(n / 3))
        effects = host.receive("A", topic("NDATA", edge=OTHER), message(n + 1, number("Mode", n)), at(n / 3))
        assert [m.value for v in only(Values, effects) for m in v.metrics] == [n]

    assert [Birth.decode(birth.encode()) for birth in host.births()] == host.births()
    host.disconnected("A", at(99))
    host.tick(at(999))


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_an_edge_node_survives_everything(messages):
    session = EdgeSession(EDGE, HOST, use_aliases=True)
    session.open(3, at(0))
    session.connected(at(0))
    session.receive(f"spBv1.0/STATE/{HOST}", state(True, START), at(0))
    session.birth([number("Mode", 1)], {"Device 1": [Metric("Small", DataType.Int8, 1, START)]}, at(0))

    for n, (_, text, data) in enumerate(messages):
        session.receive(text, data, at(n / 3))
        session.tick(at(n / 3))
        session.birth(
            [number("Mode", 1)], {"Device 1": [Metric("Small", DataType.Int8, 1, START)]}, at(n / 3)
        )
        for publish in session.data("Device 1", [number("Small", n)], at(n / 3)):
            decode(publish.payload)


@settings(max_examples=50, deadline=None)
@given(MESSAGES)
def test_a_hosts_presence_survives_everything(messages):
    presence = HostPresence(HOST)
    presence.open(START, at(0))
    presence.connected(at(0))
    presence.subscribed(at(0))

    for n, (_, text, data) in enumerate(messages):
        presence.receive(text, data, at(n))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SERVERS), st.none() | st.just("Device 1"), st.integers(-1, 255), PAYLOADS)
def test_a_host_survives_every_birth_its_peer_may_send(server, device, bd_seq, data):
    host = HostSession(HOST)
    host.connected("A", at(0))
    host.receive("A", topic("NBIRTH"), nbirth(3), at(0))

    host.adopt(Birth(EDGE, device, server, bd_seq, START + 5, data), at(1))

    host.receive("A", topic("NDATA"), message(1, number("Mode", 1)), at(2))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_truncation_of_a_valid_message_is_survived(seed):
    host = HostSession(HOST)
    host.connected("A", at(0))
    for end in range(len(seed)):
        for kind in KINDS:
            host.receive("A", topic(kind, "D" if kind[0] == "D" else None), seed[:end], at(end))


def test_nearly_payloads_are_read_alike_on_both_roads_and_leave_no_memory_behind():
    def attack(seed, count):
        return sum(decoder_fuzz.check(data) for data in itertools.islice(decoder_fuzz.inputs(seed), count))

    # What is kept for names fills up first.
    assert attack(1, 10_000) > 1_000
    early = decoder_fuzz.memory()
    assert attack(2, 30_000) > 3_000
    assert decoder_fuzz.memory() - early < 30_000
