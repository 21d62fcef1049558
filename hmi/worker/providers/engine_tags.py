"""What the Sparkplug host session reports becomes tags: provider `[MQTT Engine]`.

    Edge Nodes/<group>/<edge>/<metric>, .../<device>/<metric>      what the edge node publishes
    Edge Nodes/<group>/<edge>/Node Info/...                        what this host knows of the edge node
    Edge Nodes/<group>/<edge>/<device>/Device Info/...             ... and of its device
    Engine Info/...                                                what it knows of itself

A template instance is a folder with its members in it, and its parameters in a folder of theirs. What its
definition looks like is under `_types_` (template_types.py).

A value that nobody vouches for any longer stays and turns stale. Values of devices go to history under
their own timestamp; those marked historical go nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hmi.history.writer import Sample
from hmi.tags import path as paths
from hmi.tags.about import told
from hmi.tags.value import Quality, quality_of
from hmi.worker.providers.bindings import Binding, Key, Leaf, leaves
from hmi.worker.providers.image import TagImage
from hmi.worker.providers.template_types import TemplateTypes
from sparkplug import DataType, EdgeNodeId, Metric, Properties, Value

EDGE_NODES = "Edge Nodes"
SERVERS = "[MQTT Engine]Engine Info/MQTT Clients"
_NODE_INFO, _DEVICE_INFO = "Node Info", "Device Info"
# Beyond this a timestamp is no time, and JavaScript could not carry it.
_LATEST = 2**53


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
        self._paths: dict[tuple[EdgeNodeId, str | None], dict[Key, str]] = {}
        self._info: set[str] = set()
        self._types = TemplateTypes(image)
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
        self._types.born(edge, metrics, at)
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
                path = known.get(leaf.key) or self._bind(edge, device, leaf)
                if path:
                    self._take(path, device, leaf.metric, at)
                    if leaf.metric.properties and not leaf.metric.is_historical:
                        said = told(leaf.metric.properties, self._image.about(path))
                        self._image.describe(path, said)

    def node_stale(self, edge: EdgeNodeId, at: int) -> None:
        folder = node_folder(edge)
        self._tell(f"{folder}/{_NODE_INFO}/Online", False, at, DataType.Boolean)
        self._tell(f"{folder}/{_NODE_INFO}/Offline DateTime", at, at, DataType.DateTime)
        self._types.stale(edge, at)
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
        # What a path stood for until now must not stand in the way of what it stands for from now on.
        for path in before.values():
            self._bindings.pop(path, None)
        for leaf in (leaf for metric in metrics for leaf in leaves(metric)):
            bound = self._bind(edge, device, leaf)
            if bound:
                self._take(bound, device, leaf.metric, at)
                self._describe(bound, edge, leaf)
        self._left_out(set(before.values()), set(self._paths[edge, device].values()), at)

    def _describe(self, path: str, edge: EdgeNodeId, leaf: Leaf) -> None:
        """A birth says everything about its metrics; a member's definition says what the member does not."""
        said: Properties = leaf.metric.properties or {}
        if leaf.levels and not leaf.fixed:
            member, definition = leaf.levels[-1]
            said = {**self._types.properties(edge, definition, member), **said}
        self._image.describe(path, told(said))

    def _left_out(self, before: set[str], now: set[str], at: int) -> None:
        """A metric that a later birth leaves out is no longer spoken for; its last value stays. One that has
        become a folder, or lay in a folder that has become a tag, is gone: it would stand for two things.
        """
        gone = before - now
        if not gone:
            return
        folders, earlier = _folders(now), _folders(before)
        for path in gone:
            if path in folders and path not in earlier:
                self._trouble("metric-shape", f"{path} was a value and is a folder of values now")
            elif any(folder in now and folder not in before for folder in _above(path)):
                self._trouble("metric-shape", f"{path} is gone: a folder above it is a value now")
            else:
                self._image.stale(path, at)
                continue
            self._image.remove(path)

    def _bind(self, edge: EdgeNodeId, device: str | None, leaf: Leaf) -> str | None:
        """The path of a value seen for the first time since the birth; None when it can have none."""
        name = leaf.metric.name or ""
        folder = node_folder(edge) if device is None else f"{node_folder(edge)}/{device}"
        path = folder + "".join(f"/{part}" for part in name.split("/") if part)
        bound = Binding(edge, device, leaf.root, leaf.metric.datatype, leaf.levels, leaf.fixed)
        why = self._unusable(path, folder, bound)
        if why:
            self._trouble("metric-name", f"{edge}/{device or ''}: {name[:80]!r} cannot be a tag: {why}")
            return None
        self._bindings[path] = bound
        self._paths.setdefault((edge, device), {})[leaf.key] = path
        return path

    def _unusable(self, path: str, folder: str, bound: Binding) -> str:
        """Why the path can't stand for this metric, "" if it can."""
        if path == folder:
            return "it has no name"
        if len(path) > paths.LONGEST:
            return f"its path is longer than {paths.LONGEST} characters"
        if path in self._info:
            return "this host speaks of the edge node under that name"
        held = self._bindings.get(path)
        # Two metrics can collide ("A" and "A/", or "M/Speed" and the member Speed of M).
        if held is not None and held._replace(datatype=bound.datatype) != bound:
            return f"the metric {held.name[:80]!r} of {held.device or 'the edge node'} is there already"
        return ""

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


def _folders(of: Iterable[str]) -> set[str]:
    return {folder for path in of for folder in _above(path)}


def _above(path: str) -> Iterable[str]:
    """The folders that a path lies in."""
    folder = paths.parent(path)
    while folder is not None:
        yield folder
        folder = paths.parent(folder)
