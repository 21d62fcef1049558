"""A component before two or three real servers, each behind a wire, and what can happen to them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from redundancy.adapter.component import MqttComponent
from redundancy.adapter.config import ComponentConfig, FailoverSettings, Mode, ServerConfig
from redundancy.adapter.ground import Ground
from redundancy.adapter.reports import Arrival, ComponentStatus
from redundancy.clock import Clock
from redundancy.config import Endpoint, Server
from sparkplug import EdgeNodeId, Metric
from tests.failover.publisher import Publisher
from tests.faults.wires import Wires
from tests.redundancy.brokers import PASSWORD, Broker
from tests.waiting import until

SETTINGS = FailoverSettings(connect_timeout=2.0, failback=1.0, first_pause=0.25, longest_pause=2.0)
KEEP_ALIVE = 4


class Fault(StrEnum):
    """What happens to a server."""

    STOPPED = "stopped"
    KILLED = "killed"
    FROZEN = "frozen"
    CUT = "cut"
    REFUSING = "refusing sign-in"


SILENT = (Fault.FROZEN, Fault.CUT)
"""Nobody is told; it has to be noticed."""


class Sink:
    """What has arrived: numbers by QoS, and when the last came from which server."""

    def __init__(self) -> None:
        self.got: dict[int, Counter[int]] = {0: Counter(), 1: Counter(), 2: Counter()}
        self.last: dict[str, float] = {}
        self.first: dict[str, float] = {}  # since the last `mark`
        self.statuses: list[ComponentStatus] = []

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        now = time.monotonic()
        for arrival in arrivals:
            self.got[int(arrival.topic[-1])][int(arrival.payload)] += 1
            self.last[arrival.server] = now
            self.first.setdefault(arrival.server, now)

    def mark(self) -> float:
        """From now on `first` counts."""
        self.first.clear()
        return time.monotonic()

    def metrics(
        self, component: str, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int
    ) -> None: ...

    def stale(self, component: str, edge: EdgeNodeId, device: str | None, at: int, why: str) -> None: ...

    def component(self, status: ComponentStatus) -> None:
        self.statuses.append(status)


@dataclass
class Place:
    """One server and the wire to it. `forgot`: messages that it had acknowledged may be gone, and why."""

    name: str
    broker: Broker
    server: Server
    forgot: Fault | None = None


@dataclass
class Turn:
    """One fault at the target, in seconds: until data flowed again, and until they came back (None: not).

    `lag`: how late this very process was meanwhile, at worst; what is within it is the machine's.
    """

    gap: float
    back: float | None
    lag: float


@dataclass
class Losses:
    """Messages by QoS. `lost`: acknowledged by a server and never arrived, except `with_server`: one had
    acknowledged them that was then killed, or stopped without keeping anything. `doubled`: came more often
    than they were sent, or, where they are sent everywhere, than once."""

    sent: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    with_server: dict[int, int] = field(default_factory=dict)
    doubled: dict[int, int] = field(default_factory=dict)


class Trial:
    """Made by `trial`."""

    def __init__(self, places: Sequence[Place], wires: Wires, component: MqttComponent, sink: Sink) -> None:
        self.places = {place.name: place for place in places}
        self.component, self.sink = component, sink
        self.everywhere = component.config.failover.mode is Mode.ALL
        self.publisher = Publisher([place.server for place in places], self.everywhere)
        self._wires = wires
        self._lag = 0.0

    @property
    def target(self) -> str | None:
        """The server that data come from."""
        return next((server.id for server in self.component.status().servers if server.target), None)

    @property
    def switches(self) -> int:
        return self.component.status().switches

    async def settled(self) -> None:
        """Everything is connected, and data flow."""
        first = next(iter(self.places))
        await until(
            lambda: all(server.connected for server in self.component.status().servers), "all connected", 60
        )
        if self.everywhere or self.component.config.failover.failback is not None:
            await until(lambda: self.target == first, f"back at {first}", 60)
        before = time.monotonic()
        await until(lambda: max(self.sink.last.values(), default=0) > before, "data flow", 60)
        # A session counts as sound only once it has lasted.
        await asyncio.sleep(SETTINGS.longest_pause + 0.5)

    async def watch_lag(self) -> None:
        """How late a task is that wants to run every 20 ms."""
        while True:
            due = time.monotonic() + 0.02
            await asyncio.sleep(0.02)
            self._lag = max(self._lag, time.monotonic() - due)

    async def turn(self, fault: Fault) -> Turn:
        """The fault at the target, and all well again."""
        victim = self.target
        assert victim is not None
        others = [name for name in self.places if name != victim]
        began, self._lag = self.sink.mark(), 0.0
        await self.harm(victim, fault)
        await until(
            lambda: any(name in self.sink.first for name in others),
            f"data flow although {victim} is {fault}",
            60,
        )
        first = min(self.sink.first[name] for name in others if name in self.sink.first)
        # A server that is being stopped still serves for a moment.
        gap = max(0.0, first - max(began, self.sink.last.get(victim, 0.0)))
        lag, self._lag = self._lag, 0.0
        await self.heal(victim, fault)
        healed = time.monotonic()
        await self.settled_at(victim)
        back = time.monotonic() - healed if self.target == victim and not self.everywhere else None
        await self.settled()
        return Turn(gap, back, lag)

    async def settled_at(self, victim: str) -> None:
        if self.everywhere or self.component.config.failover.failback is None:
            return
        await until(lambda: self.target == victim, f"back at {victim}", 60)

    async def harm(self, name: str, fault: Fault) -> None:
        place = self.places[name]
        broker = place.broker
        match fault:
            case Fault.KILLED:
                place.forgot = Fault.KILLED
                await asyncio.to_thread(broker.kill)
            case Fault.STOPPED | Fault.REFUSING:
                if not broker.keeps:
                    place.forgot = place.forgot or Fault.STOPPED
                await asyncio.to_thread(broker.stop)
                if fault is Fault.REFUSING:
                    broker.password = "another one"
                    await asyncio.to_thread(broker.start)
            case Fault.FROZEN:
                broker.pause()
            case Fault.CUT:
                self._wires.set(name, cut=True)

    async def heal(self, name: str, fault: Fault) -> None:
        broker = self.places[name].broker
        match fault:
            case Fault.FROZEN:
                broker.resume()
            case Fault.CUT:
                self._wires.set(name)
            case _:
                if fault is Fault.REFUSING:
                    await asyncio.to_thread(broker.stop)
                    broker.password = PASSWORD
                await asyncio.to_thread(broker.start)

    async def counted(self) -> Losses:
        """Stop publishing, wait for what is under way, and count."""
        self.publisher.stop()
        await until(lambda: not self.publisher.pending, "every message is acknowledged", 60)
        before = -1
        # What waits at a standby comes with the next visit; this is the longest that it may take.
        end = time.monotonic() + 70
        while time.monotonic() < end and any(self._missing(qos) for qos in (1, 2)):
            now = sum(sum(one.values()) for one in self.sink.got.values())
            if now == before and not any(self._missing_alive(qos) for qos in (1, 2)):
                break
            before = now
            await asyncio.sleep(2.0)
        return self._losses()

    def _missing(self, qos: int) -> list[int]:
        return [number for number in self.publisher.acked[qos] if not self.sink.got[qos][number]]

    def _missing_alive(self, qos: int) -> list[int]:
        """Lost, although no server that had acknowledged it was killed."""
        forgetful = {place.name for place in self.places.values() if place.forgot is not None}
        acked = self.publisher.acked[qos]
        return [number for number in self._missing(qos) if not acked[number] & forgetful]

    def _losses(self) -> Losses:
        made = Losses(sent=dict(self.publisher.sent))
        for qos in (0, 1, 2):
            got = self.sink.got[qos]
            # What was sent to two servers one after the other may come from both, and nobody can tell; what
            # is sent everywhere comes once, unless a server was sent it again.
            usual = len(self.places) - 1 if self.everywhere else 0
            handed = self.publisher.handed
            made.doubled[qos] = sum(max(0, n - max(1, handed[qos, one] - usual)) for one, n in got.items())
            if qos == 0:
                made.lost[0] = sum(not got[number] for number in range(made.sent[0]))
                made.with_server[0] = 0
            else:
                made.lost[qos] = len(self._missing_alive(qos))
                made.with_server[qos] = len(self._missing(qos)) - made.lost[qos]
        return made


@contextlib.asynccontextmanager
async def trial(
    kinds: Sequence[str], folder: Path, settings: FailoverSettings = SETTINGS, keep_alive: int = KEEP_ALIVE
) -> AsyncIterator[Trial]:
    """Servers of these kinds, the component connected to all of them, data flowing."""
    wires = Wires()
    folder.mkdir(parents=True, exist_ok=True)
    brokers = [Broker(kind, folder, keeps=True) for kind in kinds]
    work: list[asyncio.Task[None]] = []
    component: MqttComponent | None = None
    try:
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in brokers))
        places = []
        for number, broker in enumerate(brokers):
            name = f"{broker.kind}-{number}"
            here = wires.between(name, Endpoint("127.0.0.1", broker.port))
            server = broker.server(name, keep_alive=keep_alive, connect_timeout=2.0)
            places.append(Place(name, broker, replace(server, port=here.port)))
        sink = Sink()
        config = ComponentConfig(
            "MQTT1",
            servers=tuple(ServerConfig(place.name, place.server) for place in places),
            client_id="reader",
            filters=tuple((f"trial/{qos}", qos) for qos in (0, 1, 2)),
            failover=settings,
        )
        component = MqttComponent(config, Ground("node", Clock(), sink, lambda: True, lambda *_: None))
        made = Trial(places, wires, component, sink)
        component.act()
        await until(lambda: all(server.connected for server in component.status().servers), "connected", 60)
        work += [asyncio.create_task(made.publisher.run()), asyncio.create_task(made.watch_lag())]
        await made.settled()
        yield made
    finally:
        if component is not None:
            component.shut()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for broker in brokers:
            broker.kill()
        wires.close()
