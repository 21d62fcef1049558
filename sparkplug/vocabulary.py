"""The metrics an edge node has declared in its births, and the translation to and from them.

A metric that is not in the birth may never appear in DATA (specification 5.16), and a command can only
mean a metric of the birth. One bad value never keeps a node from being born: it goes out as null with quality
BAD, and a Problem says so. Template definitions belong to the NBIRTH, and every instance keeps to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkplug.coercion import coerce, from_wire
from sparkplug.datatypes import DataType
from sparkplug.effects import Problem
from sparkplug.metric import BAD, Metric, Template
from sparkplug.templates import Definitions, Report, definitions_in

BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
NEXT_SERVER = "Node Control/Next Server"
# Never with an alias (specification 5.17), and ours alone to declare.
RESERVED = frozenset({BD_SEQ, REBIRTH, NEXT_SERVER})


class Declared(NamedTuple):
    """is_definition: of a template; no DATA and no command can mean it."""

    datatype: DataType
    alias: int | None
    is_definition: bool = False


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
        self._definitions = Definitions()
        self._folded: dict[str, str] = {}

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
        metrics = tuple(metrics)
        if device is None:
            self._define(metrics, wall, told)
        elif (twin := self._folded.setdefault(device.casefold(), device)) != device:
            told.problems.append(Problem("case", f"devices {twin!r} and {device!r} differ only by case"))
        folded: dict[str, str] = {}
        for metric in metrics:
            name = metric.name
            if fault := _undeclarable(metric, device, words):
                told.problems.append(Problem("birth", f"left out of the birth: {name!r}, {fault}"))
                continue
            assert name is not None
            twin = folded.setdefault(name.casefold(), name)
            if twin != name:
                told.problems.append(Problem("case", f"{twin!r} and {name!r} differ only by case"))
            words[name] = Declared(metric.datatype, self._alias(device, name), _is_definition(metric))
            metric = metric._replace(alias=words[name].alias)
            strangers: list[str] = []
            told.metrics.append(self._sendable(metric, wall, told.problems, strangers, whole=True))
            if strangers:
                told.problems.append(Problem("birth", f"not in the template: {', '.join(strangers[:5])}"))
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
            if word.is_definition:
                told.problems.append(Problem("value", f"{metric.name}: a template's definition is no data"))
                continue
            before = len(told.strangers)
            metric = metric._replace(datatype=word.datatype, alias=word.alias)
            metric = self._sendable(metric, wall, told.problems, told.strangers, whole=False)
            if (
                len(told.strangers) > before
                and isinstance(metric.value, Template)
                and not metric.value.metrics
            ):
                continue  # nothing is left of it; the birth that the strangers ask for brings it whole
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
            if word is None or word.is_definition:
                heard.strangers.append(repr(metric.alias if metric.name is None else metric.name))
                continue
            try:
                heard.metrics.append(self._written(metric._replace(name=name), word.datatype))
            except ValueError as error:
                heard.problems.append(Problem("command", f"{name}: {error}"))
        return heard

    # --- inside

    def _define(self, metrics: Iterable[Metric], wall: int, told: Translation) -> None:
        self._definitions, faults = Definitions(definitions_in(metrics)).sound(wall)
        if faults:
            told.problems.append(Problem("birth", f"templates: {'; '.join(faults[:5])[:300]}"))

    def _alias(self, device: str | None, name: str) -> int | None:
        if not self._use_aliases or name in RESERVED:
            return None
        alias, self._next_alias = self._next_alias, self._next_alias + 1
        self._names[device, alias] = name
        return alias

    def _sendable(
        self, metric: Metric, wall: int, problems: list[Problem], strangers: list[str], *, whole: bool
    ) -> Metric:
        """With a timestamp, and a value that the datatype, and of an instance the template, can hold."""
        stamp = metric.timestamp
        if stamp is None or not 0 <= stamp < 2**64:
            stamp = wall
        metric = metric._replace(timestamp=stamp)
        if _is_definition(metric):
            return metric._replace(value=self._definitions.get(metric.name))
        try:
            if metric.datatype is not DataType.Template or metric.value is None:
                return metric._replace(value=coerce(metric.datatype, metric.value))
            report = Report(strangers)
            path = metric.name or ""
            instance = self._definitions.fitted(path, metric.value, stamp, report, whole=whole)
            problems += [Problem("value", fault) for fault in report.faults]
            return metric._replace(value=instance)
        except ValueError as error:
            problems.append(Problem("value", f"{metric.name}: {error}"))
            return metric._replace(value=None, quality=BAD)

    def _written(self, metric: Metric, datatype: DataType) -> Metric:
        """A commanded metric as the birth's datatype. A value that does not fit is refused, never bent."""
        if metric.quality == BAD:
            raise ValueError("the value cannot be read")
        value = metric.value
        if datatype is DataType.Template:
            if not isinstance(value, Template):
                raise ValueError("no instance of a template")
            report = Report()
            value = self._definitions.read(metric.name or "", value, metric.timestamp or 0, report)
            if report.faults or report.strangers or value.is_definition:
                raise ValueError("; ".join([*report.faults, *report.strangers][:5]) or "a definition")
            return metric._replace(datatype=datatype, value=value)
        if metric.datatype is DataType.Unknown:
            value = from_wire(datatype, value)
        return metric._replace(datatype=datatype, value=coerce(datatype, value))


def _timestamp(metric: Metric) -> int:
    # Values must be listed in time order (specification 5.16); the sort is stable.
    return metric.timestamp or 0


def _is_definition(metric: Metric) -> bool:
    return isinstance(metric.value, Template) and metric.value.is_definition


def _undeclarable(metric: Metric, device: str | None, words: Mapping[str, Declared]) -> str | None:
    """Why a metric cannot be in a birth."""
    if not metric.name:
        return "without a name"
    try:
        metric.name.encode()
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    if metric.name in words:
        return "twice"
    if metric.datatype in (DataType.Unknown, DataType.PropertySet, DataType.PropertySetList):
        return f"datatype {metric.datatype.name}"
    if _is_definition(metric) and (device is not None or metric.datatype is not DataType.Template):
        return "a template's definition belongs to the NBIRTH"
    return None
