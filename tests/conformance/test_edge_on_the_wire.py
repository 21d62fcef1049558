"""What an edge node really sends, byte for byte, to a server that writes it down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sparkplug import DataType, Payload, decode
from tests.conformance.edge_scene import (
    DBIRTH,
    DCMD,
    DDATA,
    NBIRTH,
    NCMD,
    NDATA,
    NDEATH,
    REBIRTH,
    edge,
    online,
)
from tests.conformance.recorder import SESSION_EXPIRY, Disconnected, Published, Subscribed
from tests.redundancy.plant import STATE, Plant
from tests.waiting import until

VERSIONS = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])


@pytest.mark.statement(
    "tck-id-principles-persistence-clean-session-311",
    "tck-id-principles-persistence-clean-session-50",
    "tck-id-message-flow-edge-node-birth-publish-will-message",
    "tck-id-message-flow-edge-node-birth-publish-will-message-topic",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-qos",
    "tck-id-message-flow-edge-node-birth-publish-will-message-will-retained",
    "tck-id-topics-ndeath-topic",
    "tck-id-topics-ndeath-payload",
    "tck-id-topics-ndeath-seq",
    "tck-id-payloads-ndeath-seq",
    "tck-id-payloads-ndeath-will-message",
    "tck-id-payloads-ndeath-will-message-qos",
    "tck-id-payloads-ndeath-will-message-retain",
    "tck-id-topics-nbirth-bdseq-increment",
)
@VERSIONS
async def test_every_connect_is_clean_and_carries_the_next_death(plant: Plant, version: int) -> None:
    async with edge(plant, version) as one:
        for number in range(2):
            await until(lambda: one.recorders[0].sessions and one.payloads(DBIRTH), "born")
            session = one.session
            connect = session.connect
            assert connect.level == version
            assert connect.clean
            assert connect.properties.get(SESSION_EXPIRY, 0) == 0
            will = connect.will
            assert will is not None
            assert (will.topic, will.qos, will.retain) == (NDEATH, 1, False)
            death = decode(will.payload)
            assert death.seq is None
            (bd_seq,) = death.metrics
            assert (bd_seq.name, bd_seq.datatype, bd_seq.value) == ("bdSeq", DataType.Int64, number)
            sessions = len(one.recorders[0].sessions)
            session.writer.transport.abort()
            await until(
                lambda sessions=sessions: len(one.recorders[0].sessions) > sessions, "connected again"
            )


@pytest.mark.statement(
    "tck-id-message-flow-edge-node-ncmd-subscribe",
    "tck-id-message-flow-device-dcmd-subscribe",
    "tck-id-message-flow-edge-node-birth-publish-connect",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-id",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-online",
    "tck-id-operational-behavior-edge-node-birth-sequence-wait",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
    "tck-id-principles-birth-certificates-order",
)
@VERSIONS
async def test_it_subscribes_first_and_is_born_only_when_its_own_host_is_online(
    plant: Plant, version: int
) -> None:
    async with edge(plant, version, state=b"", state_wait=30.0) as one:
        await until(lambda: one.recorders[0].sessions and STATE in one.session.filters, "subscribed")
        session = one.session
        assert session.filters == {NCMD: 1, f"{DCMD}/+": 1, STATE: 1}
        session.say("spBv1.0/STATE/Another host", online())
        session.say(STATE, b"no JSON")
        session.say(NCMD, REBIRTH)
        await until(lambda: one.node.log.troubles, "the odd STATE is noticed")
        assert session.published == []
        session.say(STATE, online())
        await one.born()
        assert [type(packet) for packet in session.packets[1:2]] == [Subscribed]
        assert [packet.topic for packet in session.published[:2]] == [NBIRTH, DBIRTH]


@pytest.mark.statement(
    "tck-id-topic-structure",
    "tck-id-topic-structure-namespace-a",
    "tck-id-intro-group-id-string",
    "tck-id-intro-edge-node-id-string",
    "tck-id-intro-device-id-string",
    "tck-id-topic-structure-namespace-device-id-associated-message-types",
    "tck-id-topic-structure-namespace-device-id-non-associated-message-types",
    "tck-id-topics-nbirth-topic",
    "tck-id-topics-nbirth-mqtt",
    "tck-id-topics-nbirth-seq-num",
    "tck-id-topics-nbirth-timestamp",
    "tck-id-topics-nbirth-metric-reqs",
    "tck-id-topics-nbirth-metrics",
    "tck-id-topics-nbirth-bdseq-included",
    "tck-id-topics-nbirth-bdseq-matching",
    "tck-id-topics-nbirth-rebirth-metric",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-dbirth-mqtt",
    "tck-id-topics-dbirth-seq",
    "tck-id-topics-dbirth-timestamp",
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-topics-dbirth-metrics",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-topic",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-qos",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-retained",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq",
    "tck-id-message-flow-device-birth-publish-nbirth-wait",
    "tck-id-message-flow-device-birth-publish-dbirth-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-retained",
    "tck-id-message-flow-device-birth-publish-dbirth-payload-seq",
    "tck-id-operational-behavior-data-publish-nbirth",
    "tck-id-operational-behavior-data-publish-nbirth-values",
    "tck-id-operational-behavior-data-publish-dbirth",
    "tck-id-operational-behavior-data-publish-dbirth-values",
    "tck-id-operational-behavior-data-commands-rebirth-name",
    "tck-id-operational-behavior-data-commands-rebirth-datatype",
    "tck-id-operational-behavior-data-commands-rebirth-value",
    "tck-id-payloads-timestamp-in-UTC",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-sequence-num-req-nbirth",
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-name-birth-data-requirement",
    "tck-id-payloads-metric-datatype-value-type",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-nbirth-timestamp",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-nbirth-bdseq",
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-payloads-nbirth-rebirth-req",
    "tck-id-payloads-nbirth-qos",
    "tck-id-payloads-nbirth-retain",
    "tck-id-payloads-dbirth-timestamp",
    "tck-id-payloads-dbirth-seq",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-payloads-dbirth-order",
    "tck-id-payloads-dbirth-qos",
    "tck-id-payloads-dbirth-retain",
    "tck-id-payloads-ndeath-bdseq",
)
@VERSIONS
async def test_births_are_complete_numbered_and_unretained(plant: Plant, version: int) -> None:
    async with edge(plant, version) as one:
        session = await one.born()
        nbirth, dbirth = session.published[:2]
        assert [(p.topic, p.qos, p.retain) for p in (nbirth, dbirth)] == [
            (NBIRTH, 0, False),
            (DBIRTH, 0, False),
        ]
        node, device = decode(nbirth.payload), decode(dbirth.payload)
        assert (node.seq, device.seq) == (0, 1)
        now = one.node.clock.now().wall
        for payload in (node, device):
            assert payload.timestamp is not None
            assert abs(payload.timestamp - now) < 60_000
            for metric in payload.metrics:
                assert metric.name
                assert metric.datatype is not DataType.Unknown
                assert metric.value is not None
                assert metric.timestamp is not None
                assert abs(metric.timestamp - now) < 60_000
        names = {metric.name: metric for metric in node.metrics}
        assert set(names) == {"bdSeq", "Node Control/Rebirth", "Node Control/Next Server", "Redundancy/Node"}
        assert {metric.name for metric in device.metrics} == {"Tag 1", "Level", "Counter"}
        rebirth = names["Node Control/Rebirth"]
        assert (rebirth.datatype, rebirth.value) == (DataType.Boolean, False)
        will = session.connect.will
        assert will is not None
        assert names["bdSeq"].value == decode(will.payload).metrics[0].value


@pytest.mark.statement(
    "tck-id-topics-ndata-topic",
    "tck-id-topics-ndata-mqtt",
    "tck-id-topics-ndata-seq-num",
    "tck-id-topics-ndata-timestamp",
    "tck-id-topics-ndata-payload",
    "tck-id-topics-ddata-topic",
    "tck-id-topics-ddata-mqtt",
    "tck-id-topics-ddata-seq-num",
    "tck-id-topics-ddata-timestamp",
    "tck-id-topics-ddata-payload",
    "tck-id-operational-behavior-data-publish-nbirth-change",
    "tck-id-operational-behavior-data-publish-dbirth-change",
    "tck-id-principles-rbe-recommended",
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-payloads-ndata-timestamp",
    "tck-id-payloads-ndata-seq",
    "tck-id-payloads-ndata-seq-inc",
    "tck-id-payloads-ndata-order",
    "tck-id-payloads-ndata-qos",
    "tck-id-payloads-ndata-retain",
    "tck-id-payloads-ddata-timestamp",
    "tck-id-payloads-ddata-seq",
    "tck-id-payloads-ddata-seq-inc",
    "tck-id-payloads-ddata-order",
    "tck-id-payloads-ddata-qos",
    "tck-id-payloads-ddata-retain",
)
@VERSIONS
async def test_changes_follow_the_births_in_one_count_that_wraps(plant: Plant, version: int) -> None:
    async with edge(plant, version) as one:
        session = await one.born()
        for number in range(300):
            one.sample("Tag 1", number)
            if number % 10 == 0:
                one.sample("Redundancy/Node", f"node {number}", None)
            await asyncio.sleep(0)  # a message of its own
        await until(lambda: any(m.value == 299 for p in one.payloads(DDATA) for m in p.metrics), "the last")
        numbered = [decode(packet.payload).seq for packet in session.published]
        assert numbered == [number % 256 for number in range(len(numbered))]
        assert len(numbered) > 300
        assert {(p.qos, p.retain) for p in session.published} == {(0, False)}
        assert [p.topic for p in session.published[:2]] == [NBIRTH, DBIRTH]
        assert {p.topic for p in session.published[2:]} == {NDATA, DDATA}
        for payload in (*one.payloads(NDATA), *one.payloads(DDATA)):
            assert payload.timestamp
            assert all(m.datatype is DataType.Unknown and m.timestamp for m in payload.metrics)
        changed = [m for p in one.payloads(NDATA) for m in p.metrics]
        assert [m.value for m in changed] == [f"node {n}" for n in range(0, 300, 10)]


@pytest.mark.statement(
    "tck-id-operational-behavior-data-commands-rebirth-action-1",
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
)
@VERSIONS
async def test_a_rebirth_is_the_whole_sequence_with_the_same_bd_seq(plant: Plant, version: int) -> None:
    async with edge(plant, version) as one:
        session = await one.born()
        first = one.payloads(NBIRTH)[0]
        session.say(NCMD, REBIRTH)
        await until(lambda: len(one.payloads(DBIRTH)) == 2, "born again")
        topics = [p.topic for p in session.published]
        again = topics.index(NBIRTH, 1)
        assert topics[again + 1] == DBIRTH
        second = one.payloads(NBIRTH)[1]
        assert second.seq == 0
        assert _bd_seq(second) == _bd_seq(first)
        assert {m.name for m in second.metrics} == {m.name for m in first.metrics}


def _bd_seq(payload: Payload) -> Any:
    return next(metric.value for metric in payload.metrics if metric.name == "bdSeq")


@pytest.mark.statement(
    "tck-id-payloads-alias-uniqueness",
    "tck-id-payloads-alias-birth-requirement",
    "tck-id-payloads-alias-data-cmd-requirement",
    "tck-id-operational-behavior-data-commands-rebirth-name-aliases",
)
async def test_aliases_stand_for_names_in_data_and_never_for_rebirth(plant: Plant) -> None:
    async with edge(plant, use_aliases=True) as one:
        await one.born()
        node, device = one.payloads(NBIRTH)[0], one.payloads(DBIRTH)[0]
        reserved = {"bdSeq", "Node Control/Rebirth", "Node Control/Next Server"}
        aliased = [m for m in (*node.metrics, *device.metrics) if m.name not in reserved]
        assert all(m.name and m.alias is not None for m in aliased)
        assert len({m.alias for m in aliased}) == len(aliased)
        assert all(m.alias is None for m in node.metrics if m.name in reserved)
        one.sample("Tag 1", 77)
        alias = {m.name: m.alias for m in device.metrics}["Tag 1"]
        await until(lambda: [m for p in one.payloads(DDATA) for m in p.metrics if m.alias == alias])
        assert all(m.name is None and m.alias is not None for p in one.payloads(DDATA) for m in p.metrics)


@pytest.mark.statement(
    "tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-packet",
    "tck-id-payloads-ndeath-will-message-publisher",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt50",
)
@VERSIONS
async def test_a_deliberate_end_is_a_death_and_then_a_disconnect(plant: Plant, version: int) -> None:
    async with edge(plant, version) as one:
        session = await one.born()
        birth = one.payloads(NBIRTH)[-1]
        await one.node.stop()
        await until(lambda: session.ended)
        death, farewell = session.packets[-2:]
        assert isinstance(death, Published)
        assert (death.topic, death.qos, death.retain) == (NDEATH, 0, False)
        (bd_seq,) = decode(death.payload).metrics
        assert bd_seq.value == _bd_seq(birth)
        assert farewell == Disconnected(4 if version == 5 else 0)


@pytest.mark.statement(
    "tck-id-message-flow-edge-node-birth-publish-phid-offline",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp",
    "tck-id-operational-behavior-edge-node-termination-host-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline-reconnect",
    "tck-id-operational-behavior-edge-node-termination-host-offline-timestamp",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk",
)
@VERSIONS
async def test_when_its_host_goes_offline_it_leaves_for_the_next_server(plant: Plant, version: int) -> None:
    async with edge(plant, version, servers=2, state=online(5000)) as one:
        session = await one.born()
        here, there = one.recorders if one.recorders[0].sessions else list(reversed(one.recorders))
        session = here.sessions[-1]
        session.say(STATE, online(4999, really=False))
        one.sample("Tag 1", 5)
        await until(lambda: any(p.topic == DDATA for p in session.published), "it has gone on")
        assert not session.ended
        assert there.sessions == []
        session.say(STATE, online(5000, really=False))
        await until(lambda: there.sessions, "at the next server")
        assert session.ended, "one server at a time"
        death = [packet for packet in session.packets if isinstance(packet, Published)][-1]
        assert death.topic == NDEATH
        assert isinstance(session.packets[-1], Disconnected)
        await until(lambda: any(p.topic == NBIRTH for p in there.sessions[-1].published), "born there")
