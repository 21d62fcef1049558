"""The runtime's view of its node as the outside contract shows it (`GET /api/v1/gateway`)."""

from __future__ import annotations

import math
from typing import Any

from hmi.tags.wire import to_iso
from redundancy.config import NodeConfig
from redundancy.ports import GatewayView
from sparkplug.instant import Instant

# Renewed with every heartbeat: not worth telling browsers about.
_PRIVATE = ("lease_until", "written")


class GatewayState:
    """Turns views into the contract's object; keeps `since` steady while the state lasts."""

    def __init__(self, node: NodeConfig) -> None:
        self._node = node
        self._since: tuple[float, str] | None = None

    def describe(self, view: GatewayView, now: Instant) -> dict[str, Any]:
        """The whole object. `lease_until` and `written` are CLOCK_BOOTTIME seconds, for the desk only."""
        return {
            "gateway": view.gateway,
            "node": view.node,
            "role": str(view.role),
            "state": str(view.state),
            "epoch": view.epoch,
            "why": view.why,
            "since": self._begun(view, now),
            "cause": view.cause,
            "url": self._node.url,
            "peer": self._peer(view, now),
            "witness": _witness(view, now),
            "policy": view.policy,
            "switch_pending": view.switch_pending,
            "warnings": list(view.warnings),
            "modules": dict(view.modules),
            "config_version": view.config_version,
            "lag": view.lag,
            "servers": dict(view.servers),
            # An endless lease (a node without peer and witness) has no number in JSON.
            "lease_until": min(view.lease_until, 1e15),
            "written": now.mono,
        }

    def _begun(self, view: GatewayView, now: Instant) -> str | None:
        # Turned into wall time once: doing it at every reading would make it tremble with the clocks.
        if self._since is None or self._since[0] != view.since:
            self._since = (view.since, to_iso(_wall(view.since, now)))
        return self._since[1]

    def _peer(self, view: GatewayView, now: Instant) -> dict[str, Any] | None:
        peer = view.peer
        if peer is None:
            return None
        return {
            "node": peer.node,
            "connected": peer.connected,
            "state": str(peer.state) if peer.state else None,
            "epoch": peer.epoch,
            "last_seen": None if peer.last_seen is None else to_iso(_wall(peer.last_seen, now)),
            "config_version": peer.config_version,
            "healthy": peer.healthy,
            "url": self._node.peer.url if self._node.peer else "",
        }


def public(state: dict[str, Any]) -> dict[str, Any]:
    """What travels to browsers."""
    return {name: value for name, value in state.items() if name not in _PRIVATE}


def steady(state: dict[str, Any]) -> dict[str, Any]:
    """The object without what changes by itself: equal when there is no news."""
    calm = public(state)
    for name in ("peer", "witness"):
        if isinstance(calm[name], dict):
            calm[name] = {key: value for key, value in calm[name].items() if key != "last_seen"}
    return calm


def _witness(view: GatewayView, now: Instant) -> dict[str, Any] | None:
    witness = view.witness
    if witness is None:
        return None
    return {
        "connected": witness.connected,
        "granted": witness.granted,
        "last_seen": None if witness.last_seen is None else to_iso(_wall(witness.last_seen, now)),
    }


def _wall(mono: float, now: Instant) -> int:
    return now.wall - round((now.mono - mono) * 1000) if math.isfinite(mono) else now.wall
