"""What a host application makes of its edge nodes: their deaths, gaps in their count, commands to them.

A real runtime at a recorder, with the real tags behind it: from the bytes that arrive to the tags that people
see, and from the write to the bytes that leave.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hmi.tags.value import Quality, TagValue
from hmi.worker.engine_tags import EngineTags, node_folder
from hmi.worker.image import TagImage
from redundancy.config import Server
from redundancy.ports import Answer
from sparkplug import DataType, EdgeNodeId, EdgeSession, Instant, Metric, Payload, Publish, encode
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from tests.conformance.recorder import Recorder, Session, recording
from tests.conformance.test_host_on_the_wire import VERSIONS, Host, hosting, state
from tests.redundancy.plant import STATE, Log, Node, Plant, host
from tests.waiting import until

EDGE = EdgeNodeId("Werk Süd", "Linie 1")
DEVICES = ("Presse", "Ofen")
HOUR = 3_600_000
REBIRTH = "Node Control/Rebirth"


class Tags(Log):
    """A Sink that keeps everything and shows it as tags."""

    def __init__(self) -> None:
        super().__init__()
        self.image = TagImage()
        self.tags = EngineTags(self.image, lambda _: None, lambda: 0, lambda *_: None)

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None:
        super().node_born(edge, server, metrics, at)
        self.tags.node_born(edge, server, metrics, at)

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None:
        super().device_born(edge, device, metrics, at)
        self.tags.device_born(edge, device, metrics, at)

    def node_stale(self, edge: EdgeNodeId, at: int, why: str) -> None:
        super().node_stale(edge, at, why)
        self.tags.node_stale(edge, at)

    def device_stale(self, edge: EdgeNodeId, device: str, at: int, why: str) -> None:
        super().device_stale(edge, device, at, why)
        self.tags.device_stale(edge, device, at)

    def tag(self, path: str) -> TagValue:
        found = self.image.get(f"{node_folder(EDGE)}/{path}")
        assert found is not None, path
        return found


class Foreign:
    """Another vendor's edge node whose clock is an hour slow: two devices, each with two metrics."""

    def __init__(self, host: Host, *, use_aliases: bool = False) -> None:
        self.host = host
        wall = host.node.clock.now().wall - HOUR
        self.now = Instant(1.0, wall)
        self.session = EdgeSession(EDGE, None, use_aliases=use_aliases)
        self.will = self.session.open(7, self.now)
        self.session.connected(self.now)

    async def born(self) -> list[Publish]:
        node = (Metric("Mode", DataType.String, "auto", self.now.wall),)
        device = (
            Metric("Tag 1", DataType.Int32, 10, self.now.wall),
            Metric("Level", DataType.Float, 0.5, self.now.wall),
        )
        births = self.session.birth(node, dict.fromkeys(DEVICES, device), self.now)
        self.host.hear(*births)
        await until(lambda: len(self.host.node.log.devices) >= 2, "born")
        return [effect for effect in births if isinstance(effect, Publish)]

    def numbered(self, seq: int, value: int) -> None:
        data = encode(Payload(self.now.wall, (Metric("Tag 1", DataType.Int32, value, self.now.wall),), seq))
        self.host.hear(Publish(f"spBv1.0/{EDGE.group}/DDATA/{EDGE.edge}/Presse", data))


@asynccontextmanager
async def showing(plant: Plant, version: int = 4, **settings: Any) -> AsyncIterator[tuple[Host, Tags]]:
    """A host whose facts become tags."""
    async with recording() as recorder:
        server = Server("server 1", "127.0.0.1", recorder.port, version=version, keep_alive=10)
        node = plant.single(host(server, **settings))
        node.log = tags = Tags()
        node.runtime = node._made()
        node.start()
        one = Host(node, recorder)
        try:
            await one.online()
            yield one, tags
        finally:
            await node.kill()


NODE_TAGS = ("Mode", REBIRTH, "Node Control/Next Server", "bdSeq")
DEVICE_TAGS = ("Tag 1", "Level")


def qualities(tags: Tags, *paths: str) -> set[tuple[Quality, int]]:
    return {(tags.tag(path).quality, tags.tag(path).timestamp) for path in paths}


@pytest.mark.statement(
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
)
@VERSIONS
async def test_a_node_s_death_takes_all_its_tags_at_the_time_of_the_host(plant: Plant, version: int) -> None:
    async with showing(plant, version) as (one, tags):
        foreign = Foreign(one)
        await foreign.born()
        everything = [*NODE_TAGS, *(f"{device}/{name}" for device in DEVICES for name in DEVICE_TAGS)]
        assert {quality for quality, _ in qualities(tags, *everything)} == {Quality.GOOD}
        before = one.node.clock.now().wall
        one.hear(Publish(foreign.will.topic, foreign.will.payload))
        await until(lambda: tags.online.get(EDGE) is False, "offline")
        after = one.node.clock.now().wall
        ((quality, at),) = qualities(tags, *everything)
        assert quality is Quality.STALE
        assert before <= at <= after, "the host's own time, not the slow clock's"
        for path in ("Node Info/Online", *(f"{device}/Device Info/Online" for device in DEVICES)):
            assert (tags.tag(path).value, tags.tag(path).timestamp) == (False, at)
        assert not one.node.runtime.view().edges[str(EDGE)].online


@pytest.mark.statement(
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
)
@VERSIONS
async def test_a_device_s_death_takes_its_own_tags_at_the_time_it_says(plant: Plant, version: int) -> None:
    async with showing(plant, version) as (one, tags):
        foreign = Foreign(one)
        await foreign.born()
        died = Instant(2.0, foreign.now.wall + 1234)
        one.hear(*foreign.session.device_death("Presse", died))
        await until(lambda: tags.stale_devices, "dead")
        mine = [f"Presse/{name}" for name in DEVICE_TAGS]
        assert qualities(tags, *mine) == {(Quality.STALE, died.wall)}
        online = tags.tag("Presse/Device Info/Online")
        assert (online.value, online.timestamp) == (False, died.wall)
        others = [*NODE_TAGS, *(f"Ofen/{name}" for name in DEVICE_TAGS)]
        assert {quality for quality, _ in qualities(tags, *others)} == {Quality.GOOD}
        assert tags.tag("Ofen/Device Info/Online").value is True


async def test_with_its_server_a_node_s_tags_go_stale(plant: Plant) -> None:
    """The one normative sentence of 5.3 that has no id."""
    async with showing(plant) as (one, tags):
        await Foreign(one).born()
        before = one.node.clock.now().wall
        for session in one.recorder.sessions:
            session.writer.transport.abort()
        await until(lambda: tags.online.get(EDGE) is False, "offline")
        everything = [*NODE_TAGS, *(f"{device}/{name}" for device in DEVICES for name in DEVICE_TAGS)]
        ((quality, at),) = qualities(tags, *everything)
        assert quality is Quality.STALE
        assert before <= at <= one.node.clock.now().wall


@pytest.mark.statement(
    "tck-id-operational-behavior-host-reordering-param",
    "tck-id-operational-behavior-host-reordering-start",
    "tck-id-operational-behavior-host-reordering-rebirth",
)
async def test_a_gap_that_stays_open_for_the_configured_time_asks_for_a_birth(plant: Plant) -> None:
    async with showing(plant, reorder_timeout=0.3) as (one, tags):
        foreign = Foreign(one)
        await foreign.born()
        opened = one.node.clock.now().mono
        foreign.numbered(4, 44)
        await until(lambda: one.commands("NCMD"), "the request")
        waited = one.node.clock.now().mono - opened
        assert 0.3 <= waited < 1.9, "as configured, and not the two seconds that are the default"
        assert "seq-gap" in {kind for kind, _ in tags.troubles}
        (request,) = one.commands("NCMD")
        assert request.topic == f"spBv1.0/{EDGE.group}/NCMD/{EDGE.edge}"
        (wish,) = WirePayload.FromString(request.payload).metrics
        assert (wish.name, wish.boolean_value) == (REBIRTH, True)


@pytest.mark.statement("tck-id-operational-behavior-host-reordering-success")
async def test_a_gap_that_is_filled_in_time_is_no_gap(plant: Plant) -> None:
    async with showing(plant, reorder_timeout=0.3) as (one, tags):
        foreign = Foreign(one)
        await foreign.born()
        foreign.numbered(4, 44)
        foreign.numbered(3, 33)
        filled = one.node.clock.now().mono

        def values() -> list[Any]:
            return [metric.value for _, device, metric in tags.samples if device == "Presse"]

        await until(lambda: 44 in values(), "in order")
        assert values()[-2:] == [33, 44]
        await until(lambda: one.node.clock.now().mono > filled + 0.5, "the time would be over")
        foreign.numbered(5, 55)
        await until(lambda: 55 in values(), "it goes on")
        assert one.commands("NCMD") == []
        assert tags.troubles == []


@pytest.mark.statement(
    "tck-id-intro-group-id-string",
    "tck-id-intro-edge-node-id-string",
    "tck-id-intro-device-id-string",
    "tck-id-topic-structure",
    "tck-id-topic-structure-namespace-a",
    "tck-id-topic-structure-namespace-device-id-associated-message-types",
    "tck-id-topic-structure-namespace-device-id-non-associated-message-types",
    "tck-id-payloads-alias-data-cmd-requirement",
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-timestamp-in-UTC",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-ncmd-timestamp",
    "tck-id-payloads-dcmd-timestamp",
)
@pytest.mark.parametrize("use_aliases", [False, True], ids=["names", "aliases"])
async def test_a_command_says_a_metric_as_its_birth_did(plant: Plant, use_aliases: bool) -> None:
    async with showing(plant) as (one, _):
        foreign = Foreign(one, use_aliases=use_aliases)
        nbirth, dbirth, _ = (WirePayload.FromString(birth.payload) for birth in await foreign.born())
        before = one.node.clock.now().wall
        await one.node.runtime.write(EDGE, None, "Mode", "hand", 0.05)
        await one.node.runtime.write(EDGE, "Presse", "Tag 1", -11, 0.05)
        await until(lambda: one.commands("DCMD") and one.commands("NCMD"), "both commands")
        (ncmd,), (dcmd,) = one.commands("NCMD"), one.commands("DCMD")
        assert ncmd.topic == "spBv1.0/Werk Süd/NCMD/Linie 1"
        assert dcmd.topic == "spBv1.0/Werk Süd/DCMD/Linie 1/Presse"
        for packet, birth, name, datatype in ((ncmd, nbirth, "Mode", 12), (dcmd, dbirth, "Tag 1", 3)):
            wire = WirePayload.FromString(packet.payload)
            assert not wire.HasField("seq")
            assert before <= wire.timestamp <= one.node.clock.now().wall
            (metric,) = wire.metrics
            (declared,) = (each for each in birth.metrics if each.name == name)
            assert metric.HasField("name") is not use_aliases
            assert metric.HasField("alias") is use_aliases
            assert metric.alias == declared.alias if use_aliases else metric.name == name
            assert metric.datatype in (0, datatype), "0: left out"
            if metric.HasField("timestamp"):
                assert before <= metric.timestamp <= one.node.clock.now().wall
        await one.node.runtime.write(EDGE, None, REBIRTH, True, 0.05)
        await until(lambda: len(one.commands("NCMD")) == 2, "the rebirth request")
        (wish,) = WirePayload.FromString(one.commands("NCMD")[1].payload).metrics
        assert (wish.name, wish.HasField("alias"), wish.boolean_value) == (REBIRTH, False, True)


@pytest.mark.statement(
    "tck-id-principles-birth-certificates-order",
    "tck-id-host-topic-phid-birth-message",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state",
)
async def test_no_command_leaves_before_the_server_has_taken_state_online(plant: Plant) -> None:
    async with hosting(plant) as one:
        slow = Slow(one.recorder)
        await until(lambda: slow.held, "STATE online is on its way, and nobody has said that it arrived")
        foreign = Foreign(one)
        await foreign.born()
        refused = await one.node.runtime.write(EDGE, "Presse", "Tag 1", 11, 0.05)
        assert (refused.outcome, refused.detail) == (Answer.FAILED, "no command session at server 1")
        slow.release()
        await until(lambda: [p.topic for p in one.speaker().published] == [STATE])
        sent = Answer.FAILED
        while sent is Answer.FAILED:
            sent = (await one.node.runtime.write(EDGE, "Presse", "Tag 1", 12, 0.05)).outcome
        await until(lambda: one.commands("DCMD"), "now it may")
        values = [
            WirePayload.FromString(packet.payload).metrics[0].int_value for packet in one.commands("DCMD")
        ]
        assert values == [12], "the first one never left"


class Slow:
    """The server takes no message of QoS 1 until it is told to."""

    def __init__(self, recorder: Recorder) -> None:
        self._take = recorder._publish
        self.held: list[tuple[Any, ...]] = []
        recorder._publish = self._publish  # type: ignore[method-assign]
        self._recorder = recorder

    def _publish(self, session: Session, first: int, body: Any) -> None:
        if first >> 1 & 3:
            self.held.append((session, first, body))
        else:
            self._take(session, first, body)

    def release(self) -> None:
        self._recorder._publish = self._take  # type: ignore[method-assign]
        for each in self.held:
            self._take(*each)


@pytest.mark.statement(
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state",
    "tck-id-operational-behavior-host-application-termination",
)
@VERSIONS
async def test_at_every_server_it_comes_goes_and_returns_by_state(plant: Plant, version: int) -> None:
    async with recording() as first, recording() as second:
        recorders = (first, second)
        servers = [
            Server(f"server {number}", "127.0.0.1", recorder.port, version=version, keep_alive=10)
            for number, recorder in enumerate(recorders)
        ]
        began = plant_clock(plant.single(host(*servers)).start())
        node = plant.nodes[-1]
        hosts = [Host(node, recorder) for recorder in recorders]
        for one in hosts:
            speaker = await one.online()
            assert began <= will_time(speaker) <= plant_clock(node), "the time of the first CONNECT"
        lost = hosts[1].speaker()
        lost.writer.transport.abort()
        await until(lambda: hosts[1].speaker() is not lost and hosts[1].speaker().published, "back")
        for one in hosts:
            born = one.speaker().published[0]
            assert (born.topic, state(born).online) == (STATE, True)
            assert state(born).timestamp == will_time(one.speaker())
        left = plant_clock(node)
        await node.stop()
        for one in hosts:
            death = one.speaker().published[-1]
            assert (death.topic, death.qos, death.retain, state(death).online) == (STATE, 1, True, False)
            assert left <= state(death).timestamp <= plant_clock(node)


def plant_clock(node: Node) -> int:
    return node.clock.now().wall


def will_time(session: Session) -> int:
    will = session.connect.will
    assert will is not None
    return state(will).timestamp


@pytest.mark.statement(
    "tck-id-host-topic-phid-birth-payload",
    "tck-id-host-topic-phid-death-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload",
    "tck-id-operational-behavior-host-application-connect-will-payload",
    "tck-id-operational-behavior-host-application-connect-birth-payload",
    "tck-id-operational-behavior-host-application-death-payload",
    "tck-id-payloads-state-will-message-payload",
    "tck-id-payloads-state-birth-payload",
)
async def test_every_state_is_json_of_a_boolean_and_a_number(plant: Plant) -> None:
    async with hosting(plant) as one:
        speaker = await one.online()
        began = plant_clock(one.node)
        await one.node.stop()
        assert speaker.connect.will is not None
        will, birth, death = (
            json.loads(packet.payload.decode("utf-8"))
            for packet in (speaker.connect.will, speaker.published[0], speaker.published[-1])
        )
        for document, online in ((will, False), (birth, True), (death, False)):
            assert set(document) == {"online", "timestamp"}
            assert document["online"] is online
            assert type(document["timestamp"]) is int
        assert will["timestamp"] == birth["timestamp"]
        assert death["timestamp"] >= began
