"""How an edge node leaves on purpose, in both versions of MQTT, as everybody else at the broker hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redundancy.config import Endpoint, Server
from sparkplug import DataType, MessageType, Metric, Payload, Topic, decode, encode
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.bystanders import Watcher
from tests.redundancy.cable import Cable
from tests.redundancy.plant import DEVICE, EDGE, Node, Plant, edge, host, servers
from tests.waiting import PATIENCE, until

NEXT_SERVER = Metric("Node Control/Next Server", DataType.Boolean, True, 1)


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with running(request.param, tmp_path) as one:
        yield one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


def deaths(observer: Watcher) -> list[Payload]:
    return [decode(payload) for topic, payload, _ in observer.heard if "/NDEATH/" in topic]


def numbers(observer: Watcher) -> list[object]:
    return [metric.value for death in deaths(observer) for metric in death.metrics]


def sessions(observer: Watcher) -> list[object]:
    """The bdSeq of every NBIRTH, in order; a host that asks for a rebirth gets the same one again."""
    return [born["bdSeq"].value for born in observer.payloads("NBIRTH")]


async def watched_edge(plant: Plant, server: Server) -> tuple[Watcher, Node]:
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE) and observer.topics("DBIRTH"), "edge online")
    return observer, sender


async def test_in_3_1_1_the_node_says_ndeath_and_the_broker_forgets_the_will(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer, sender = await watched_edge(plant, server)
    await sender.stop()
    sender.start()
    await until(lambda: len(observer.topics("NBIRTH")) == 2, "born again")
    assert numbers(observer) == [0]
    assert [(one.seq, len(one.metrics)) for one in deaths(observer)] == [(None, 1)]


async def test_the_next_session_waits_until_the_broker_has_heard_the_last_words(
    plant: Plant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Found on a busy machine: the broker threw the old session off, its NDEATH unread.
    for part in ("wire", "connection"):
        monkeypatch.setattr(f"redundancy.mqtt.{part}.FAREWELL", PATIENCE)
    (server,) = servers(broker)
    cable = Cable(Endpoint(server.host, server.port))
    await cable.start()
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    sender = plant.single(edge(replace(server, port=cable.here.port), host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE) and observer.topics("DBIRTH"), "edge online")

    cable.hold_back()
    await observer.say(str(Topic(MessageType.NCMD, EDGE)), encode(Payload(1, (NEXT_SERVER,))))
    await until(lambda: cable.opened > 1 or not sender.log.transmitters[EDGE], "it leaves")
    await asyncio.sleep(0.3)  # in which an impatient one would have come back
    assert cable.opened == 1
    cable.let_go()

    await until(lambda: 1 in sessions(observer), "the next one is online")
    assert numbers(observer) == [0], "it has said so, and the broker had no Will to publish"
    await sender.kill()
    await cable.close()


async def test_in_5_the_broker_says_it_too(plant: Plant, broker: Broker) -> None:
    (server,) = (replace(one, version=5) for one in servers(broker))
    observer, sender = await watched_edge(plant, server)
    await sender.stop()
    await until(lambda: len(numbers(observer)) == 2, "its own word and its Will")
    assert numbers(observer) == [0, 0]


async def test_in_5_a_late_will_does_not_touch_the_next_session(plant: Plant, broker: Broker) -> None:
    (server,) = (replace(one, version=5) for one in servers(broker))
    observer, _ = await watched_edge(plant, server)
    receiver = plant.single(host(server)).start()
    await until(lambda: receiver.log.online.get(EDGE) and receiver.log.devices, "the host knows it")
    await observer.say(str(Topic(MessageType.NCMD, EDGE)), encode(Payload(1, (NEXT_SERVER,))))
    await until(lambda: numbers(observer)[:2] == [0, 0], "two words of the old session")
    await until(lambda: 1 in sessions(observer), "and the next one is online")
    await observer.say(str(Topic(MessageType.NDEATH, EDGE)), encode(deaths(observer)[0]))
    await until(lambda: receiver.runtime.view().edges[str(EDGE)].devices.get(DEVICE))
    assert await receiver.confirms(6)
    assert receiver.log.online[EDGE]
