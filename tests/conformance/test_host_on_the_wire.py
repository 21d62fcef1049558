"""What a host application really sends, byte for byte, to a server that writes it down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from redundancy.config import Server
from redundancy.ports import Answer
from sparkplug import Commanded, DataType, EdgeSession, HostState, Metric, Payload, Publish, decode, encode
from sparkplug.instant import Instant
from tests.conformance.recorder import (
    SESSION_EXPIRY,
    Disconnected,
    Published,
    Recorder,
    Session,
    Subscribed,
    recording,
)
from tests.redundancy.plant import DEVICE, EDGE, HOST, STATE, Node, Plant, host
from tests.waiting import until

EVERYTHING = "spBv1.0/#"
VERSIONS = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])


@dataclass
class Host:
    """A real host at one recorder. It holds several sessions; one of them speaks STATE."""

    node: Node
    recorder: Recorder

    def speaker(self) -> Session:
        """The latest session whose Will is the STATE death."""
        return [session for session in self.recorder.sessions if session.connect.will is not None][-1]

    async def online(self) -> Session:
        """Once it has said so, and listens."""
        sessions = self.recorder.sessions
        await until(lambda: any(one.connect.will and one.published for one in sessions), "online")
        await until(lambda: any(EVERYTHING in one.filters for one in sessions), "listening")
        return self.speaker()

    def hear(self, *effects: Any) -> None:
        """What an edge node publishes reaches every session that wants it."""
        for effect in effects:
            if isinstance(effect, Publish):
                for session in self.recorder.sessions:
                    if EVERYTHING in session.filters and not session.ended:
                        session.say(effect.topic, effect.payload)

    def commands(self, kind: str) -> list[Published]:
        return [p for s in self.recorder.sessions for p in s.published if f"/{kind}/" in p.topic]


@asynccontextmanager
async def hosting(plant: Plant, version: int = 4) -> AsyncIterator[Host]:
    async with recording() as recorder:
        server = Server("server 1", "127.0.0.1", recorder.port, version=version, keep_alive=10)
        node = plant.single(host(server)).start()
        try:
            yield Host(node, recorder)
        finally:
            await node.kill()


@dataclass
class Foreign:
    """An edge node's session without a wire: what it would publish."""

    session: EdgeSession
    now: Instant

    @classmethod
    def born(cls, host: Host) -> Foreign:
        now = host.node.clock.now()
        one = cls(EdgeSession(EDGE, None), now)
        one.session.open(7, now)
        one.session.connected(now)
        host.hear(*one.session.birth(one.node(), {DEVICE: one.device()}, now))
        return one

    def node(self) -> tuple[Metric, ...]:
        return (Metric("Mode", DataType.String, "auto", self.now.wall),)

    def device(self) -> tuple[Metric, ...]:
        return (Metric("Tag 1", DataType.Int32, 10, self.now.wall),)


def state(packet: Published) -> HostState:
    return HostState.decode(packet.payload)


@pytest.mark.statement(
    "tck-id-message-flow-phid-sparkplug-clean-session-311",
    "tck-id-message-flow-phid-sparkplug-clean-session-50",
    "tck-id-host-topic-phid-death-qos",
    "tck-id-host-topic-phid-death-retain",
    "tck-id-host-topic-phid-death-topic",
    "tck-id-host-topic-phid-death-required",
    "tck-id-host-topic-phid-death-payload",
    "tck-id-host-topic-phid-death-payload-timestamp-connect",
    "tck-id-operational-behavior-host-application-connect-will",
    "tck-id-operational-behavior-host-application-connect-will-topic",
    "tck-id-operational-behavior-host-application-connect-will-payload",
    "tck-id-operational-behavior-host-application-connect-will-qos",
    "tck-id-operational-behavior-host-application-connect-will-retained",
    "tck-id-payloads-state-will-message",
    "tck-id-payloads-state-will-message-qos",
    "tck-id-payloads-state-will-message-retain",
    "tck-id-payloads-state-will-message-payload",
)
@VERSIONS
async def test_every_connect_is_clean_and_one_carries_the_death_of_the_host(
    plant: Plant, version: int
) -> None:
    async with hosting(plant, version) as one:
        speaker = await one.online()
        for session in one.recorder.sessions:
            assert session.connect.level == version
            assert session.connect.clean
            assert session.connect.properties.get(SESSION_EXPIRY, 0) == 0
        will = speaker.connect.will
        assert will is not None
        assert (will.topic, will.qos, will.retain) == (STATE, 1, True)
        assert not state(will).online
        assert abs(state(will).timestamp - one.node.clock.now().wall) < 60_000


@pytest.mark.statement(
    "tck-id-intro-sparkplug-host-state",
    "tck-id-components-ph-state",
    "tck-id-host-topic-phid-birth-message",
    "tck-id-host-topic-phid-birth-qos",
    "tck-id-host-topic-phid-birth-retain",
    "tck-id-host-topic-phid-birth-topic",
    "tck-id-host-topic-phid-birth-sub-required",
    "tck-id-host-topic-phid-birth-required",
    "tck-id-host-topic-phid-birth-payload",
    "tck-id-host-topic-phid-birth-payload-timestamp",
    "tck-id-message-flow-phid-sparkplug-subscription",
    "tck-id-message-flow-phid-sparkplug-state-publish",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload-timestamp",
    "tck-id-operational-behavior-host-application-connect-birth",
    "tck-id-operational-behavior-host-application-connect-birth-topic",
    "tck-id-operational-behavior-host-application-connect-birth-payload",
    "tck-id-operational-behavior-host-application-connect-birth-qos",
    "tck-id-operational-behavior-host-application-connect-birth-retained",
    "tck-id-payloads-state-subscribe",
    "tck-id-payloads-state-birth",
    "tck-id-payloads-state-birth-payload",
    "tck-id-conformance-primary-host",
)
@VERSIONS
async def test_it_subscribes_and_then_its_first_word_is_state_online(plant: Plant, version: int) -> None:
    async with hosting(plant, version) as one:
        speaker = await one.online()
        connect, subscribed, born = speaker.packets[:3]
        assert isinstance(subscribed, Subscribed)
        assert {STATE, EVERYTHING} <= set(speaker.filters)
        assert isinstance(born, Published)
        assert (born.topic, born.qos, born.retain) == (STATE, 1, True)
        will = speaker.connect.will
        assert will is not None
        assert state(born) == HostState(True, state(will).timestamp)
        assert connect == speaker.connect
        others = [p for s in one.recorder.sessions if s is not speaker for p in s.published]
        assert others == []


@pytest.mark.statement("tck-id-message-flow-hid-sparkplug-state-message-delivered")
@VERSIONS
async def test_told_that_it_is_offline_it_says_that_it_is_not(plant: Plant, version: int) -> None:
    async with hosting(plant, version) as one:
        speaker = await one.online()
        born = state(speaker.published[0])
        speaker.say(STATE, HostState(False, born.timestamp).encode())
        await until(lambda: len(speaker.published) == 2, "the answer")
        assert state(speaker.published[1]) == born
        assert (speaker.published[1].qos, speaker.published[1].retain) == (1, True)


@pytest.mark.statement(
    "tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean",
    "tck-id-operational-behavior-host-application-termination",
    "tck-id-operational-behavior-host-application-death-topic",
    "tck-id-operational-behavior-host-application-death-payload",
    "tck-id-operational-behavior-host-application-death-qos",
    "tck-id-operational-behavior-host-application-death-retained",
    "tck-id-operational-behavior-host-application-disconnect-intentional",
)
@VERSIONS
async def test_a_single_host_that_ends_says_offline_and_then_disconnects(plant: Plant, version: int) -> None:
    async with hosting(plant, version) as one:
        speaker = await one.online()
        before = one.node.clock.now().wall
        await one.node.stop()
        await until(lambda: speaker.ended)
        death, farewell = speaker.packets[-2:]
        assert isinstance(death, Published)
        assert (death.topic, death.qos, death.retain) == (STATE, 1, True)
        assert not state(death).online
        assert state(death).timestamp >= before, "the time of leaving, not of the CONNECT"
        assert farewell == Disconnected(0)


@pytest.mark.statement(
    "tck-id-topics-ncmd-topic",
    "tck-id-topics-ncmd-mqtt",
    "tck-id-topics-ncmd-timestamp",
    "tck-id-topics-ncmd-payload",
    "tck-id-topics-dcmd-topic",
    "tck-id-topics-dcmd-mqtt",
    "tck-id-topics-dcmd-timestamp",
    "tck-id-topics-dcmd-payload",
    "tck-id-operational-behavior-data-commands-ncmd-verb",
    "tck-id-operational-behavior-data-commands-ncmd-metric-name",
    "tck-id-operational-behavior-data-commands-ncmd-metric-value",
    "tck-id-operational-behavior-data-commands-dcmd-verb",
    "tck-id-operational-behavior-data-commands-dcmd-metric-name",
    "tck-id-operational-behavior-data-commands-dcmd-metric-value",
    "tck-id-payloads-ncmd-timestamp",
    "tck-id-payloads-ncmd-seq",
    "tck-id-payloads-ncmd-qos",
    "tck-id-payloads-ncmd-retain",
    "tck-id-payloads-dcmd-timestamp",
    "tck-id-payloads-dcmd-seq",
    "tck-id-payloads-dcmd-qos",
    "tck-id-payloads-dcmd-retain",
)
@VERSIONS
async def test_commands_are_unnumbered_unretained_and_name_what_was_born(plant: Plant, version: int) -> None:
    async with hosting(plant, version) as one:
        await one.online()
        Foreign.born(one)
        await until(lambda: one.node.log.devices, "born")
        write = one.node.runtime.write
        assert (await write(EDGE, DEVICE, "Tag 1", "no number", 0.1)).outcome is Answer.FAILED
        assert (await write(EDGE, DEVICE, "No tag", 1, 0.1)).outcome is Answer.FAILED
        assert (await write(EDGE, DEVICE, "Tag 1", 11, 0.1)).outcome is Answer.UNKNOWN
        assert (await write(EDGE, None, "Mode", "hand", 0.1)).outcome is Answer.UNKNOWN
        await until(lambda: one.commands("DCMD") and one.commands("NCMD"), "both commands")
        (device,), (node,) = one.commands("DCMD"), one.commands("NCMD")
        assert device.topic == f"spBv1.0/{EDGE.group}/DCMD/{EDGE.edge}/{DEVICE}"
        assert node.topic == f"spBv1.0/{EDGE.group}/NCMD/{EDGE.edge}"
        for packet, name, value in ((device, "Tag 1", 11), (node, "Mode", "hand")):
            assert (packet.qos, packet.retain) == (0, False)
            payload = decode(packet.payload)
            assert payload.seq is None
            assert payload.timestamp
            assert [(metric.name, metric.value) for metric in payload.metrics] == [(name, value)]


@pytest.mark.statement(
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-verb",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
)
@VERSIONS
async def test_data_of_an_unborn_node_is_answered_by_a_rebirth_request(plant: Plant, version: int) -> None:
    async with hosting(plant, version) as one:
        await one.online()
        data = encode(Payload(1, (Metric("x", DataType.Int32, 1, 1),), 5))
        one.hear(Publish(f"spBv1.0/{EDGE.group}/NDATA/{EDGE.edge}", data))
        await until(lambda: one.commands("NCMD"), "the request")
        (request,) = one.commands("NCMD")
        (wish,) = decode(request.payload).metrics
        assert (wish.name, wish.datatype, wish.value) == ("Node Control/Rebirth", DataType.Boolean, True)


@pytest.mark.statement("tck-id-operational-behavior-primary-application-state-with-multiple-servers-state")
@VERSIONS
async def test_every_new_session_on_every_server_begins_with_state_online(plant: Plant, version: int) -> None:
    async with recording() as first, recording() as second:
        servers = [
            Server(f"server {number}", "127.0.0.1", recorder.port, version=version, keep_alive=10)
            for number, recorder in enumerate((first, second))
        ]
        node = plant.single(host(*servers)).start()

        def births(recorder: Recorder) -> list[bool]:
            speakers = [session for session in recorder.sessions if session.connect.will is not None]
            return [state(each.published[0]).online for each in speakers if each.published]

        await until(lambda: births(first) == births(second) == [True], "online at both")
        for session in second.sessions:
            session.writer.transport.abort()
        await until(lambda: births(second) == [True, True], "online again")
        assert births(first) == [True]
        await node.kill()


@pytest.mark.statement("tck-id-payloads-name-cmd-requirement")
async def test_an_edge_node_takes_a_command_without_a_timestamp() -> None:
    now = Instant(1.0, 1)
    session = EdgeSession(EDGE, None)
    session.open(0, now)
    session.connected(now)
    session.birth((Metric("Mode", DataType.String, "auto", 1),), {}, now)
    order = encode(Payload(1, (Metric("Mode", DataType.String, "hand"),)))
    (taken,) = session.receive(f"spBv1.0/{EDGE.group}/NCMD/{EDGE.edge}", order, now)
    assert isinstance(taken, Commanded)
    assert [metric.value for metric in taken.metrics] == ["hand"]


def test_the_host_s_name_is_the_last_level_of_its_topic() -> None:
    assert f"spBv1.0/STATE/{HOST}" == STATE
