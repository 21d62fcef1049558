"""What a discovery makes of the messages that it sees: topics, the values in them, and of what type. Pure.

A field beside a value that looks like its time is proposed as the indexField. What is found is a list of
entries of the facet dataSelection, none of them selected yet, with stream ids after the data source's
pattern.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hmi.adapter.facets import catalogue, streams
from hmi.adapter.selection import json_paths, stamps
from hmi.adapter.selection.choice import data_topic
from hmi.adapter.selection.selections import LARGEST
from redundancy.distributor.topics import matches
from sparkplug import EdgeNodeId, Metric
from sparkplug.datatypes import BASIC

MOST_TOPICS, MOST_FIELDS, MOST_FOUND = 5_000, 300, 20_000
_DEEPEST, _ENTRIES = 8, 10  # levels of a payload, and entries of a list, that are looked at
_TIME_NAME = re.compile(
    r"(date)?[_-]?(time|timestamp|ts|t|date|datetime|at|utc)([_-]?(ms|s|utc|stamp))?", re.I
)
_SECONDS, _MILLISECONDS = range(10**9, 10**10), range(10**12, 10**13)
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
Entry = dict[str, Any]


@dataclass(slots=True)
class _Field:
    """A place in the payloads of a topic: the types seen there, and where the time of its values stands."""

    types: set[str] = field(default_factory=set)
    index: tuple[str, str | None] | None = None


class Findings:
    """Collects. `left_out` counts what was beyond the limits, `unreadable` payloads that say nothing."""

    def __init__(self, component_type: str, source: Mapping[str, Any]) -> None:
        kind = catalogue.facet_of(component_type, "dataSelection")
        if kind is None or kind.new_id is None:
            raise ValueError(f"nothing can be selected on {component_type}")
        self._stream_id, self._source = kind.new_id, source
        self._topics: dict[str, dict[str, _Field]] = {}
        self._metrics: dict[tuple[str, str], None] = {}
        self.left_out = self.unreadable = 0

    def __len__(self) -> int:
        return sum(map(len, self._topics.values())) + len(self._metrics)

    def message(self, topic: str, payload: bytes) -> None:
        """A message of any kind; never raises."""
        places = self._topics.get(topic)
        if places is None:
            if len(self._topics) >= MOST_TOPICS or len(self) >= MOST_FOUND:
                self.left_out += 1
                return
            places = {}
        try:
            document = _document(payload)
            for path, kind, index in _fields(document, "$", _DEEPEST, None):
                if path not in places and len(places) >= MOST_FIELDS:
                    self.left_out += 1
                    break
                found = places.setdefault(path, _Field())
                found.types.add(kind)
                found.index = index
        except (ValueError, RecursionError):
            self.unreadable += 1
        if places:
            self._topics[topic] = places

    def metrics(self, edge: EdgeNodeId, device: str | None, metrics: Iterable[Metric]) -> None:
        """What an edge node or a device publishes."""
        topic = data_topic(edge, device)
        for metric in metrics:
            if not metric.name or metric.datatype not in BASIC:
                continue
            if len(self._metrics) >= MOST_FOUND:
                self.left_out += 1
                return
            self._metrics[topic, metric.name] = None

    def entries(self) -> list[Entry]:
        """As the facet takes them, in order of topic and place; no stream id twice. What it would not take is
        left out: one odd topic must not keep anybody from selecting the rest."""
        found = [*self._values(), *self._named()]
        ids: set[str] = set()
        for entry in found:
            entry["streamId"] = _distinct(self._stream_id(entry, self._source), ids)
        return [entry for entry in found if _fits(entry)]

    def _values(self) -> Iterator[Entry]:
        for topic, places in sorted(self._topics.items()):
            for path, place in sorted(places.items()):
                kind = _one_type(place.types)
                index, form = place.index if place.index is not None else (None, stamps.ARRIVAL)
                yield {
                    "selected": False,
                    "name": None,
                    "dataFilterId": None,
                    "topic": topic,
                    "valueField": path,
                    "dataFields": None,
                    "indexField": index,
                    "indexFormat": form,
                    "dataType": kind,
                }

    def _named(self) -> Iterator[Entry]:
        for topic, name in sorted(self._metrics):
            yield {"selected": False, "name": None, "dataFilterId": None, "topic": topic, "metricName": name}


def concerns(topics: Iterable[str], edge: EdgeNodeId, device: str | None) -> bool:
    """Whether a query means this edge node or device: `#`, whole data topics, or `group/edge[/device]`."""
    parts = (edge.group, edge.edge, *([] if device is None else [device]))
    short, long = "/".join(parts), data_topic(edge, device)
    return any(matches(asked, short) or matches(asked, long) for asked in topics)


def _document(payload: bytes) -> Any:
    if len(payload) > LARGEST:
        raise ValueError("too large")
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        text = payload.decode()
        if not text.isprintable():
            raise ValueError("no text") from None
        return text


def _fields(
    value: Any, path: str, depth: int, index: tuple[str, str | None] | None
) -> Iterator[tuple[str, str, tuple[str, str | None] | None]]:
    """Every value in a payload: where it stands, its type, and where its time does."""
    if isinstance(value, dict):
        index = _index_of(value, path) or index
        inside = [(path + json_paths.step(name), each) for name, each in value.items() if name.isprintable()]
    elif isinstance(value, list):
        inside = [(f"{path}[{number}]", each) for number, each in enumerate(value[:_ENTRIES])]
    else:
        own = None if index is not None and index[0] == path else index
        yield path, _type_of(value), own
        return
    if depth:
        for place, each in inside:
            yield from _fields(each, place, depth - 1, index)


def _index_of(fields: dict[str, Any], path: str) -> tuple[str, str | None] | None:
    """The field of an object that looks like the time of the others, and its format."""
    for name, value in fields.items():
        if len(fields) == 1 or not _TIME_NAME.fullmatch(name):
            continue
        where = path + json_paths.step(name)
        if isinstance(value, str) and _ISO_TIME.match(value):
            return where, None
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            if int(value) in _SECONDS:
                return where, "UnixTimeSeconds"
            if int(value) in _MILLISECONDS:
                return where, "UnixTimeMilliseconds"
    return None


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Int64" if value < 2**63 else "UInt64"
    return "Float64" if isinstance(value, float) else "" if value is None else "String"


def _one_type(types: set[str]) -> str:
    """The type that holds all that was seen; null says nothing."""
    kinds = types - {""}
    if len(kinds) == 1:
        return next(iter(kinds))
    return "Float64" if kinds and kinds <= {"Int64", "UInt64", "Float64"} else "String"


def _fits(entry: Entry) -> bool:
    shape = streams.SparkplugSelection if "metricName" in entry else streams.Selection
    try:
        shape.model_validate(entry)
    except ValueError:
        return False
    return True


def _distinct(wanted: str, ids: set[str]) -> str:
    name, number = wanted or "stream", 2
    while name.casefold() in ids:
        name, number = f"{wanted or 'stream'} ({number})", number + 1
    ids.add(name.casefold())
    return name
