"""What the Sparkplug host session reports becomes tags: provider `[MQTT Engine]`.

    Edge Nodes/<group>/<edge>/<metric>, .../<device>/<metric>      what the edge node publishes
    Edge Nodes/<group>/<edge>/Node Info/...                        what this host knows of the edge node
    Edge Nodes/<group>/<edge>/<device>/Device Info/...             ... and of its device
    Engine Info/...                                                what it knows of itself

A template instance is a folder with its members in it, and its parameters in a folder of theirs.

A value that nobody vouches for any longer stays and turns stale. Values of devices go to history under
their own timestamp; those marked historical go nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from hmi.history.writer import Sample
from hmi.tags import path as paths
from hmi.tags.value import Quality, quality_of
from hmi.worker.image import TagImage
from sparkplug import DataType, EdgeNodeId, Metric, Template, Value

EDGE_NODES = "Edge Nodes"
SERVERS = "[MQTT Engine]Engine Info/MQTT Clients"
_NODE_INFO, _DEVICE_INFO = "Node Info", "Device Info"
# Beyond this a timestamp is no time, and JavaScript could not carry it.
_LATEST = 2**53
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


class Leaf(NamedTuple):
    """One value of a metric: the metric itself, or a member or parameter of a template instance."""

    metric: Metric  # under its whole name, "Motor 1/Speed"
    root: str
    levels: tuple[Level, ...] = ()
    fixed: bool = False


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
        )
        levels = (*above, (member.name or "", reference))
        if isinstance(member.value, Template):
            yield from _members(root, told, member.value, levels)
        else:
            yield Leaf(told, root, levels)
    for name, datatype, value in instance.parameters:
        told = whole._replace(name=f"{whole.name}/Parameters/{name}", datatype=datatype, value=value)
        yield Leaf(told, root, above, fixed=True)


class EngineTags:
    """Keeps the engine's part of the image. Lives on the runtime's loop."""

    def __init__(
        self,
        image: TagImage,
        keep: Callable[[Sample], None],
        wall: Callable[[], int],
        trouble: Callable[[str, str], None],
    ) -> None:
        self._image, self._keep, self._wall, self._trouble = image, keep, wall, trouble
        self._bindings: dict[str, Binding] = {}
        self._paths: dict[tuple[EdgeNodeId, str | None], dict[str, str]] = {}
        self._info: set[str] = set()
        self.messages = 0

    def binding(self, path: str) -> Binding | None:
        """The metric at a path; None for what is only said by this host."""
        return self._bindings.get(path)

    def servers(self, names: Iterable[str]) -> None:
        """The servers of the set are now these. One that was not there before counts as offline."""
        wanted = {paths.join(paths.ENGINE, "Engine Info/MQTT Clients", name, "Online") for name in names}
        for path in list(self._image.under(SERVERS)):
            if path not in wanted:
                self._image.remove(path)
        for path in wanted:
            if path not in self._image:
                self._image.put(path, False, self._wall(), DataType.Boolean.name)

    # -- facts, as redundancy.ports.Sink has them

    def server(self, name: str, online: bool) -> None:
        path = paths.join(paths.ENGINE, "Engine Info/MQTT Clients", name, "Online")
        self._image.put(path, online, self._wall(), DataType.Boolean.name)

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None:
        folder = node_folder(edge)
        self._tell(f"{folder}/{_NODE_INFO}/Online", True, at, DataType.Boolean)
        self._tell(f"{folder}/{_NODE_INFO}/Current Server", server, at, DataType.String)
        self._tell(f"{folder}/{_NODE_INFO}/Online DateTime", at, at, DataType.DateTime)
        self._born(edge, None, metrics, at)

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None:
        folder = f"{node_folder(edge)}/{device}/{_DEVICE_INFO}"
        self._tell(f"{folder}/Online", True, at, DataType.Boolean)
        self._born(edge, device, metrics, at)

    def values(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None:
        self.messages += 1
        known = self._paths.setdefault((edge, device), {})
        for metric in metrics:
            for leaf in leaves(metric):
                path = known.get(leaf.metric.name or "") or self._bind(edge, device, leaf)
                if path:
                    self._take(path, device, leaf.metric, at)

    def node_stale(self, edge: EdgeNodeId, at: int) -> None:
        folder = node_folder(edge)
        self._tell(f"{folder}/{_NODE_INFO}/Online", False, at, DataType.Boolean)
        self._tell(f"{folder}/{_NODE_INFO}/Offline DateTime", at, at, DataType.DateTime)
        for owner, device in list(self._paths):
            if owner == edge:
                self._stale(edge, device, at)

    def device_stale(self, edge: EdgeNodeId, device: str, at: int) -> None:
        self._stale(edge, device, at)

    def node_online(self, edge: EdgeNodeId, online: bool, server: str | None, at: int) -> None:
        folder = f"{node_folder(edge)}/{_NODE_INFO}"
        self._tell(f"{folder}/Online", online, at, DataType.Boolean)
        if server:
            self._tell(f"{folder}/Current Server", server, at, DataType.String)

    # -- inside

    def _born(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None:
        self.messages += 1
        before = self._paths.get((edge, device), {})
        self._paths[edge, device] = {}
        for metric in metrics:
            for leaf in leaves(metric):
                path = self._bind(edge, device, leaf)
                if path:
                    self._take(path, device, leaf.metric, at)
        # A metric that a later birth leaves out is no longer spoken for; its last value stays.
        now = self._paths[edge, device].values()
        for path in set(before.values()) - set(now):
            self._image.stale(path, at)
            self._bindings.pop(path, None)

    def _bind(self, edge: EdgeNodeId, device: str | None, leaf: Leaf) -> str | None:
        """The path of a value seen for the first time since the birth; None when it can have none."""
        name = leaf.metric.name or ""
        folder = node_folder(edge) if device is None else f"{node_folder(edge)}/{device}"
        path = folder + "".join(f"/{part}" for part in name.split("/") if part)
        held = self._bindings.get(path)
        # Two metrics can collide ("A" and "A/"), and a device could be called "Node Info".
        bound = Binding(edge, device, leaf.root, leaf.metric.datatype, leaf.levels, leaf.fixed)
        clash = held is not None and held._replace(datatype=bound.datatype) != bound
        if path == folder or path in self._info or clash or len(path) > paths.LONGEST:
            self._trouble("metric-name", f"{edge}/{device or ''}: {name[:80]!r} cannot be a tag")
            return None
        self._bindings[path] = bound
        self._paths.setdefault((edge, device), {})[name] = path
        return path

    def _take(self, path: str, device: str | None, metric: Metric, at: int) -> None:
        told = metric.timestamp
        timestamp = told if told is not None and 0 <= told <= _LATEST else at
        quality = quality_of(metric.quality)
        if not metric.is_historical:
            self._image.put(path, metric.value, timestamp, metric.datatype.name, quality)
        if device is not None and not metric.is_transient:
            self._keep(Sample(path, timestamp, metric.value, quality, metric.datatype.name))

    def _stale(self, edge: EdgeNodeId, device: str | None, at: int) -> None:
        for path in self._paths.get((edge, device), {}).values():
            self._image.stale(path, at)
        if device is not None:
            online = f"{node_folder(edge)}/{device}/{_DEVICE_INFO}/Online"
            self._tell(online, False, at, DataType.Boolean)

    def _tell(self, path: str, value: Value, at: int, datatype: DataType) -> None:
        """Something this host says itself: no metric may take its place."""
        if path not in self._info:
            self._info.add(path)
            self._bindings.pop(path, None)
        self._image.put(path, value, at, datatype.name, Quality.GOOD)


def node_folder(edge: EdgeNodeId) -> str:
    """`[MQTT Engine]Edge Nodes/<group>/<edge>`."""
    return f"[{paths.ENGINE}]{EDGE_NODES}/{edge.group}/{edge.edge}"
