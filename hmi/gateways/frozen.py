"""From rows to frozen values: what the runtime is told.

The runtime never sees a row. Both nodes of a pair hold the same document, and each reads "this node's
own Distributor" in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from hmi.gateways.sealing import unseal
from hmi.replication import ledger, rows
from hmi.replication.overrides import seen_by
from hmi.replication.schema import ConfigDocument, NodeDocument, ServerDocument
from redundancy.config import (
    ConfigError,
    Endpoint,
    EngineConfig,
    GatewayConfig,
    Role,
    Server,
    Tls,
    TransmissionConfig,
    Transmitter,
)
from redundancy.identity import ANYWHERE, endpoint, found_url
from redundancy.profiles import least_keep_alive

# (transport, TLS) -> the field of a node that says where its Distributor listens so.
_LISTENERS = {
    ("tcp", False): "mqtt",
    ("tcp", True): "mqtts",
    ("websocket", False): "mqtt_ws",
    ("websocket", True): "mqtt_wss",
}


def gateway_config(node: str | None = None) -> GatewayConfig | None:
    """The configuration that this node's rows hold, as `node` (by default: this one) sees it.

    None while there is none: a fresh backup, before its master's configuration has come.
    """
    document = rows.read_frame()
    name = node or (settings.NODE.node if settings.NODE else "")
    return None if document is None else freeze(document, name, ledger.config_version())


def freeze(document: ConfigDocument, node: str, version: str) -> GatewayConfig:
    """The document as `node` sees it. Raises ConfigError, Unsealable."""
    role = next((each.role for each in document.nodes if each.name == node), Role.INDEPENDENT)
    sets = {entry.name: [seen_by(server, role) for server in entry.servers] for entry in document.server_sets}
    engine, transmission = document.engine, document.transmission
    return GatewayConfig(
        name=document.gateway.name,
        version=version,
        engine=_engine(document, sets[engine.server_set], node) if engine and engine.enabled else None,
        transmission=_transmission(document, sets[transmission.server_set], node)
        if transmission and transmission.enabled
        else None,
    )


def node_file(document: ConfigDocument, name: str, plant_key: str, secret_key: str) -> dict[str, Any]:
    """What node `name`'s own `node.json` says according to the document (see redundancy.identity)."""
    node = next(node for node in document.nodes if node.name == name)
    peer = _other(document, name)
    return {
        "gateway": document.gateway.name,
        "node": node.name,
        "role": node.role.value,
        "link": node.link,
        "http": node.http,
        "url": None if node.auto_detect_http else node.url,
        "mqtt": node.mqtt,
        "witness": node.witness,
        "serve_witness": node.serve_witness,
        "peer": None if peer is None else _peer(node, peer),
        "link_tls": _link_tls(node),
        "bind_interface": None if node.auto_detect_interface else node.bind_interface,
        "plant_key": plant_key,
        "secret_key": secret_key,
        "redundancy": {
            "standby": node.standby.value,
            "failover_timeout": node.failover_timeout,
            "startup_allowance": node.startup_allowance,
            "recovery": node.recovery.value,
            "dwell": node.dwell,
            "sync_timeout": node.sync_timeout,
            "profile": node.profile.value,
        },
    }


def url_of(node: NodeDocument) -> str:
    """Where browsers find a node. Raises ConfigError for addresses that are none."""
    if not node.auto_detect_http:
        return node.url
    return found_url(endpoint(node.http, "http"), endpoint(node.link, "link"))


def _peer(node: NodeDocument, peer: NodeDocument) -> dict[str, str]:
    """The other node as `node` finds it: a Backup may know its Master by an address of its own."""
    link = endpoint(peer.link, "link")
    link = Endpoint(node.master_address or link.host, node.master_port or link.port)
    return {"node": peer.name, "link": str(link), "url": url_of(peer)}


def _link_tls(node: NodeDocument) -> dict[str, str] | None:
    files = {"ca": node.link_ca, "certificate": node.link_certificate, "key": node.link_key}
    return files if any(files.values()) else None


def _engine(document: ConfigDocument, servers: Iterable[ServerDocument], node: str) -> EngineConfig:
    engine = document.engine
    assert engine is not None
    least = max(least_keep_alive(each.profile) for each in document.nodes)
    return EngineConfig(
        host_id=engine.host_id,
        servers=tuple(_server(document, server, node, least) for server in servers),
        reorder_timeout=engine.reorder_timeout,
        block_commands=engine.block_commands,
        legacy_state=engine.legacy_state,
    )


def _transmission(
    document: ConfigDocument, servers: Iterable[ServerDocument], node: str
) -> TransmissionConfig:
    module = document.transmission
    assert module is not None
    return TransmissionConfig(
        host_id=module.host_id or None,
        servers=tuple(_server(document, server, node) for server in servers),
        transmitters=tuple(
            Transmitter(each.group, each.edge, tuple(each.devices), each.use_aliases)
            for each in module.transmitters
        ),
        state_wait=module.state_wait,
        history_limit=module.history_limit,
        rolling_window=module.rolling_window,
        startup_delay=module.startup_delay,
        legacy_state=module.legacy_state,
    )


def _server(document: ConfigDocument, server: ServerDocument, node: str, least: int = 0) -> Server:
    where = _address(document, server, node)
    return Server(
        name=server.name,
        host=where.host,
        port=where.port,
        username=server.username,
        password=unseal(server.password),
        keep_alive=max(server.keep_alive, least),
        connect_timeout=server.connect_timeout,
        version=5 if server.mqtt_version == "5" else 4,
        path=server.path if server.transport == "websocket" else None,
        tls=_tls(server),
        node=_owner(document, server, node),
    )


def _owner(document: ConfigDocument, server: ServerDocument, name: str) -> str:
    """The node of this gateway whose Distributor the server is."""
    if server.target == "own":
        return name
    other = _other(document, name) if server.target == "peer" else None
    return other.name if other is not None else ""


def _tls(server: ServerDocument) -> Tls | None:
    if server.tls:
        return Tls(server.ca_file, server.certificate_file, server.key_file, server.verify)
    if server.ca_file or server.certificate_file or server.key_file:
        raise ConfigError("tls", f"server {server.name}: there are files for TLS, and TLS is off")
    return None


def _address(document: ConfigDocument, server: ServerDocument, name: str) -> Endpoint:
    """Where `name` finds the server. A broker that listens everywhere is found at its node's address."""
    if server.target == "address":
        if not server.host:
            raise ConfigError("host", f"server {server.name} has no host")
        return Endpoint(server.host, server.port)
    own = server.target == "own"
    node = next(node for node in document.nodes if node.name == name) if own else _other(document, name)
    if node is None:
        raise ConfigError("target", f"server {server.name}: there is no other node")
    field = _LISTENERS[server.transport, server.tls]
    address = getattr(node, field)
    if address is None:
        raise ConfigError("target", f"server {server.name}: {node.name} has no Distributor ({field})")
    listens = endpoint(address, field)
    if listens.host not in ANYWHERE:
        return listens
    return Endpoint("127.0.0.1" if own else endpoint(node.link, "link").host, listens.port)


def _other(document: ConfigDocument, name: str) -> NodeDocument | None:
    return next((node for node in document.nodes if node.name != name), None)
