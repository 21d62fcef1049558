"""Template definitions as tags: `[MQTT Engine]_types_/<group>/<edge>/<template>/<member>`.

Under their edge node, because two edge nodes may mean different things by one name. Nothing there can be
written: the values are those that a definition gives its members, and the type and the parameters are what
one comes to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hmi.tags import path as paths
from hmi.tags.about import told
from hmi.worker.providers.image import TagImage
from sparkplug import DataType, EdgeNodeId, Metric, Properties, Template, Value

TYPES = "_types_"


class TemplateTypes:
    """The definitions of every edge node, as its last NBIRTH had them."""

    def __init__(self, image: TagImage) -> None:
        self._image = image
        self._paths: dict[EdgeNodeId, set[str]] = {}
        self._members: dict[EdgeNodeId, dict[tuple[str, str], Properties]] = {}

    def born(self, edge: EdgeNodeId, metrics: Iterable[Metric], at: int) -> None:
        """The definitions among the metrics of an NBIRTH replace the edge node's earlier ones."""
        found: dict[str, Metric] = {}
        declared: dict[tuple[str, str], Properties] = {}
        for metric in metrics:
            if metric.name and isinstance(metric.value, Template) and metric.value.is_definition:
                for path, entry in _entries(edge, metric.name, metric.value):
                    found.setdefault(path, entry)
                for member in metric.value.metrics:
                    if member.properties:
                        declared[metric.name, member.name or ""] = member.properties
        for path in self._paths.get(edge, set()) - found.keys():
            self._image.remove(path)
        for path, entry in found.items():
            self._image.put(path, entry.value, at, entry.datatype.name)
            self._image.describe(path, told(entry.properties))
        self._paths[edge], self._members[edge] = set(found), declared

    def stale(self, edge: EdgeNodeId, at: int) -> None:
        """The edge node is gone; its definitions stay readable."""
        for path in self._paths.get(edge, ()):
            self._image.stale(path, at)

    def properties(self, edge: EdgeNodeId, definition: str, member: str) -> Properties:
        """What a definition says of one of its members."""
        return self._members.get(edge, {}).get((definition, member), {})


def _entries(edge: EdgeNodeId, name: str, definition: Template) -> Iterator[tuple[str, Metric]]:
    # Some senders name their definitions by this folder already.
    folder = (TYPES, edge.group, edge.edge, name.removeprefix(f"{TYPES}/"))
    for member in definition.metrics:
        entry = member._replace(value=_shown(member.value))
        yield from _entry(entry, *folder, member.name or "")
    for parameter in definition.parameters:
        entry = Metric(parameter.name, parameter.datatype, parameter.value)
        yield from _entry(entry, *folder, "Parameters", parameter.name)
    if not definition.metrics and not definition.parameters:
        yield from _entry(Metric(name, DataType.Template, "no members"), *folder)


def _entry(entry: Metric, *names: str) -> Iterator[tuple[str, Metric]]:
    path = paths.join(paths.ENGINE, *names)
    if names[-1].strip("/") and len(path) <= paths.LONGEST:
        yield path, entry


def _shown(value: Value) -> Value:
    """A member that is a template itself says which; that one has a folder of its own."""
    return (value.reference or "") if isinstance(value, Template) else value
