"""What a birth says, read by a host: its metrics, the words for decoding what follows, and its bdSeq.

Births come from many vendors. What is wrong in one spoils the metric that it concerns and is named in a
Problem; the rest stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sparkplug.datatypes import DataType
from sparkplug.effects import Problem
from sparkplug.metric import BAD, Metric, Payload, Template
from sparkplug.payload import LAST_TIMESTAMP
from sparkplug.templates import Definitions, Report, definitions_in
from sparkplug.topic import EdgeNodeId
from sparkplug.vocabulary import BD_SEQ

# Of a birth without one.
NO_BD_SEQ = -1


@dataclass(slots=True)
class Declaration:
    """What one birth has declared. `known` is for decoding, `aliases` for commands, `templates` for the
    members of instances, if there are any.
    """

    known: dict[int | str, tuple[str, DataType, int]] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    templates: Definitions = field(default_factory=Definitions)
    has_instances: bool = False


def bd_seq_of(payload: Payload) -> int:
    """NO_BD_SEQ if the message has none: it then matches only a birth that had none either."""
    for metric in payload.metrics:
        if metric.name == BD_SEQ and isinstance(metric.value, int) and 0 <= metric.value <= 255:
            return metric.value
    return NO_BD_SEQ


def sane(timestamp: int | None, wall: int) -> int:
    """`timestamp` (ms UTC) if a calendar can hold it, else `wall`."""
    return timestamp if timestamp is not None and 0 < timestamp <= LAST_TIMESTAMP else wall


def declaration(
    edge: EdgeNodeId, payload: Payload, stamp: int, node: Declaration | None = None
) -> tuple[tuple[Metric, ...], Declaration, list[Problem]]:
    """The metrics of a birth as they stand, what they declare, and what was wrong with them.

    node: of a device's birth, what the node's has declared: template definitions are there. Those of a
    device's birth do not belong, but are understood. A metric without a datatype stays, as BAD: without it
    each of its values would ask for a birth.
    """
    templates = Definitions(definitions_in(payload.metrics), None if node is None else node.templates)
    declared = Declaration(templates=templates)
    metrics: dict[str, Metric] = {}
    faults: list[str] = []
    for metric in payload.metrics:
        name = metric.name
        if name is None:
            faults.append("a metric without a name")
            continue
        if metric.datatype is DataType.Unknown:
            faults.append(f"{name} without a datatype")
            metric = metric._replace(value=None, quality=BAD)
        if name in metrics:
            faults.append(f"{name} twice")
            metric = metric if metric.alias is not None else metric._replace(alias=metrics[name].alias)
        metrics[name] = metric._replace(timestamp=sane(metric.timestamp, stamp))
        declared.known[name] = (name, metric.datatype, int(metric.datatype))
        declared.has_instances |= metric.datatype is DataType.Template
    templates.learn_aliases(metrics.values())
    instances = with_members(metrics.values(), templates, stamp, faults)
    faults += _declare_aliases(metrics, declared)
    problems = [Problem("birth", f"{edge}: {', '.join(faults[:5])[:300]}")] if faults else []
    return tuple(instances), declared, problems


def with_members(
    metrics: Iterable[Metric], templates: Definitions, stamp: int, faults: list[str]
) -> list[Metric]:
    """The same, with the members of template instances as their definitions have them."""
    read: list[Metric] = []
    for metric in metrics:
        if isinstance(metric.value, Template):
            report = Report()
            own = metric.timestamp or stamp
            metric = metric._replace(value=templates.read(metric.name or "", metric.value, own, report))
            faults += report.faults
            faults += [f"{stranger} is not in its template" for stranger in report.strangers]
        read.append(metric)
    return read


def _declare_aliases(metrics: Mapping[str, Metric], declared: Declaration) -> list[str]:
    shared: set[int] = set()
    for name, metric in metrics.items():
        alias = metric.alias
        if alias is None:
            continue
        if alias in declared.known:
            shared.add(alias)
        declared.known[alias] = (name, metric.datatype, int(metric.datatype))
        declared.aliases[name] = alias
    for alias in shared:
        del declared.known[alias]
    declared.aliases = {name: alias for name, alias in declared.aliases.items() if alias not in shared}
    return [f"alias {alias} for several metrics" for alias in sorted(shared)]
