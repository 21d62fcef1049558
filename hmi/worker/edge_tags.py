"""The tags of this gateway's own edge nodes: provider `[default]`, published by MQTT Transmission.

A memory tag holds what was last written to it. A written value is put on record with the peer before
it is echoed, so that whoever saw it confirmed finds it after a failover. A counter is the wall clock
in tenths of a second; both nodes of the pair sample it at the same instants, so that their samples
carry the same keys and either node can re-send what the other one published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from hmi.history.writer import Sample
from hmi.tags.about import About, properties
from hmi.tags.value import Quality, TagValue
from hmi.tags.wire import from_wire, to_wire
from hmi.worker.image import TagImage
from redundancy.config import Transmitter
from redundancy.ports import Answer, GatewayView, Outcome
from redundancy.replication import providers
from redundancy.replication.records import Record
from sparkplug import DataSet, DataType, EdgeNodeId, Metric, Template, Value

PROVIDER = "tag-value"
MEMORY, COUNTER = "memory", "counter"
providers.register(PROVIDER, "written values of memory tags")


@dataclass(frozen=True, slots=True)
class EdgeTag:
    """One tag of `[default]`, as configured. `edge` is None for a tag that no edge node publishes.

    `period` is ms between two samples of a counter; `initial` is what a memory tag holds before anybody
    has written to it; a number below `low` or above `high` is never taken, whoever writes it.
    """

    path: str
    edge: EdgeNodeId | None
    device: str
    name: str
    datatype: DataType
    kind: str = MEMORY
    initial: Value = None
    writable: bool = False
    stored: bool = False
    period: int = 100
    low: float | None = None
    high: float | None = None
    unit: str = ""
    description: str = ""

    @property
    def about(self) -> About:
        """What is said of it, here and in births."""
        fixed = not self.writable or self.kind != MEMORY
        return About(self.unit, self.low, self.high, self.description, read_only=fixed)

    def outside(self, value: Value) -> str:
        """Why the limits forbid this value; "" if they don't. They hold for each element of an array."""
        if isinstance(value, tuple) and not isinstance(value, DataSet | Template):
            found = ((number, self.outside(element)) for number, element in enumerate(value))
            return next((f"element {number}: {why}" for number, why in found if why), "")
        if not isinstance(value, int | float):
            return ""
        # Said this way round, NaN is outside of any limit.
        if self.low is not None and not value >= self.low:
            return f"{self.path}: {value:g} is below the low limit {self.low:g}"
        if self.high is not None and not value <= self.high:
            return f"{self.path}: {value:g} is above the high limit {self.high:g}"
        return ""


class EdgeRuntime(Protocol):
    """What these tags need of the runtime (redundancy.runtime.Runtime has it)."""

    def sample(self, edge: EdgeNodeId, device: str | None, metric: Metric, stored: bool) -> None: ...

    async def remember(self, provider: str, key: str, body: bytes) -> bool: ...


class EdgeTags:
    """Keeps the tags in the image; implements redundancy.ports.EdgeTags. Lives on the runtime's loop."""

    def __init__(
        self,
        image: TagImage,
        keep: Callable[[Sample], None],
        wall: Callable[[], int],
        trouble: Callable[[str, str], None],
    ) -> None:
        self._image, self._keep, self._wall, self._trouble = image, keep, wall, trouble
        self._runtime: EdgeRuntime | None = None
        self._tags: dict[str, EdgeTag] = {}
        self._by_metric: dict[tuple[EdgeNodeId, str, str], EdgeTag] = {}
        self._transmitters: dict[EdgeNodeId, Transmitter] = {}
        self._remembered: dict[str, bytes] = {}
        self._redundancy: dict[str, Metric] = {}
        self._writing = asyncio.Lock()

    def attach(self, runtime: EdgeRuntime) -> None:
        """The runtime is made after its tags; from now on samples go there."""
        self._runtime = runtime

    # -- configuration

    def load(
        self,
        tags: Iterable[EdgeTag],
        transmitters: Iterable[Transmitter],
        remembered: Mapping[str, bytes] | None = None,
    ) -> bool:
        """The tags are now these. Answers whether what the edge nodes publish has changed its shape."""
        if remembered is not None:
            self._remembered = dict(remembered)
        before = self._shape()
        wanted = {tag.path: tag for tag in tags}
        for path in self._tags.keys() - wanted.keys():
            self._image.remove(path)
        for path, tag in wanted.items():
            if self._tags.get(path) != tag:
                self._start(tag)
        self._tags = wanted
        self._by_metric = {(tag.edge, tag.device, tag.name): tag for tag in wanted.values() if tag.edge}
        self._transmitters = {EdgeNodeId(t.group, t.edge): t for t in transmitters}
        return before != self._shape()

    def knows(self, path: str) -> bool:
        """Whether `path` is a tag of this gateway's own."""
        return path in self._tags

    @property
    def periods(self) -> set[int]:
        """The sampling periods in use, ms."""
        return {tag.period for tag in self._tags.values() if tag.kind == COUNTER}

    # -- what the runtime asks

    def births(self, edge: EdgeNodeId) -> tuple[tuple[Metric, ...], dict[str, tuple[Metric, ...]]]:
        """See redundancy.ports.EdgeTags."""
        transmitter = self._transmitters.get(edge)
        devices: dict[str, list[Metric]] = (
            {device: [] for device in transmitter.devices} if transmitter else {}
        )
        for tag in self._tags.values():
            if tag.edge == edge and tag.device in devices:
                devices[tag.device].append(self._metric(tag))
        return tuple(self._redundancy.values()), {name: tuple(held) for name, held in devices.items()}

    async def command(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...]) -> None:
        """See redundancy.ports.EdgeTags."""
        for metric in metrics:
            tag = self._by_metric.get((edge, device or "", metric.name or ""))
            if tag is None:
                self._trouble("command", f"{edge}/{device or ''}: there is no metric {metric.name!r}")
                continue
            outcome = await self._accept(tag, metric.value)
            if outcome.outcome is not Answer.CONFIRMED:
                self._trouble("command", f"{tag.path}: {outcome.detail}")

    # -- what people and the peer do

    async def write(self, path: str, value: object) -> Outcome:
        """A value out of JSON for one of these tags. The caller has checked that this node is active."""
        tag = self._tags.get(path)
        if tag is None:
            return Outcome(Answer.FAILED, f"there is no tag {path}")
        return await self._accept(tag, value)

    def apply(self, records: Iterable[Record]) -> None:
        """Values that were written on the other node."""
        for record in records:
            if record.provider != PROVIDER:
                continue
            self._remembered[record.key] = record.body
            tag = self._tags.get(record.key)
            remembered = self._recall(tag) if tag is not None and tag.kind == MEMORY else None
            if tag is not None and remembered is not None:
                self._set(tag, *remembered)

    def sample_counters(self, instant: int, period: int) -> None:
        """Take the sample that is due at `instant` (ms, a multiple of `period`)."""
        for tag in self._tags.values():
            if tag.kind == COUNTER and tag.period == period:
                self._set(tag, instant // 100, instant)

    def redundancy(self, view: GatewayView) -> None:
        """Node metrics that tell the host about this pair, on change."""
        peer = view.peer
        texts: dict[str, Value] = {
            "Redundancy/Node": view.node,
            "Redundancy/Role": view.role,
            "Redundancy/State": view.state,
            "Redundancy/Epoch": view.epoch,
            "Redundancy/Peer Node": peer.node if peer else "",
            "Redundancy/Peer State": peer_state(view),
        }
        for name, value in texts.items():
            known = self._redundancy.get(name)
            if known is not None and known.value == value:
                continue
            datatype = DataType.UInt64 if name == "Redundancy/Epoch" else DataType.String
            metric = Metric(name, datatype, value, timestamp=self._wall())
            self._redundancy[name] = metric
            if self._runtime is not None:
                for edge in self._transmitters:
                    self._runtime.sample(edge, None, metric, False)

    # -- inside

    async def _accept(self, tag: EdgeTag, value: object) -> Outcome:
        if tag.about.read_only:
            return Outcome(Answer.REFUSED, f"{tag.path} is read-only")
        if value is None:
            return Outcome(Answer.FAILED, f"{tag.datatype.name} cannot hold nothing")
        try:
            accepted = from_wire(tag.datatype, value)
        except ValueError as error:
            return Outcome(Answer.FAILED, str(error))
        forbidden = tag.outside(accepted)
        if forbidden:
            return Outcome(Answer.REFUSED, forbidden)
        # One at a time: the record that wins must be the value that stands.
        async with self._writing:
            timestamp = self._next_time(tag)
            body = orjson.dumps({"value": to_wire(accepted), "timestamp": timestamp})
            self._remembered[tag.path] = body
            known = await self._runtime.remember(PROVIDER, tag.path, body) if self._runtime else False
            self._set(tag, accepted, timestamp)
        return Outcome(
            Answer.CONFIRMED, "" if known else "recorded on this node only; the peer is not connected"
        )

    def _start(self, tag: EdgeTag) -> None:
        """Give a new or changed tag its value. Not yet a sample: the birth that follows carries it."""
        known = self._image.get(tag.path)
        self._give_value(tag, known)
        self._image.describe(tag.path, tag.about)

    def _give_value(self, tag: EdgeTag, known: TagValue | None) -> None:
        if tag.kind == COUNTER:
            # Shown at once and kept by nobody: samples begin with the sampler, and have no gaps.
            instant = self._wall() // tag.period * tag.period
            self._image.put(tag.path, instant // 100, instant, tag.datatype.name)
        elif known is None or known.datatype != tag.datatype.name:
            self._store(tag, *(self._recall(tag) or (tag.initial, self._wall())))

    def _recall(self, tag: EdgeTag) -> tuple[Value, int] | None:
        """What was last written to the tag, unless its type has become another one since."""
        body = self._remembered.get(tag.path)
        if not body:
            return None
        try:
            document = orjson.loads(body)
            return from_wire(tag.datatype, document["value"]), int(document["timestamp"])
        except (ValueError, KeyError, TypeError) as error:
            self._trouble("tag-value", f"{tag.path}: the recorded value is not usable: {error}")
            return None

    def _store(self, tag: EdgeTag, value: Value, timestamp: int) -> None:
        self._image.put(tag.path, value, timestamp, tag.datatype.name)
        if tag.stored:
            self._keep(Sample(tag.path, timestamp, value, Quality.GOOD, tag.datatype.name))

    def _set(self, tag: EdgeTag, value: Value, timestamp: int) -> None:
        self._store(tag, value, timestamp)
        if tag.edge is not None and self._runtime is not None:
            metric = Metric(tag.name, tag.datatype, value, timestamp=timestamp)
            self._runtime.sample(tag.edge, tag.device, metric, tag.stored)

    def _metric(self, tag: EdgeTag) -> Metric:
        said = properties(tag.about)
        held = self._image.get(tag.path)
        if held is None:
            return Metric(tag.name, tag.datatype, None, timestamp=self._wall(), properties=said)
        return Metric(tag.name, tag.datatype, held.value, timestamp=held.timestamp, properties=said)

    def _next_time(self, tag: EdgeTag) -> int:
        # Two writes within a millisecond are two samples, and a clock set back hides none of them.
        held = self._image.get(tag.path)
        return max(self._wall(), held.timestamp + 1 if held is not None else 0)

    def _shape(self) -> object:
        return {
            (tag.edge, tag.device, tag.name, tag.datatype, tag.about)
            for tag in self._tags.values()
            if tag.edge in self._transmitters
        }


def peer_state(view: GatewayView) -> str:
    """The peer's state as a word for people: empty without a peer, `Disconnected` when it is not heard."""
    if view.peer is None:
        return ""
    return str(view.peer.state) if view.peer.connected else "Disconnected"
