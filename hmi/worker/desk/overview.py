"""The plant as one gateway sees it: its own pair, its servers, and the edge nodes it hears."""

from __future__ import annotations

from typing import Any

from hmi.tags.wire import to_wire
from hmi.worker.providers.engine_tags import node_folder
from hmi.worker.providers.image import TagImage
from redundancy.config import NodeConfig
from redundancy.ports import EdgeView, GatewayView

_REDUNDANCY = ("Node", "Role", "State", "Epoch", "Peer Node", "Peer State")


def overview(node: NodeConfig, view: GatewayView, image: TagImage) -> dict[str, Any]:
    """Shape:

    {"gateway", "epoch", "nodes": [{"node", "role", "state", "connected", "url", "self"}],
     "servers": [{"name", "online"}],
     "edges": [{"group", "edge", "online", "server", "why", "devices": {name: online},
                "redundancy": {"node", "role", "state", "epoch", "peer_node", "peer_state"}}]}

    The nodes of an edge pair are what it publishes about itself; empty texts where it publishes nothing.
    """
    return {
        "gateway": view.gateway,
        "epoch": view.epoch,
        "nodes": _nodes(node, view),
        "servers": [{"name": name, "online": online} for name, online in sorted(view.servers.items())],
        "edges": [_edge(edge, image) for _, edge in sorted(view.edges.items())],
    }


def _nodes(node: NodeConfig, view: GatewayView) -> list[dict[str, Any]]:
    own = {
        "node": view.node,
        "role": str(view.role),
        "state": str(view.state),
        "connected": True,
        "url": node.url,
        "self": True,
    }
    if view.peer is None or node.peer is None:
        return [own]
    other = {
        "node": view.peer.node,
        "role": "Backup" if str(view.role) == "Master" else "Master",
        "state": str(view.peer.state) if view.peer.connected else "Disconnected",
        "connected": view.peer.connected,
        "url": node.peer.url,
        "self": False,
    }
    return sorted([own, other], key=lambda each: each["role"] != "Master")


def _edge(edge: EdgeView, image: TagImage) -> dict[str, Any]:
    return {
        "group": edge.edge.group,
        "edge": edge.edge.edge,
        "online": edge.online,
        "server": edge.server,
        "why": edge.why,
        "devices": dict(edge.devices),
        "redundancy": {name.lower().replace(" ", "_"): _told(edge, name, image) for name in _REDUNDANCY},
    }


def _told(edge: EdgeView, name: str, image: TagImage) -> Any:
    tag = image.get(f"{node_folder(edge.edge)}/Redundancy/{name}")
    return "" if tag is None else to_wire(tag.value)
