"""A Sparkplug host of a component's own, at all of its servers at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from redundancy.adapter.components import Components
from redundancy.adapter.config import ComponentConfig, Kind, ServerConfig
from redundancy.adapter.ground import Ground
from redundancy.adapter.reports import Condition
from redundancy.clock import Clock
from redundancy.mqtt import Message
from sparkplug import DataType, EdgeNodeId, HostState, Metric, Payload, encode
from tests.redundancy.adapter.test_component import Sink
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.test_mqtt import Log, connected, observing
from tests.waiting import until

EDGE = EdgeNodeId("Plant", "Press")


class Metrics(Sink):
    """What a host tells."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, EdgeNodeId, str | None, dict[str, Any]]] = []
        self.gone: list[tuple[EdgeNodeId, str | None]] = []

    def metrics(
        self, component: str, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int
    ) -> None:
        self.heard.append((component, edge, device, {str(one.name): one.value for one in metrics}))

    def stale(self, component: str, edge: EdgeNodeId, device: str | None, at: int, why: str) -> None:
        self.gone.append((edge, device))


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Broker]]:
    folder = tmp_path_factory.mktemp("brokers")
    with running(KINDS[-1], folder) as one, running(KINDS[0], folder) as other:
        yield [one, other]


def config(brokers: list[Broker], name: str, host: str) -> ComponentConfig:
    servers = tuple(
        ServerConfig(f"s{n}", broker.server(f"s{n}", keep_alive=4)) for n, broker in enumerate(brokers)
    )
    return ComponentConfig(name, Kind.SPARKPLUG, servers, client_id=name, primary_host_id=host)


def states(log: Log, host: str) -> list[bool]:
    topic = f"spBv1.0/STATE/{host}"
    return [HostState.decode(one.payload).online for one in log.of(Message) if one.topic == topic]


async def test_a_primary_host_speaks_state_at_every_server_and_takes_it_back(brokers: list[Broker]) -> None:
    sink = Metrics()
    components = Components(Ground("node", Clock(), sink, lambda: True, lambda *_: None))
    state = "spBv1.0/STATE/Primary A"
    async with observing(brokers[0].server(), state) as one, observing(brokers[1].server(), state) as other:
        components.configure([config(brokers, "SpB", "Primary A")])
        components.act()
        await until(lambda: states(one, "Primary A") and states(other, "Primary A"))
        assert states(one, "Primary A")[-1] is states(other, "Primary A")[-1] is True
        whole = "listens at 2 of 2 servers, STATE is online at 2"
        await until(lambda: components.status()[0].why == whole, "both have acknowledged it")
        assert components.status()[0].condition is Condition.RUNNING
        assert all(server.connected for server in components.status()[0].servers)
        components.configure([])
        await until(lambda: not states(one, "Primary A")[-1] and not states(other, "Primary A")[-1])
    await components.close()


async def test_a_passive_host_hears_births_and_values_and_says_nothing(brokers: list[Broker]) -> None:
    sink = Metrics()
    components = Components(Ground("node", Clock(), sink, lambda: True, lambda *_: None))
    async with observing(brokers[1].server(), "spBv1.0/#") as log:
        components.configure([config(brokers, "Passive", "")])
        components.listen(True)
        await until(lambda: all(server.connected for server in components.status()[0].servers))
        assert components.status()[0].condition is Condition.STANDBY
        components.act()
        now = time.time_ns() // 1_000_000
        bd_seq = Metric("bdSeq", DataType.Int64, 0, now)
        birth = Payload(now, (bd_seq, Metric("Force", DataType.Float, 1.5, now, alias=3)), seq=0)
        data = Payload(now, (Metric(None, DataType.Float, 2.5, now, alias=3),), seq=1)
        async with connected(brokers[1].server(), "edge") as (edge, _):
            edge.publish("spBv1.0/Plant/NBIRTH/Press", encode(birth))
            edge.publish("spBv1.0/Plant/NDATA/Press", encode(data))
            await until(lambda: ("Passive", EDGE, None, {"Force": 2.5}) in sink.heard)
            edge.publish("spBv1.0/Plant/NDEATH/Press", encode(Payload(now, (bd_seq,))))
            await until(lambda: (EDGE, None) in sink.gone)
        assert components.status()[0].servers[1].messages >= 3
        said = [one.topic for one in log.of(Message) if not one.retain]
        assert not [topic for topic in said if "STATE" in topic or "CMD" in topic]
        components.configure([replace(config(brokers, "Passive", ""), running=False)])
        await until(lambda: components.status()[0].condition is Condition.STOPPED)
    await components.close()
    await asyncio.sleep(0)
