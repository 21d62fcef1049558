"""A frozen picture of a node for people: what it is, what it does, and a sentence why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a node does now. Decide on this, never on the role."""

    STARTING = "Starting"
    SYNCING = "Syncing"
    STANDBY = "Standby"
    CANDIDATE = "Candidate"
    ACTIVE = "Active"
    DRAINING = "Draining"
    FENCED = "Fenced"
    MAINTENANCE = "Maintenance"
    CONFLICT = "Conflict"


ACTING = frozenset({State.ACTIVE.value, State.DRAINING.value})
"""States of a peer whose edge nodes and STATE may still be online."""


@dataclass(frozen=True, slots=True)
class PeerView:
    """The other node as this one knows it. `last_seen` is mono; None if never heard since boot.

    `round_trip`: seconds to its vote and back when it last voted for this node, None if it has not.
    `leaving`: it is being stopped for good, and its broker will be.
    """

    node: str
    connected: bool
    state: str
    epoch: int
    last_seen: float | None
    config_version: str
    healthy: bool
    round_trip: float | None = None
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class WitnessView:
    """The third vote. `granted`: it votes for this node now. `round_trip`: as in PeerView."""

    connected: bool
    granted: bool
    last_seen: float | None
    round_trip: float | None = None


@dataclass(frozen=True, slots=True)
class PairView:
    """`since` and `lease_until` are mono seconds; `lease_until` is 0 unless this node holds the role.

    `standby` is the Standby Activity Level ("Warm", "Cold"). `solo`: acting on its own vote alone.
    `took_over`: the shell has reported TookOver for this term.
    """

    node: str
    role: str
    state: State
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
    standby: str = "Warm"
    solo: bool = False
    took_over: bool = False

    @property
    def active_node(self) -> str:
        """Who acts, as far as this node knows; "" for nobody."""
        if self.state is State.ACTIVE:
            return self.node
        return self.peer.node if self.peer is not None and self.peer.state in ACTING else ""

    @classmethod
    def starting(cls, node: str, role: str) -> PairView:
        """Of a node that has not decided anything yet."""
        why = f"{node} is starting"
        return cls(node, role, State.STARTING, 0, why, 0.0, 0.0, "", None, None, "safety", False, ())
