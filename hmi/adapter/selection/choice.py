"""All selections of a component, found by what comes in. Pure.

An intruder could invent topics for ever: what wildcards make streams of has a limit, and so has what is
remembered of topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hmi.adapter.selection.selections import Payload, Selection, Taken, events, metric_event
from redundancy.distributor.topics import Subscriptions, covers
from sparkplug import EdgeNodeId, MessageType, Metric

MOST_TOPICS = 10_000


class Choice:
    """The selections of one component. `left_out` counts messages on topics beyond MOST_TOPICS."""

    def __init__(self, selections: Iterable[Selection] = ()) -> None:
        self.selections = tuple(selections)
        self._filters: Subscriptions[int, Selection] = Subscriptions()
        self._metrics: dict[tuple[str, str], list[Selection]] = {}
        for number, selection in enumerate(self.selections):
            if selection.metric:
                self._metrics.setdefault((selection.topic, selection.metric), []).append(selection)
            else:
                self._filters.add(selection.topic, number, selection)
        self._known: dict[str, tuple[Selection, ...]] = {}
        self.left_out = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """The topic filters to subscribe to: none that another one covers, or messages would come twice."""
        asked = dict.fromkeys(selection.topic for selection in self.selections if not selection.metric)
        wide = [topic for topic in asked if "+" in topic or "#" in topic]
        return tuple(
            topic for topic in asked if not any(covers(other, topic) for other in wide if other != topic)
        )

    def message(self, topic: str, raw: bytes, arrived: int) -> Iterator[tuple[Selection, Taken]]:
        """What a message that came at `arrived` (ms) brings, for each stream that it concerns."""
        payload = Payload(raw)
        for selection in self._concerned(topic):
            yield selection, events(selection, topic, payload, arrived)

    def metrics(
        self, edge: EdgeNodeId, device: str | None, metrics: Iterable[Metric], arrived: int
    ) -> Iterator[tuple[Selection, Taken]]:
        """The same for the metrics of an edge node (device None) or of a device."""
        if not self._metrics:
            return
        topic = data_topic(edge, device)
        for metric in metrics:
            for selection in self._metrics.get((topic, metric.name or ""), ()):
                yield selection, metric_event(selection, metric, arrived)

    def of_source(self, edge: EdgeNodeId, device: str | None) -> Iterator[Selection]:
        """The selected streams of a device; without one, of the edge node and of all its devices."""
        topic = data_topic(edge, device)
        below = data_topic(edge, "")
        for selection in self.selections:
            if selection.topic == topic or (device is None and selection.topic.startswith(below)):
                yield selection

    def _concerned(self, topic: str) -> tuple[Selection, ...]:
        known = self._known.get(topic)
        if known is None:
            known = tuple(selection for _, selection in self._filters.match(topic))
            if len(self._known) >= MOST_TOPICS:
                self.left_out += 1
                return tuple(selection for selection in known if not selection.wild)
            self._known[topic] = known
        return known


def data_topic(edge: EdgeNodeId, device: str | None) -> str:
    """The topic that selections name an edge node or a device by."""
    kind = MessageType.NDATA if device is None else MessageType.DDATA
    return "/".join(("spBv1.0", edge.group, kind, edge.edge, *([] if device is None else [device])))
