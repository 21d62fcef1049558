"""The metrics an edge node has declared in its births, and the translation to and from them.

A metric that is not in the birth may never appear in DATA (specification 5.16), and a command can only
mean a metric of the birth. One bad value never keeps a node from being born: it goes out as null with quality
BAD, and a Problem says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkplug.datatypes import DataType, coerce, from_wire
from sparkplug.effects import Problem
from sparkplug.metric import BAD, Metric

BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
NEXT_SERVER = "Node Control/Next Server"
# Never with an alias (specification 5.17), and ours alone to declare.
RESERVED = frozenset({BD_SEQ, REBIRTH, NEXT_SERVER})


class Declared(NamedTuple):
    datatype: DataType
    alias: int | None


@dataclass(slots=True)
class Translation:
    """metrics: what is left; strangers: names or aliases that no birth has; problems: what was wrong."""

    metrics: list[Metric] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Vocabulary:
    """One sequence of births. Aliases count over the node and all its devices (specification 6.4.6)."""

    def __init__(self, use_aliases: bool) -> None:
        self._use_aliases = use_aliases
        self._declared: dict[str | None, dict[str, Declared]] = {}
        self._names: dict[tuple[str | None, int], str] = {}
        self._next_alias = 0

    def has(self, device: str | None) -> bool:
        return device in self._declared

    def forget(self, device: str) -> None:
        """A dead device: its words mean nothing until it is born again. Aliases are not used twice."""
        self._declared.pop(device, None)

    def declare(self, device: str | None, metrics: Iterable[Metric], wall: int) -> Translation:
        """The metrics of a birth, replacing what was declared for `device`."""
        words: dict[str, Declared] = {}
        told = Translation()
        self._declared[device] = words
        for metric in metrics:
            if not metric.name or metric.name in words or metric.datatype is DataType.Unknown:
                told.problems.append(
                    Problem("birth", f"left out of the birth: {metric.name!r}, {metric.datatype.name}")
                )
                continue
            alias = None
            if self._use_aliases and metric.name not in RESERVED:
                alias, self._next_alias = self._next_alias, self._next_alias + 1
                self._names[device, alias] = metric.name
            words[metric.name] = Declared(metric.datatype, alias)
            told.metrics.append(_sendable(metric._replace(alias=alias), wall, told.problems))
        told.metrics.sort(key=_timestamp)
        return told

    def speak(self, device: str | None, metrics: Sequence[Metric], wall: int) -> Translation:
        """The metrics of a DATA message: by alias where there is one, with the birth's datatype."""
        words = self._declared[device]
        told = Translation()
        for metric in metrics:
            word = words.get(metric.name or "")
            if word is None:
                told.strangers.append(str(metric.name))
                continue
            metric = _sendable(metric._replace(datatype=word.datatype, alias=word.alias), wall, told.problems)
            told.metrics.append(metric if word.alias is None else metric._replace(name=None))
        told.metrics.sort(key=_timestamp)
        return told

    def understand(self, device: str | None, metrics: Iterable[Metric]) -> Translation:
        """The metrics of a command: names and datatypes of the birth, values that fit them."""
        words = self._declared[device]
        heard = Translation()
        for metric in metrics:
            name = metric.name
            if name is None and metric.alias is not None:
                name = self._names.get((device, metric.alias))
            word = None if name is None or name == BD_SEQ else words.get(name)
            if word is None:
                heard.strangers.append(repr(metric.alias if metric.name is None else metric.name))
                continue
            try:
                heard.metrics.append(_written(metric._replace(name=name), word.datatype))
            except ValueError as error:
                heard.problems.append(Problem("command", f"{name}: {error}"))
        return heard


def _timestamp(metric: Metric) -> int:
    # Values must be listed in time order (specification 5.16); the sort is stable.
    return metric.timestamp or 0


def _sendable(metric: Metric, wall: int, problems: list[Problem]) -> Metric:
    """With a timestamp, and a value that the datatype can hold."""
    stamp = metric.timestamp
    if stamp is None or not 0 <= stamp < 2**64:
        stamp = wall
    try:
        return metric._replace(timestamp=stamp, value=coerce(metric.datatype, metric.value))
    except ValueError as error:
        problems.append(Problem("value", f"{metric.name}: {error}"))
        return metric._replace(timestamp=stamp, value=None, quality=BAD)


def _written(metric: Metric, datatype: DataType) -> Metric:
    """A commanded metric as the birth's datatype. A value that does not fit is refused, never bent."""
    if metric.quality == BAD:
        raise ValueError("the value cannot be read")
    value = metric.value
    if metric.datatype is DataType.Unknown:
        value = from_wire(datatype, value)
    return metric._replace(datatype=datatype, value=coerce(datatype, value))
