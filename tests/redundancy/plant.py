"""A small plant of real parts in one process: runtimes, a witness, and a third party that watches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from redundancy.clock import Clock
from redundancy.config import (
    Endpoint,
    EngineConfig,
    GatewayConfig,
    LinkTls,
    NodeConfig,
    Peer,
    RedundancySettings,
    Role,
    Server,
    Standby,
    TransmissionConfig,
    Transmitter,
)
from redundancy.ports import Answer, GatewayView, Outcome, Refused
from redundancy.replication.reconciler import Pace, Reconciler
from redundancy.replication.reconciliation import ItemStore
from redundancy.replication.records import MemoryStore, Record
from redundancy.runtime import Runtime
from redundancy.witness import Witness
from sparkplug import DataType, EdgeNodeId, Instant, Metric, state_topic
from tests.ports import free_port
from tests.redundancy.brokers import Broker
from tests.redundancy.bystanders import Watcher
from tests.waiting import PATIENCE, until

KEY = b"the key of the test plant"
HOST = "Primary"
STATE = state_topic(HOST)
EDGE = EdgeNodeId("Group 1", "Edge 1")
DEVICE = "Device 1"
PERIOD = 50
"""Milliseconds between two samples of the counter, on every node at the same instants."""


@dataclass
class Hand(Clock):
    """A clock that is turned by hand."""

    mono: float = 100.0

    def now(self) -> Instant:
        return Instant(self.mono, 1_700_000_000_000)


class Log:
    """A Sink that keeps everything."""

    def __init__(self) -> None:
        self.views: list[GatewayView] = []
        self.born: list[tuple[EdgeNodeId, str]] = []
        self.devices: list[tuple[EdgeNodeId, str]] = []
        self.samples: list[tuple[EdgeNodeId, str | None, Metric]] = []
        self.stale: list[tuple[EdgeNodeId, str]] = []
        self.stale_devices: list[tuple[EdgeNodeId, str]] = []
        self.online: dict[EdgeNodeId, bool] = {}
        self.servers: dict[str, bool] = {}
        self.transmitters: dict[EdgeNodeId, bool] = {}
        self.changeovers: dict[str, dict[str, Any]] = {}
        self.records: list[Record] = []
        self.troubles: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None:
        self.born.append((edge, server))

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None:
        self.devices.append((edge, device))
        self.samples += [(edge, device, metric) for metric in metrics]

    def values(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None:
        self.samples += [(edge, device, metric) for metric in metrics]

    def node_stale(self, edge: EdgeNodeId, at: int, why: str) -> None:
        self.stale.append((edge, why))

    def device_stale(self, edge: EdgeNodeId, device: str, at: int, why: str) -> None:
        self.stale_devices.append((edge, device))

    def node_online(self, edge: EdgeNodeId, online: bool, server: str | None, at: int) -> None:
        self.online[edge] = online

    def server(self, name: str, online: bool, why: str) -> None:
        self.servers[name] = online

    def transmitter(self, edge: EdgeNodeId, online: bool, server: str | None, why: str) -> None:
        self.transmitters[edge] = online

    def gateway(self, view: GatewayView) -> None:
        self.views.append(view)

    def changeover(self, report: dict[str, Any]) -> None:
        self.changeovers[report["id"]] = report

    def applied(self, records: Sequence[Record]) -> None:
        self.records += records

    def trouble(self, kind: str, detail: str) -> None:
        self.troubles.append((kind, detail))

    def repeated(self) -> int | None:
        return None

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def counters(self) -> dict[int, Any]:
        """Timestamp -> value of every sample of the counter, whether live or sent again."""
        return {
            metric.timestamp: metric.value
            for _, _, metric in self.samples
            if metric.name == "Counter" and metric.timestamp is not None
        }


class Tags:
    """One device with a writable tag and a counter that is sampled on a common grid of instants."""

    def __init__(self, clock: Clock) -> None:
        self.value: Any = 10
        self.deaf = False
        self.commands: list[Metric] = []
        self.made: dict[int, int] = {}
        self.runtime: Runtime | None = None
        self._clock = clock

    def births(self, edge: EdgeNodeId) -> tuple[tuple[Metric, ...], dict[str, tuple[Metric, ...]]]:
        now = self._clock.now().wall
        device = (
            Metric("Tag 1", DataType.Int32, self.value, now),
            Metric("Level", DataType.Float, 0.5, now),
            self._counter(now // PERIOD * PERIOD),
        )
        return (Metric("Redundancy/Node", DataType.String, "n", now),), {DEVICE: device}

    async def command(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...]) -> None:
        self.commands += metrics
        for metric in metrics:
            if not self.deaf and self.runtime is not None:
                answer = metric._replace(timestamp=self._clock.now().wall, alias=None)
                if metric.name == "Tag 1":
                    self.value = metric.value
                self.runtime.sample(edge, device, answer, stored=False)

    async def count(self) -> None:
        """Sample the counter until cancelled."""
        while True:
            at = self._clock.now().wall // PERIOD * PERIOD
            if at not in self.made:
                self.made[at] = at // PERIOD
                if self.runtime is not None:
                    self.runtime.sample(EDGE, DEVICE, self._counter(at), stored=True)
            await asyncio.sleep(0.01)

    def _counter(self, at: int) -> Metric:
        return Metric("Counter", DataType.Int64, at // PERIOD, at)


@dataclass
class Node:
    """One node and what it has said."""

    config: NodeConfig
    gateway: GatewayConfig | None
    folder: Path
    log: Log = field(default_factory=Log)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    samples: ItemStore | None = None
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.tags = Tags(self.clock)
        self.runtime = self._made()
        self.tasks: list[asyncio.Task[None]] = []

    def _made(self) -> Runtime:
        parts = (self.config, self.gateway, self.folder, self.clock, self.store, self.log, self.tags)
        self.history = self.samples and Reconciler(self.samples, self.clock, self.log.trouble, self.pace)
        return Runtime(*parts, self.history)

    def keep(self, samples: ItemStore, pace: Pace) -> None:
        """Before the start: this node has a history, and exchanges it."""
        self.samples, self.pace = samples, pace
        self.runtime = self._made()

    def become(self, **changes: Any) -> None:
        """Before the start: these fields of its configuration are otherwise."""
        self.config = replace(self.config, **changes)
        self.runtime = self._made()

    def rename(self, names: Mapping[str, str]) -> None:
        """Before the start: this node calls the servers otherwise."""
        assert self.gateway is not None
        assert self.gateway.engine is not None
        engine = self.gateway.engine
        renamed = tuple(replace(one, name=names.get(one.name, one.name)) for one in engine.servers)
        self.gateway = replace(self.gateway, engine=replace(engine, servers=renamed))
        self.runtime = self._made()

    def start(self) -> Node:
        """Again on the same data, if it ran before."""
        if self.tasks:
            self.runtime = self._made()
        self.tags.runtime = self.runtime
        work = [self.runtime.run()]
        if self.gateway is not None and self.gateway.transmission is not None:
            work.append(self.tags.count())
        self.tasks = [asyncio.create_task(part) for part in work]
        return self

    async def kill(self) -> None:
        """Power loss: nothing is said and nothing is drained."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def stop(self) -> None:
        """SIGTERM."""
        self.runtime.stop()
        await asyncio.wait_for(self.tasks[0], 20)
        await self.kill()

    async def confirms(self, value: Any) -> bool:
        """Whether a write to Tag 1 is confirmed; tried again while the edge is offline or being born."""
        outcome = Outcome(Answer.FAILED)
        async with asyncio.timeout(PATIENCE):
            while outcome.outcome is Answer.FAILED:
                outcome = await self.runtime.write(EDGE, DEVICE, "Tag 1", value, PATIENCE)
                await asyncio.sleep(0.01)
        return outcome.outcome is Answer.CONFIRMED

    async def moves_on(self, reason: str) -> str:
        """Ask for a planned switch; once more while it has taken over only just now."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.runtime.failover(reason, "tester")
                except Refused as refusal:
                    if "just now" not in refusal.reason:
                        raise
                await asyncio.sleep(0.02)

    @property
    def state(self) -> str:
        return self.runtime.view().state

    @property
    def active(self) -> bool:
        return self.state == "Active"


class Plant:
    """Builds nodes that know each other. They share one loop with the test: `lease` is as long as a busy
    machine may hold that up, for a test that is about something else."""

    def __init__(self, folder: Path, lease: float = 2.0) -> None:
        self.folder = folder
        self.lease = lease
        self.nodes: list[Node] = []
        self.watchers: list[Watcher] = []
        self._witness_at = Endpoint("127.0.0.1", free_port())
        self._witness: Witness | None = None

    async def start_witness(self, tls: LinkTls | None = None) -> None:
        folder = self.folder / "witness"
        folder.mkdir(exist_ok=True)
        self._witness = Witness(self._witness_at, KEY, folder, Clock(), lease=self.lease, tls=tls)
        await self._witness.start()

    async def stop_witness(self) -> None:
        assert self._witness is not None
        await self._witness.close()
        self._witness = None

    async def close(self) -> None:
        for node in self.nodes:
            if not all(task.done() for task in node.tasks):
                await node.kill()
        for watcher in self.watchers:
            watcher.connection.close()
        if self._witness is not None:
            await self._witness.close()
        await asyncio.sleep(0.05)

    def pair(self, gateway: GatewayConfig, standby: Standby = Standby.WARM) -> tuple[Node, Node]:
        """Master and Backup with the witness of the plant, not started yet."""
        names = [f"{gateway.name}-{role}".lower().replace(" ", "") for role in ("master", "backup")]
        ends = [Endpoint("127.0.0.1", free_port()) for _ in names]
        nodes = []
        for index, role in enumerate((Role.MASTER, Role.BACKUP)):
            peer = Peer(names[1 - index], ends[1 - index], f"http://{names[1 - index]}")
            config = self._config(gateway.name, names[index], role, ends[index], peer, standby)
            nodes.append(self._node(config, gateway))
        return nodes[0], nodes[1]

    def single(self, gateway: GatewayConfig) -> Node:
        """An Independent node."""
        name = gateway.name.lower().replace(" ", "")
        link = Endpoint("127.0.0.1", free_port())
        return self._node(self._config(gateway.name, name, Role.INDEPENDENT, link, None), gateway)

    def watch(self, server: Server, client: str = "observer") -> Watcher:
        """A third party on one broker."""
        self.watchers.append(Watcher(server, client))
        return self.watchers[-1]

    def _node(self, config: NodeConfig, gateway: GatewayConfig) -> Node:
        self.nodes.append(Node(config, gateway, self.folder / config.node))
        return self.nodes[-1]

    def _config(
        self,
        gateway: str,
        node: str,
        role: Role,
        link: Endpoint,
        peer: Peer | None,
        standby: Standby = Standby.WARM,
    ) -> NodeConfig:
        http = Endpoint("127.0.0.1", 1)
        # The master is started first (`started`), and nobody else is there that it could wait for.
        allowance = 0.0 if role is Role.MASTER else PATIENCE
        settings = RedundancySettings(standby, self.lease, startup_allowance=allowance)
        witness = None if peer is None else self._witness_at
        return NodeConfig(
            gateway, node, role, link, http, f"http://{node}", KEY, peer, witness, redundancy=settings
        )


async def started(pair: tuple[Node, Node]) -> tuple[Node, Node]:
    """Both run: the master acts, because it came first, and each knows it of the other."""
    master, backup = pair
    master.start()
    await until(lambda: master.active, "the master acts")
    backup.start()
    await until(lambda: backup.state == "Standby" and _hears(master, "Standby"), "the backup stands by")
    return pair


def _hears(node: Node, state: str) -> bool:
    peer = node.runtime.view().peer
    return peer is not None and peer.connected and peer.state == state


def host(*servers: Server, **changes: Any) -> GatewayConfig:
    """A gateway with MQTT Engine."""
    return GatewayConfig("Primary", "1-a", engine=EngineConfig(HOST, servers, **changes))


def edge(*servers: Server, host_id: str | None = HOST, **changes: Any) -> GatewayConfig:
    """A gateway with MQTT Transmission and one edge node."""
    transmitters = (Transmitter(EDGE.group, EDGE.edge, (DEVICE,)),)
    transmission = TransmissionConfig(host_id, servers, transmitters, **changes)
    return GatewayConfig("Edge 1", "1-a", transmission=transmission)


def servers(*brokers: Broker) -> tuple[Server, ...]:
    """Each broker as a server of a set."""
    return tuple(
        broker.server(f"server {number}", keep_alive=3) for number, broker in enumerate(brokers, start=1)
    )
