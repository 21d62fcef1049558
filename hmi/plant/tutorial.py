"""The tutorial's configuration of each gateway, and the plant's accounts, as documents.

The shapes are those of `hmi.replication.schema`: what is written here is what `manage.py config export`
prints from a running plant.
"""

from __future__ import annotations

from typing import Any

from hmi.dashboards import tutorial as boards
from hmi.plant.credentials import PEOPLE
from hmi.plant.layout import DEVICE, GROUP, HOST_ID, Layout, PlantNode
from redundancy.distributor.passwords import hash_password

PRIMARY = "Primary"
TAG_1 = {"Edge 1": 10, "Edge 2": 20}
# Edges take the design's 5 s; the host must not be declared dead before its lease is over.
_EDGE_KEEP_ALIVE = 5
_HOST_KEEP_ALIVE = 3


def config(plant: Layout, gateway: str, brokers: dict[str, str], mqtt: dict[str, Any]) -> dict[str, Any]:
    """The whole configuration of `gateway`; `brokers` are the gateways' own MQTT passwords."""
    document: dict[str, Any] = {
        "gateway": {"name": gateway},
        "nodes": [_node(plant, node) for node in plant.pair(gateway)],
        "dashboards": [boards.primary() if gateway == PRIMARY else boards.edge(gateway)],
    }
    if gateway == PRIMARY:
        return document | _host(brokers, mqtt)
    return document | _edge(plant, gateway, brokers[gateway])


def people(credentials: dict[str, Any]) -> dict[str, Any]:
    """The four accounts with their roles; tokens by their hash."""
    return {
        "users": [
            {
                "username": credentials[name]["username"],
                "password": credentials[name]["password"],
                "role": role,
                "tokens": [{"name": "plant", "token": credentials[name]["token"]}],
            }
            for name, role in PEOPLE.items()
        ]
    }


def _node(plant: Layout, node: PlantNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "role": node.role.value,
        "link": str(node.link),
        "http": str(node.http),
        "url": node.url,
        "mqtt": None if node.mqtt is None else str(node.mqtt),
        "witness": str(plant.witness),
    }


def _host(brokers: dict[str, str], mqtt: dict[str, Any]) -> dict[str, Any]:
    """MQTT Distributor and MQTT Engine: each node's own broker first, then the other node's."""
    account = {"username": PRIMARY, "password": brokers[PRIMARY], "keep_alive": _HOST_KEEP_ALIVE}
    state = f"spBv1.0/STATE/{HOST_ID}"
    edges = [
        {
            "username": edge,
            "password_hash": _hashed(brokers[edge]),
            "acl": _edge_acl(edge),
            "client_ids": [f"{GROUP}-{edge}"],
        }
        for edge in TAG_1
    ]
    return {
        "server_sets": [
            {
                "name": "Primary brokers",
                "servers": [
                    {"name": "Chariot SCADA", "target": "own", **account},
                    {"name": "Chariot SCADA Peer", "target": "peer", **account},
                ],
            }
        ],
        "engine": {"host_id": HOST_ID, "server_set": "Primary brokers"},
        "broker_users": [
            {
                "username": PRIMARY,
                "password_hash": _hashed(brokers[PRIMARY]),
                "acl": ["RW #"],
                "client_ids": [f"{HOST_ID}-*"],
            },
            *edges,
            {"username": "observer", "password_hash": _hashed(mqtt["observer"]["password"]), "acl": ["R #"]},
            {
                "username": "integrator",
                "password_hash": _hashed(mqtt["integrator"]["password"]),
                "acl": ["RW #", f"-W {state}", f"-W STATE/{HOST_ID}"],
            },
        ],
    }


def _hashed(password: str) -> str:
    """Random passwords of 100 bits need no slow hash, and a plant that starts has better things to do."""
    return hash_password(password, iterations=1_000)


def _edge_acl(edge: str) -> list[str]:
    """An edge node publishes its own births, data and deaths, and hears its own commands and the host."""
    own = [f"W spBv1.0/{GROUP}/{kind}/{edge}" for kind in ("NBIRTH", "NDATA", "NDEATH")]
    own += [f"W spBv1.0/{GROUP}/{kind}/{edge}/#" for kind in ("DBIRTH", "DDATA", "DDEATH")]
    heard = [f"R spBv1.0/{GROUP}/NCMD/{edge}", f"R spBv1.0/{GROUP}/DCMD/{edge}/#"]
    return [*own, *heard, f"R spBv1.0/STATE/{HOST_ID}"]


def _edge(plant: Layout, edge: str, password: str) -> dict[str, Any]:
    """MQTT Transmission: one edge node, one device, two servers to walk."""
    servers = [
        {
            "name": name,
            "host": broker.mqtt.host,
            "port": broker.mqtt.port,
            "username": edge,
            "password": password,
            "keep_alive": _EDGE_KEEP_ALIVE,
        }
        for name, broker in zip(("Primary", "Primary Backup"), plant.brokers, strict=True)
        if broker.mqtt is not None
    ]
    folder = f"[default]Edge Nodes/{GROUP}/{edge}/{DEVICE}"
    return {
        "server_sets": [{"name": "Default", "servers": servers}],
        "transmission": {
            "host_id": HOST_ID,
            "server_set": "Default",
            "transmitters": [{"group": GROUP, "edge": edge, "devices": [DEVICE]}],
        },
        "tags": [
            {
                "path": f"{folder}/Tag 1",
                "kind": "memory",
                "datatype": "Int32",
                "initial": TAG_1[edge],
                "writable": True,
                "stored": True,
                "low": -1000.0,
                "high": 1000.0,
            },
            {
                "path": f"{folder}/Counter",
                "kind": "counter",
                "datatype": "Int64",
                "stored": True,
                "period_ms": 100,
            },
        ],
    }
