"""The picture of the plant: who is there, in which state, and which edge is on which broker.

Made from the worker's overview (hmi.worker.desk.overview) and the configured servers. Pure but for the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hmi.gateways.models import Server
from hmi.live.condition import look

_DOWN = "Disconnected"


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT server in the picture. `wire` is what edges' wires name it by."""

    name: str
    online: bool | None
    wire: str


@dataclass(frozen=True, slots=True)
class NodeBox:
    """One node. `look` is the chip's (hmi.live.condition.look)."""

    name: str
    role: str
    state: str
    look: str
    epoch: int | None = None
    url: str = ""
    here: bool = False
    brokers: tuple[Broker, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeBox:
    """An edge node with the two nodes behind it. `nodes` is empty where it says nothing of them."""

    name: str
    group: str
    online: bool
    server: str
    wire: str
    why: str
    nodes: tuple[NodeBox, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """`hosts`: this gateway hears edges and shows them; otherwise it is an edge and shows its servers."""

    gateway: str
    nodes: tuple[NodeBox, ...]
    edges: tuple[EdgeBox, ...] = ()
    servers: tuple[Broker, ...] = ()
    hosts: bool = True
    own_edges: tuple[EdgeBox, ...] = field(default=())

    @property
    def online(self) -> int:
        return sum(edge.online for edge in self.edges)


def targets() -> dict[str, str]:
    """Server name -> `own`, `peer` or `address`."""
    return dict(Server.objects.values_list("name", "target"))


def picture(overview: Mapping[str, Any], target: Mapping[str, str]) -> Picture:
    """The picture from the worker's overview; `target` says whose broker a server is."""
    servers = {str(each["name"]): bool(each["online"]) for each in overview.get("servers", ())}
    told = overview.get("nodes", ())
    at_node = any(target.get(name) in ("own", "peer") for name in servers)
    nodes = tuple(_node(each, overview, servers if at_node else {}, target) for each in told)
    edges = tuple(_edge(each) for each in overview.get("edges", ()))
    loose = tuple(
        Broker(name, online, name)
        for name, online in servers.items()
        if target.get(name) not in ("own", "peer")
    )
    if at_node:
        return Picture(str(overview.get("gateway", "")), nodes, edges=edges, servers=loose)
    hosts = any(edge.nodes for edge in edges) and not _is_own(edges, nodes)
    if hosts:
        return Picture(str(overview.get("gateway", "")), nodes, edges=edges, servers=loose)
    reached = {edge.server for edge in edges if edge.online}
    # An edge node is on one server at a time: of the others it knows nothing, good or bad.
    known = tuple(Broker(each.name, True if each.name in reached else None, each.wire) for each in loose)
    return Picture(str(overview.get("gateway", "")), nodes, servers=known, hosts=False, own_edges=edges)


def _is_own(edges: Sequence[EdgeBox], nodes: Sequence[NodeBox]) -> bool:
    names = {node.name for node in nodes}
    return any(node.name in names for edge in edges for node in edge.nodes)


def _node(
    told: Mapping[str, Any],
    overview: Mapping[str, Any],
    servers: Mapping[str, bool],
    target: Mapping[str, str],
) -> NodeBox:
    here = bool(told.get("self"))
    whose = "own" if here else "peer"
    down = not told.get("connected", True)
    brokers = tuple(
        Broker(name, online, name) for name, online in servers.items() if target.get(name) == whose
    )
    state = "Down" if down else str(told.get("state") or "Unknown")
    epoch = overview.get("epoch") if state == "Active" else None
    return NodeBox(
        str(told.get("node", "")),
        str(told.get("role", "")),
        state,
        "down" if down else look(state),
        epoch,
        str(told.get("url") or ""),
        here,
        brokers,
    )


def _edge(told: Mapping[str, Any]) -> EdgeBox:
    online, server = bool(told.get("online")), str(told.get("server") or "")
    return EdgeBox(
        name=str(told.get("edge", "")),
        group=str(told.get("group", "")),
        online=online,
        server=server if online else "",
        wire=server if online else "",
        why=str(told.get("why") or ""),
        nodes=_pair(told.get("redundancy") or {}, online),
    )


def _pair(told: Mapping[str, Any], online: bool) -> tuple[NodeBox, ...]:
    """What the edge pair publishes of itself; from the moment the edge is gone nobody knows."""
    if not told.get("node"):
        return ()
    role = str(told.get("role") or "")
    speaker = _told_node(str(told["node"]), role, str(told.get("state") or ""), online)
    if not told.get("peer_node"):
        return (speaker,)
    other_role = {"Master": "Backup", "Backup": "Master"}.get(role, "")
    other = _told_node(str(told["peer_node"]), other_role, str(told.get("peer_state") or ""), online)
    return tuple(sorted((speaker, other), key=lambda node: node.role != "Master"))


def _told_node(name: str, role: str, state: str, online: bool) -> NodeBox:
    if not online:
        return NodeBox(name, role, "Unknown", "unknown")
    down = state in ("", _DOWN)
    return NodeBox(name, role, "Down" if down else state, "down" if down else look(state))
