"""Data selection: what of a message becomes which stream. Pure, and nothing that comes in can raise.

`Selection.of` reads an entry of the facet dataSelection, once and strictly; `events` takes a payload of an
MQTT component, `metric_event` a metric of a Sparkplug one. What can't be used is told with the stream
that it was meant for and a reason, to be counted.

A selection whose topic has wildcards is as many streams as there are topics, if its stream id holds the
topic filter (as the default one does): the topic that a message came on stands in its place. Any other
stream id is one stream for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import orjson

from hmi.adapter.facets import streams
from hmi.adapter.selection import conversions, json_paths, stamps
from hmi.adapter.selection.conversions import DATA_TYPES, Convert, conversion
from hmi.adapter.selection.data_filters import DataFilter
from hmi.adapter.selection.json_paths import JsonPath
from hmi.adapter.selection.stamps import Stamp
from sparkplug import DataType, Metric, Value
from sparkplug.datatypes import BASIC

LARGEST = 1_000_000
"""Bytes of a payload that is looked at: reading a larger one would keep the node from its other duties."""
LARGEST_FOR_SEARCH = 65_536
"""The same for paths that search (`..`, filters) instead of leading to a place."""


class Event(NamedTuple):
    """One value of one stream. `timestamp` in ms since 1970 UTC; `datatype` Sparkplug's."""

    stream: str
    value: Value
    timestamp: int
    datatype: DataType


class Unusable(NamedTuple):
    """What could have been a value of this stream, and why it is none. `plain` is the reason without
    anything that stood in the payload."""

    stream: str
    reason: str
    plain: str


class _Unfit(ValueError):
    """What stands in a payload is of no use; the text of the error may hold some of it."""

    def __init__(self, said: str, plain: str) -> None:
        super().__init__(said)
        self.plain = plain


class Taken(NamedTuple):
    """What a message has brought."""

    events: list[Event]
    unusable: list[Unusable]


class Payload:
    """A message's content, read as JSON at most once for however many selections there are."""

    __slots__ = ("_document", "_fault", "_read", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._read, self._document, self._fault = False, None, ""

    def document(self) -> Any:
        """Raises ValueError: no JSON, or too much of it."""
        if not self._read:
            self._read = True
            try:
                if len(self.raw) > LARGEST:
                    raise ValueError(f"has more than {LARGEST} bytes")
                self._document = orjson.loads(self.raw)
            except ValueError as error:
                told = str(error) if len(self.raw) > LARGEST else "is no JSON"
                self._fault = f"the payload {told}"
        if self._fault:
            raise ValueError(self._fault)
        return self._document

    def whole(self, datatype: DataType) -> Any:
        """The payload as one value: what it says in JSON, or its text where it says nothing there.

        Raises ValueError.
        """
        try:
            document = self.document()
        except ValueError:
            if len(self.raw) > LARGEST:
                raise
            return self._text()
        # A text that was sent for its own sake is not rewritten, however much it looks like JSON.
        written = datatype is DataType.String and not isinstance(document, str)
        return self._text() if written else document

    def _text(self) -> str:
        try:
            return self.raw.decode()
        except UnicodeDecodeError:
            raise ValueError("the payload is no text") from None


@dataclass(frozen=True, slots=True)
class Selection:
    """One selected stream, ready to use. `stream` is its id with the prefix; `part`s are fields of it.

    `parts` are (name, path, conversion): one without a name for `valueField`, several for `dataFields`. For a
    Sparkplug stream there are none, and `metric` is its name. `stamp` None means the time of arrival.
    """

    stream: str
    topic: str
    datatype: DataType
    parts: tuple[tuple[str, JsonPath, Convert], ...] = ()
    index: JsonPath | None = None
    stamp: Stamp | None = None
    filter: DataFilter | None = None
    metric: str = ""
    label: str = ""

    @classmethod
    def of(
        cls,
        item: Mapping[str, Any],
        filter_item: Mapping[str, Any] | None = None,
        *,
        prefix: str | None = None,
        time_zone: str | None = None,
    ) -> Self:
        """From an entry of dataSelection in its kept form, its data filter, and two of the data source.

        `prefix` goes before the stream id; None stands for the component's own folder, and adds nothing.
        Raises ValueError, naming the property.
        """
        common: dict[str, Any] = {
            "stream": f"{prefix or ''}{item['streamId']}",
            "topic": item["topic"],
            "filter": None if filter_item is None else DataFilter.of(filter_item),
            "label": item.get("name") or "",
        }
        if "metricName" in item:
            return cls(**common, datatype=DataType.Unknown, metric=item["metricName"])
        zone = _named("timeZone", stamps.zone_of, time_zone)
        datatype = DATA_TYPES[item["dataType"]]
        convert = conversion(datatype, zone)
        fields = item.get("dataFields") or {"": item["valueField"]}
        parts = [
            (name, _named("valueField", json_paths.read, path), convert) for name, path in fields.items()
        ]
        index, form = item.get("indexField"), item.get("indexFormat")
        arrival = index is None or stamps.is_arrival(form)
        return cls(
            **common,
            datatype=datatype,
            parts=tuple(parts),
            index=None if arrival else _named("indexField", json_paths.read, index),
            stamp=None if arrival else _named("indexFormat", lambda text: stamps.stamp(text, zone), form),
        )

    @property
    def wild(self) -> bool:
        """Whether its topic has wildcards."""
        return "+" in self.topic or "#" in self.topic

    def stream_at(self, topic: str) -> str:
        """The stream id for messages on this topic. Raises ValueError when that can be none."""
        if not self.wild:
            return self.stream
        written, given = _written(self.topic), _written(topic)
        if written not in self.stream:
            return self.stream
        found = self.stream.replace(written, given, 1)
        if fault := streams.stream_id_fault(found):
            raise ValueError(f"the topic {topic[:80]!r} makes a stream id that {fault}")
        return found

    def outlets(self, stream: str) -> tuple[str, ...]:
        """The streams of this selection for a stream id: itself, or one for each of its fields."""
        return tuple(f"{stream}/{name}" if name else stream for name, _, _ in self.parts) or (stream,)


def events(selection: Selection, topic: str, payload: Payload, arrived: int) -> Taken:
    """The values in a message that came on `topic` at `arrived` (ms), and what was no value."""
    try:
        stream = selection.stream_at(topic)
    except ValueError as error:
        return Taken([], [_unusable(selection.stream, str(error))])
    try:
        return Taken(_events(selection, stream, payload, arrived), [])
    except _Unfit as error:
        return Taken([], [Unusable(stream, str(error), error.plain)])
    except (ValueError, RecursionError) as error:
        return Taken([], [_unusable(stream, str(error) or "the payload is nested too deeply")])


def metric_event(selection: Selection, metric: Metric, arrived: int) -> Taken:
    """The value of a Sparkplug stream: its metric, as its edge node or device sent it."""
    if metric.datatype not in BASIC:
        why = f"a metric of type {metric.datatype.name} cannot be a stream"
        return Taken([], [_unusable(selection.stream, why)])
    told = metric.timestamp
    at = told if told is not None and 0 <= told <= stamps.LATEST else arrived
    return Taken([Event(selection.stream, metric.value, at, stream_type(metric.datatype))], [])


def stream_type(datatype: DataType) -> DataType:
    """The type of the stream that a metric of this type becomes."""
    return {DataType.Text: DataType.String, DataType.DateTime: DataType.UInt64}.get(datatype, datatype)


def selections(component: Mapping[str, Any], fault: Callable[[str, str], None]) -> tuple[Selection, ...]:
    """The selected streams of a component (its facets by name), those that can be read.

    `fault(stream id, reason)` is told of the others: what was valid where it was written need not be here,
    after another version of the program or of the time zones.
    """
    source = component.get("dataSource") or {}
    filters = {each["id"].casefold(): each for each in component.get("dataFilters") or ()}
    found = []
    for item in component.get("dataSelection") or ():
        if not item["selected"]:
            continue
        wanted = filters.get((item.get("dataFilterId") or "").casefold())
        prefix, zone = source.get("streamIdPrefix"), source.get("timeZone")
        try:
            found.append(Selection.of(item, wanted, prefix=prefix, time_zone=zone))
        except (ValueError, KeyError) as error:
            fault(item["streamId"], str(error))
    return tuple(found)


def _unusable(stream: str, why: str) -> Unusable:
    return Unusable(stream, why, why)


def _written(topic: str) -> str:
    """A topic as it stands in a stream id."""
    return streams.default_stream_id({"topic": topic, "valueField": "", "dataFields": None}, "{Topic}")


def _events(selection: Selection, stream: str, payload: Payload, arrived: int) -> list[Event]:
    found = [
        (name, _found(path, selection.datatype, payload), convert) for name, path, convert in selection.parts
    ]
    count = len(found[0][1])
    if any(len(values) != count for _, values, _ in found):
        raise ValueError("the fields do not come equally often")
    times = _times(selection, payload, arrived, count)
    made = []
    for name, values, convert in found:
        outlet = f"{stream}/{name}" if name else stream
        try:
            for value, at in zip(values, times, strict=True):
                made.append(Event(outlet, conversions.field(name, convert(value)), at, selection.datatype))
        except ValueError as error:
            raise _Unfit(str(error), f"what came is no value for {selection.datatype.name}") from None
    return made


def _found(path: JsonPath, datatype: DataType, payload: Payload) -> list[Any]:
    if path.whole:
        return [payload.whole(datatype)]
    if path.deep and len(payload.raw) > LARGEST_FOR_SEARCH:
        raise ValueError(f"the payload has more than {LARGEST_FOR_SEARCH} bytes, too many for {path.text}")
    document = payload.document()
    try:
        found = path.find(document)
    except ValueError as error:
        raise _Unfit(str(error), f"{path.text} cannot be followed") from None
    if not found:
        raise ValueError(f"the payload has no {path.text}")
    return found


def _times(selection: Selection, payload: Payload, arrived: int, count: int) -> list[int]:
    if selection.index is None or selection.stamp is None:
        if count > 1:
            raise ValueError(f"{count} values came at once, and no indexField says when each was")
        return [arrived]
    raw = _found(selection.index, DataType.String, payload)
    if len(raw) != count:
        raise ValueError(f"there are {count} values and {len(raw)} times")
    try:
        return [selection.stamp(each) for each in raw]
    except ValueError as error:
        raise _Unfit(str(error), f"what came as a time at {selection.index.text} is none") from None


def _named(name: str, read: Callable[[Any], Any], text: Any) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
