"""The tags of this gateway's own edge nodes: provider `[default]`, published by MQTT Transmission.

A memory tag holds what was last written to it. A written value is put on record with the peer before
it is echoed, so that whoever saw it confirmed finds it after a failover. A counter is the wall clock
in tenths of a second; both nodes of the pair sample it at the same instants, so that their samples
carry the same keys and either node can re-send what the other one published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import orjson

from hmi.history.writer import Sample
from hmi.tags.about import properties
from hmi.tags.value import Quality, TagValue
from hmi.tags.wire import from_wire, to_wire
from hmi.worker.providers.image import TagImage
from hmi.worker.providers.tag_book import COUNTER, MEMORY, NO_TAGS, EdgeTag, News, TagBook
from redundancy.ports import Answer, GatewayView, Outcome
from redundancy.replication import providers
from redundancy.replication.records import Record
from sparkplug import DataType, EdgeNodeId, Metric, Value

PROVIDER = "tag-value"
_SLICE = 1000  # tags between two looks at the loop
providers.register(PROVIDER, "written values of memory tags")


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
        self.book = NO_TAGS
        self._remembered: dict[str, bytes] = {}
        self._redundancy: dict[str, Metric] = {}
        self._writing = asyncio.Lock()

    def attach(self, runtime: EdgeRuntime) -> None:
        """The runtime is made after its tags; from now on samples go there."""
        self._runtime = runtime

    # -- configuration

    def remember(self, values: Mapping[str, bytes]) -> None:
        """What has been written to the tags so far, as it is on record."""
        self._remembered = dict(values)

    def load(self, book: TagBook) -> bool:
        """`take_up` in one go, while nothing runs yet."""
        news = book.since(self.book)
        for _ in self._steps(book, news):
            pass
        return news.reshaped

    async def take_up(self, book: TagBook, news: News) -> bool:
        """The tags are now these; `news` is `book.since(self.book)`, found in a thread since it takes time.

        Answers whether what the edge nodes publish has changed its shape. A hundred thousand tags take a
        second: the loop, and the lease with it, goes on between two slices.
        """
        for _ in self._steps(book, news):
            await asyncio.sleep(0)
        return news.reshaped

    def _steps(self, book: TagBook, news: News) -> Iterator[None]:
        for number, tag in enumerate(news.fresh):
            self._start(tag)
            if number % _SLICE == _SLICE - 1:
                yield
        # A value and the definition that it is read by change at the same moment.
        self.book = book
        for tag in news.changed:
            self._start(tag)
        for number, path in enumerate(news.gone):
            self._image.remove(path)
            if number % _SLICE == _SLICE - 1:
                yield

    def knows(self, path: str) -> bool:
        """Whether `path` is a tag of this gateway's own."""
        return path in self.book.tags

    @property
    def periods(self) -> set[int]:
        """The sampling periods in use, ms."""
        return set(self.book.counters)

    # -- what the runtime asks

    def births(self, edge: EdgeNodeId) -> tuple[tuple[Metric, ...], dict[str, tuple[Metric, ...]]]:
        """See redundancy.ports.EdgeTags."""
        devices = self.book.published.get(edge, {})
        told = {name: tuple(map(self._metric, tags)) for name, tags in devices.items()}
        return tuple(self._redundancy.values()), told

    async def command(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...]) -> None:
        """See redundancy.ports.EdgeTags."""
        for metric in metrics:
            tag = self.book.by_metric.get((edge, device or "", metric.name or ""))
            if tag is None:
                self._trouble("command", f"{edge}/{device or ''}: there is no metric {metric.name!r}")
                continue
            outcome = await self._accept(tag, metric.value)
            if outcome.outcome is not Answer.CONFIRMED:
                self._trouble("command", f"{tag.path}: {outcome.detail}")

    # -- what people and the peer do

    async def write(self, path: str, value: object) -> Outcome:
        """A value out of JSON for one of these tags. The caller has checked that this node is active."""
        tag = self.book.tags.get(path)
        if tag is None:
            return Outcome(Answer.FAILED, f"there is no tag {path}")
        return await self._accept(tag, value)

    def apply(self, records: Iterable[Record]) -> None:
        """Values that were written on the other node."""
        for record in records:
            if record.provider != PROVIDER:
                continue
            self._remembered[record.key] = record.body
            tag = self.book.tags.get(record.key)
            remembered = self._recall(tag) if tag is not None and tag.kind == MEMORY else None
            if tag is not None and remembered is not None:
                self._set(tag, *remembered)

    def sample_counters(self, instant: int, period: int) -> None:
        """Take the sample that is due at `instant` (ms, a multiple of `period`)."""
        for tag in self.book.counters.get(period, ()):
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
                for edge in self.book.published:
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


def peer_state(view: GatewayView) -> str:
    """The peer's state as a word for people: empty without a peer, `Disconnected` when it is not heard."""
    if view.peer is None:
        return ""
    return str(view.peer.state) if view.peer.connected else "Disconnected"
