"""What this node's Distributor is told (see redundancy.distributor for the file's shape)."""

from __future__ import annotations

from typing import Any

from hmi.gateways.models import BrokerUser, EngineSettings, Node
from redundancy.config import NodeConfig

LIMITS: dict[str, Any] = {}


def distributor_config(node: NodeConfig) -> dict[str, Any] | None:
    """The Distributor's configuration for `node`; None where the node has none.

    The gateway's own host client ids, and every id that some user's `client_ids` names, are reserved: only
    users whose own patterns match may use them. Commands and STATE are fenced, so that after a stall
    nothing of a holder that may have been replaced is forwarded.
    """
    if node.mqtt is None:
        return None
    users = [
        {
            "username": user.username,
            "password_hash": user.password_hash,
            "acl": user.acl,
            **({"client_ids": user.client_ids} if user.client_ids else {}),
        }
        for user in BrokerUser.objects.all()
    ]
    reserved = {pattern for user in users for pattern in user.get("client_ids", ()) if pattern.strip("*")}
    engine = EngineSettings.objects.filter(enabled=True).first()
    hosts = [engine.host_id] if engine else []
    return {
        "listen": str(node.mqtt),
        "listeners": _listeners(Node.objects.filter(name=node.node).first()),
        "users": users,
        "reserved_client_ids": sorted(reserved | {f"{host}-*" for host in hosts}),
        "lease": node.redundancy.failover_timeout,
        "fenced_client_ids": [f"{host}-{what}" for host in hosts for what in ("cmd", "state-*", "legacy-*")],
        "limits": LIMITS,
    }


def _listeners(row: Node | None) -> list[dict[str, Any]]:
    """The doors besides the plain one."""
    if row is None:
        return []
    files = {"certificate": row.tls_certificate, "key": row.tls_key}
    if row.tls_client_ca:
        files["client_ca"] = row.tls_client_ca
    doors: list[dict[str, Any]] = []
    if row.mqtts:
        doors.append({"listen": row.mqtts, **files})
    if row.mqtt_ws:
        doors.append({"listen": row.mqtt_ws, "websocket": True})
    if row.mqtt_wss:
        doors.append({"listen": row.mqtt_wss, "websocket": True, **files})
    return doors
