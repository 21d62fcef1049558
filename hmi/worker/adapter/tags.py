"""What the adapter's components take in becomes tags: provider `[MQTT Adapter]`.

    <component>/<stream id>                     a selected stream; slashes in its id make folders
    <component>/Status                          how the component is doing, in the words of `ComponentState`
    <component>/Servers/<server id>/...         Connected, Since, Messages, Failovers, Last Error

A stream is there from the moment that it is selected, without a value and stale until one comes. It turns
stale again when nobody is left who would tell of a change: no server is connected (of an MQTT component),
its edge node or device is gone (of a Sparkplug one), or this node stands by. The last value stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hmi.adapter.selection.choice import Choice
from hmi.adapter.selection.data_filters import Passed
from hmi.adapter.selection.selections import Event, Selection, Taken
from hmi.history.writer import Sample
from hmi.tags import path as paths
from hmi.tags.about import About
from hmi.tags.value import Quality
from hmi.worker.providers.image import TagImage
from redundancy.adapter.ground import TRACE, silent
from sparkplug import EdgeNodeId, Metric

SERVERS, STATUS = "Servers", "Status"
MOST_STREAMS = 20_000
"""Of one component, those that wildcards make counted in."""
_SHOWN = 200  # bytes of a payload in a line of the log
_MOST_AHEAD = 1000  # ms that arrival times may run ahead of the clock, to keep apart what came at once

Keep = Callable[[Sample], None]
Trouble = Callable[[str, str], None]


class Fault(NamedTuple):
    """What of a stream could not be used: how often, and why the last time."""

    times: int
    reason: str


@dataclass(slots=True)
class Stream:
    """One stream as it runs. `own_time`: it is stamped by its source, and not on arrival."""

    path: str
    own_time: bool
    selection: Selection
    passed: Passed | None = None
    latest: int = 0
    filtered: int = 0


@dataclass(slots=True)
class Intake:
    """What has come in for one component since it was configured."""

    events: int = 0
    filtered: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def unusable(self) -> int:
        return sum(fault.times for fault in self.faults.values())


class ComponentTags:
    """The streams of one component. Lives on the runtime's loop."""

    def __init__(
        self,
        component: str,
        image: TagImage,
        keep: Keep,
        wall: Callable[[], int],
        trouble: Trouble,
        log: logging.Logger | None = None,
    ) -> None:
        self.component = component
        self._log = log or silent(component)
        self.choice = Choice()
        self.intake = Intake()
        self._image, self._keep, self._wall, self._trouble = image, keep, wall, trouble
        self._streams: dict[str, Stream] = {}
        self._paths: dict[str, str] = {}
        self._told: dict[str, str] = {}  # stream -> what its log was last told to be wrong with it

    def configure(self, choice: Choice, faults: Mapping[str, str]) -> None:
        """The selections are now these; streams that stay keep their values. `faults`: those of no use."""
        held, self.choice = self.choice, choice
        self._told.clear()
        self.intake.faults = {stream: Fault(1, why) for stream, why in faults.items()}
        for stream, why in faults.items():
            self._log.warning("stream %s: %s", stream, why)
        kept = {selection.stream: selection for selection in choice.selections}
        for stream, running in list(self._streams.items()):
            after = kept.get(running.selection.stream)
            if after is None or not _same_source(running.selection, after):
                self._drop(stream)
            else:
                running.selection = after
        if held is not choice:
            self._log.info("%d streams are selected", len(choice.selections))
            for selection in choice.selections:
                self._begin(selection)

    def close(self) -> None:
        """The component is gone."""
        for stream in list(self._streams):
            self._drop(stream)

    def message(self, topic: str, payload: bytes, arrived: int) -> bool:
        """A message of an MQTT component, come at `arrived` (ms); answers whether it told anything."""
        left_out, before = self.choice.left_out, self.intake.events
        if self._log.isEnabledFor(TRACE):
            self._log.log(TRACE, "%d bytes on %s: %r", len(payload), topic, payload[:_SHOWN])
        for selection, taken in self.choice.message(topic, payload, arrived):
            self._take(selection, taken)
        if self.choice.left_out != left_out:
            self._fault(topic, "its wildcards match more topics than are followed")
        return self.intake.events != before

    def metrics(self, edge: EdgeNodeId, device: str | None, metrics: Iterable[Metric], arrived: int) -> bool:
        """Metrics of a Sparkplug component; answers whether they told anything."""
        before = self.intake.events
        if self._log.isEnabledFor(TRACE):
            metrics = tuple(metrics)
            self._log.log(TRACE, "%d metrics of %s/%s: %s", len(metrics), edge, device or "", metrics[:3])
        for selection, taken in self.choice.metrics(edge, device, metrics, arrived):
            self._take(selection, taken)
        return self.intake.events != before

    def recall(self, edge: EdgeNodeId, device: str | None, metrics: Mapping[str, Metric]) -> None:
        """What is known of an edge node or a device, for streams that have just been selected: a metric that
        seldom changes would stay empty for long.
        """
        for selection in self.choice.of_source(edge, device):
            stream, metric = self._streams.get(selection.stream), metrics.get(selection.metric)
            held = self._image.get(stream.path) if stream is not None else None
            if metric is not None and held is not None and held.value is None:
                self.metrics(edge, device, (metric,), self._wall())

    def empty(self) -> Iterator[str]:
        """The tags without a value."""
        for stream in self._streams.values():
            held = self._image.get(stream.path)
            if held is not None and held.value is None:
                yield stream.path

    def stale(self, at: int) -> None:
        """Nobody is left who would tell of a change."""
        for stream in self._streams.values():
            self._image.stale(stream.path, at)

    def source_stale(self, edge: EdgeNodeId, device: str | None, at: int) -> None:
        """An edge node or a device is gone."""
        for selection in self.choice.of_source(edge, device):
            stream = self._streams.get(selection.stream)
            if stream is not None:
                self._image.stale(stream.path, at)

    # -- inside

    def _begin(self, selection: Selection) -> None:
        if _makes_streams(selection):
            return
        for outlet in selection.outlets(selection.stream):
            stream = self._stream(outlet, selection)
            if stream is not None:
                about = About(documentation=selection.label, read_only=True)
                if stream.path not in self._image:
                    kind = selection.datatype.name
                    self._image.put(stream.path, None, self._wall(), kind, Quality.STALE)
                self._image.describe(stream.path, about)

    def _take(self, selection: Selection, taken: Taken) -> None:
        for unusable in taken.unusable:
            self._fault(*unusable)
        youngest: dict[str, Event] = {}
        for event in taken.events:
            stream = self._stream(event.stream, selection)
            if stream is None:
                continue
            event = (
                event if stream.own_time else event._replace(timestamp=self._apart(stream, event.timestamp))
            )
            if self._filtered(stream, event):
                continue
            self.intake.events += 1
            kind = event.datatype.name
            self._keep(Sample(stream.path, event.timestamp, event.value, Quality.GOOD, kind))
            # Of several values in one payload the youngest is shown, in whichever order they stand.
            held = youngest.get(stream.path)
            if held is None or event.timestamp >= held.timestamp:
                youngest[stream.path] = event
        for path, event in youngest.items():
            self._image.put(path, event.value, event.timestamp, event.datatype.name)

    def _filtered(self, stream: Stream, event: Event) -> bool:
        wanted = stream.selection.filter
        held = self._image.get(stream.path) if wanted is not None else None
        # A change of quality is worth telling, whatever the value.
        trusted = held is not None and held.quality is Quality.GOOD
        if trusted and wanted is not None and not wanted.passes(stream.passed, event.value, event.timestamp):
            stream.filtered += 1
            self.intake.filtered += 1
            return True
        stream.passed = Passed(event.value, event.timestamp)
        return False

    def _apart(self, stream: Stream, arrived: int) -> int:
        # Two values that arrive within a millisecond are two samples; a clock set back hides none of them.
        if stream.latest - arrived < _MOST_AHEAD:
            arrived = max(arrived, stream.latest + 1)
        stream.latest = arrived
        return arrived

    def _stream(self, name: str, selection: Selection) -> Stream | None:
        """The stream of this id, made if it is new; None when it can have no tag."""
        stream = self._streams.get(name)
        if stream is not None:
            return stream
        path = paths.join(paths.ADAPTER, self.component, name)
        why = self._unusable(path)
        if why:
            self._fault(name, why)
            return None
        own_time = selection.stamp is not None or bool(selection.metric)
        stream = self._streams[name] = Stream(path, own_time, selection)
        self._paths[path] = name
        return stream

    def _unusable(self, path: str) -> str:
        if len(path) > paths.LONGEST:
            return f"its path is longer than {paths.LONGEST} characters"
        folder = component_folder(self.component)
        if path in (folder, f"{folder}/{STATUS}") or path.startswith(f"{folder}/{SERVERS}/"):
            return f"{path} is what this node says of the component itself"
        if path in self._paths:
            return f"{path} is the stream {self._paths[path]} already"
        if len(self._streams) >= MOST_STREAMS:
            return f"the component has {MOST_STREAMS} streams already"
        return ""

    def _fault(self, stream: str, reason: str, plain: str = "") -> None:
        faults, plain = self.intake.faults, plain or reason
        if stream not in faults and len(faults) >= MOST_STREAMS:
            stream = ""
        if stream not in faults or self._told.get(stream) != plain:
            self._told[stream] = plain
            self._log.warning("stream %s: %s", stream, plain)
        self._log.debug("stream %s: %s", stream, reason)
        faults[stream] = Fault(faults[stream].times + 1 if stream in faults else 1, reason)
        self._trouble("adapter", f"{self.component}, stream {stream[:200]}: {plain}")

    def _drop(self, name: str) -> None:
        path = self._streams.pop(name).path
        self._paths.pop(path, None)
        self._image.remove(path)


def component_folder(component: str) -> str:
    """`[MQTT Adapter]<component>`."""
    return paths.join(paths.ADAPTER, component)


def server_tag(component: str, server: str, name: str) -> str:
    """The path of what is said of a server."""
    return paths.join(paths.ADAPTER, component, SERVERS, server, name)


def _same_source(one: Selection, other: Selection) -> bool:
    """Whether what comes for both is the same data, so that values and dead bands go on."""
    return _source(one) == _source(other)


def _source(of: Selection) -> tuple[object, ...]:
    return of.topic, of.metric, of.datatype, [(name, path.text) for name, path, _ in of.parts]


def _makes_streams(selection: Selection) -> bool:
    """Whether its streams are known only when messages come."""
    return selection.wild and selection.stream_at("\u2014") != selection.stream
