"""Which metric stands behind a tag: whole ones, and the members of template instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hmi.tags.about import inherited
from sparkplug import DataType, EdgeNodeId, Metric, Template, Value

# The node metrics that an edge node writes about itself; a host that writes them achieves nothing.
_READ_ONLY = ("Redundancy/", "Node Info/", "bdSeq")

Level = tuple[str, str]
"""A member of a template instance, and the definition of the template that it is a member of."""


class Binding(NamedTuple):
    """Which metric a path stands for. `device` is None for a metric of the edge node itself.

    levels: the way from the metric down to a member of a template instance, () for a whole metric. fixed:
    what nobody may write, whoever asks.
    """

    edge: EdgeNodeId
    device: str | None
    name: str
    datatype: DataType
    levels: tuple[Level, ...] = ()
    fixed: bool = False

    @property
    def read_only(self) -> bool:
        return self.fixed or (self.device is None and self.name.startswith(_READ_ONLY))

    def ordered(self, value: Value) -> Value:
        """What a command for the metric holds: the value, or an instance with just the one member."""
        for depth, (member, definition) in enumerate(reversed(self.levels)):
            kind = DataType.Template if depth else self.datatype
            value = Template((Metric(member, kind, value),), reference=definition)
        return value


Key = str | tuple[str, str]
"""What a value is called within its birth. A member is not the metric that has the same name."""


class Leaf(NamedTuple):
    """One value of a metric: the metric itself, or a member or parameter of a template instance."""

    metric: Metric  # under its whole name, "Motor 1/Speed"
    root: str
    levels: tuple[Level, ...] = ()
    fixed: bool = False

    @property
    def key(self) -> Key:
        if self.levels or self.fixed:
            return self.root, self.metric.name or ""
        return self.root


def leaves(metric: Metric) -> Iterator[Leaf]:
    """The values of a metric. A template definition has none: it is no value."""
    root = metric.name or ""
    if isinstance(metric.value, Template):
        if not metric.value.is_definition:
            yield from _members(root, metric, metric.value, ())
    else:
        yield Leaf(metric, root)


def _members(root: str, whole: Metric, instance: Template, above: tuple[Level, ...]) -> Iterator[Leaf]:
    reference = instance.reference or ""
    for member in instance.metrics:
        told = whole._replace(
            name=f"{whole.name}/{member.name}",
            datatype=member.datatype,
            value=member.value,
            timestamp=member.timestamp or whole.timestamp,
            quality=whole.quality if member.quality is None else member.quality,
            properties=inherited(whole.properties, member.properties),
        )
        levels = (*above, (member.name or "", reference))
        if isinstance(member.value, Template):
            yield from _members(root, told, member.value, levels)
        else:
            yield Leaf(told, root, levels)
    for name, datatype, value in instance.parameters:
        told = whole._replace(
            name=f"{whole.name}/Parameters/{name}", datatype=datatype, value=value, properties=None
        )
        yield Leaf(told, root, above, fixed=True)
