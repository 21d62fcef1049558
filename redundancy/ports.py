"""What the runtime asks of the world around it, and the values that cross that border.

`Sink` and `EdgeTags` are implemented by the composition root (`hmi.worker`); tests implement them with
plain lists. Every call happens on the runtime's loop and must not block: a sink that has real work to
do puts it on a queue of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from redundancy.core.view import PeerView, WitnessView
from redundancy.replication.records import Record
from sparkplug import EdgeNodeId, Metric

SWITCH_PATIENCE = 1.0
"""Seconds that a write waits for a role on its way here; a planned switch takes a tenth of that."""


class Answer(StrEnum):
    """What became of a write. Never `CONFIRMED` without an echo from the edge."""

    CONFIRMED = "confirmed"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`outcome` is one of Answer's words; `detail` one plain sentence, or empty."""

    outcome: Answer
    detail: str = ""


class Refused(Exception):
    """The pair can't do what was asked. `active_node` is who acts now, empty when nobody is known to."""

    def __init__(self, reason: str, active_node: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.active_node = active_node


@dataclass(frozen=True, slots=True)
class EdgeView:
    """An edge node as this gateway sees it: a host's view of it, or this gateway's own transmitter."""

    edge: EdgeNodeId
    online: bool
    server: str | None
    why: str = ""
    devices: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayView:
    """One reading of the whole node. `since` and `lease_until` are CLOCK_BOOTTIME seconds, 0 if none.

    `modules` maps engine, transmission and distributor (those configured) to "Running", "Standby",
    "Starting" or "Faulted: <why>". `lag` counts the records that the peer lacks, None without a peer.
    `servers` maps a server's name to whether this node has a session there; `edges` is keyed by
    "group/edge". The first part is the pair's own view (redundancy.core.view.PairView).
    """

    gateway: str
    node: str
    role: str
    state: str
    epoch: int
    why: str
    since: float
    lease_until: float
    cause: str
    peer: PeerView | None
    witness: WitnessView | None
    policy: str
    switch_pending: bool
    warnings: tuple[str, ...]
    modules: Mapping[str, str]
    config_version: str
    lag: int | None
    servers: Mapping[str, bool]
    edges: Mapping[str, EdgeView]
    troubles: Mapping[str, int] = field(default_factory=dict)


class Sink(Protocol):
    """Where the runtime reports. `at` is milliseconds since 1970 UTC."""

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None: ...

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None: ...

    def values(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None: ...

    def node_stale(self, edge: EdgeNodeId, at: int, why: str) -> None: ...

    def device_stale(self, edge: EdgeNodeId, device: str, at: int, why: str) -> None: ...

    def node_online(self, edge: EdgeNodeId, online: bool, server: str | None, at: int) -> None: ...

    def server(self, name: str, online: bool, why: str) -> None: ...

    def transmitter(self, edge: EdgeNodeId, online: bool, server: str | None, why: str) -> None: ...

    def gateway(self, view: GatewayView) -> None: ...

    def changeover(self, report: dict[str, Any]) -> None:
        """By its `id`, newest report wins; on both nodes of the pair."""

    def applied(self, records: Sequence[Record]) -> None:
        """The peer's records that won over what was here; they are in the store already."""

    def trouble(self, kind: str, detail: str) -> None:
        """A fault or an intruder; the first of a kind in a minute (`GatewayView.troubles` counts all)."""

    def repeated(self) -> int | None:
        """Samples that have come a second time since the start, and were kept once; None without history."""

    def note(self, sentence: str) -> None:
        """Something the pair did, for the audit trail: every change of role is among them."""


class EdgeTags(Protocol):
    """The tags of this gateway's edge nodes."""

    def births(self, edge: EdgeNodeId) -> tuple[tuple[Metric, ...], dict[str, tuple[Metric, ...]]]:
        """Node metrics and each device's, with current values and timestamps; answers at once."""

    async def command(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...]) -> None:
        """A write from the host. The answer is `Runtime.sample` with the value as it now is."""
