"""Who is who in the tutorial's plant: six nodes, one witness, and their ports.

Everything listens on 127.0.0.1, unless the nodes have addresses of their own. A port offset shifts them
all, so that two plants fit on a machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from redundancy.config import ConfigError, Endpoint, Role

HOST = "127.0.0.1"
GROUP = "Group 1"
DEVICE = "Device 1"
HOST_ID = "Primary"
WITNESS = "witness"
_WITNESS_PORT = 8070
_HIGHEST_PORT = 8289


@dataclass(frozen=True, slots=True)
class PlantNode:
    """One node of the plant and the addresses at which it listens."""

    name: str
    gateway: str
    role: Role
    http: Endpoint
    link: Endpoint
    mqtt: Endpoint | None

    @property
    def url(self) -> str:
        return f"http://{self.http}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The plant at one port offset."""

    nodes: tuple[PlantNode, ...]
    witness: Endpoint

    def node(self, name: str) -> PlantNode:
        """The node called `name`. Raises ConfigError that lists the names there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise ConfigError("node", f"{name!r} is none of {known}")

    def peer(self, node: PlantNode) -> PlantNode:
        return next(other for other in self.nodes if other.gateway == node.gateway and other != node)

    def pair(self, gateway: str) -> tuple[PlantNode, PlantNode]:
        """Master and backup of a gateway."""
        master = next(n for n in self.nodes if n.gateway == gateway and n.role is Role.MASTER)
        return master, self.peer(master)

    @property
    def gateways(self) -> tuple[str, ...]:
        return tuple(node.gateway for node in self.nodes if node.role is Role.MASTER)

    @property
    def brokers(self) -> Iterator[PlantNode]:
        return (node for node in self.nodes if node.mqtt is not None)


def layout(offset: int = 0, address: Callable[[str], str] = lambda _: HOST) -> Layout:
    """The plant of the contract, every port shifted by `offset`; `address` gives each node's, by name."""
    if not 0 <= offset <= 65535 - _HIGHEST_PORT:
        raise ConfigError("port-offset", f"{offset} is not between 0 and {65535 - _HIGHEST_PORT}")

    def pair(name: str, gateway: str, http: int, link: int, mqtt: int | None) -> list[PlantNode]:
        def one(step: int, role: Role) -> PlantNode:
            node = f"{name}-{role.value.lower()}"

            def at(port: int) -> Endpoint:
                return Endpoint(address(node), port + step + offset)

            return PlantNode(node, gateway, role, at(http), at(link), None if mqtt is None else at(mqtt))

        return [one(step, role) for step, role in enumerate((Role.MASTER, Role.BACKUP))]

    nodes = pair("primary", "Primary", 8088, 8060, 1883)
    nodes += pair("edge1", "Edge 1", 8188, 8160, None)
    nodes += pair("edge2", "Edge 2", 8288, 8260, None)
    return Layout(tuple(nodes), Endpoint(address(WITNESS), _WITNESS_PORT + offset))


def node_file(plant: Layout, node: PlantNode, plant_key: str, secret_key: str) -> dict[str, Any]:
    """What the node's `node.json` says (see redundancy.identity)."""
    peer = plant.peer(node)
    return {
        "gateway": node.gateway,
        "node": node.name,
        "role": node.role.value,
        "link": str(node.link),
        "http": str(node.http),
        "url": node.url,
        "mqtt": None if node.mqtt is None else str(node.mqtt),
        "witness": str(plant.witness),
        "peer": {"node": peer.name, "link": str(peer.link), "url": peer.url},
        "plant_key": plant_key,
        "secret_key": secret_key,
        "redundancy": {"standby": "Warm", "failover_timeout": 2.0, "startup_allowance": 10.0},
    }
