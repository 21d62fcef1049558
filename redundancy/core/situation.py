"""Everything a node knows at one moment: its own term, its peer, and what the shell has told it."""

from __future__ import annotations

from enum import Enum

from redundancy.config import Role
from redundancy.core.peer import PeerRecord, config_order
from redundancy.core.settings import PairSettings
from redundancy.core.term import Term, Wish


class Phase(Enum):
    """What a node has in hand. The state that people see is this, or the obstacle while IDLE."""

    IDLE = "idle"
    ASKING = "asking"
    ACTIVE = "active"
    DRAINING = "draining"
    FENCED = "fenced"
    STOPPED = "stopped"


class Situation:
    """Plain facts, changed by Pair and Switch only. All times are mono seconds of this node."""

    def __init__(self, settings: PairSettings, term: Term, now: float) -> None:
        self.settings = settings
        self.term = term
        self.born = now
        self.awake_at = now
        self.phase = Phase.IDLE
        self.phase_since = now
        self.cause = ""
        self.took_over = False
        self.met_an_active = False
        self.returned = True
        """This node came (back) by itself, not by handing over: Recovery Mode may take it back."""
        self.config = ""
        self.unhealthy = ""
        self.edges = 0
        self.maintenance = ""
        self.forced: Wish | None = None
        """Whose word stands in for the votes of a silent peer and witness."""
        self.stop_by = 0.0
        self.intruder = ""
        self.intruder_at = 0.0
        self.twin = ""
        self.disk = ""
        self.disk_retry_at = 0.0
        self.top = max(term.voter.promise.last_own, 0)
        self.polite_since: float | None = None
        self.witness_linked = False
        self.witness_heard_at: float | None = None
        peer = settings.peer if settings.role is not Role.INDEPENDENT else None
        self.peer = PeerRecord(peer, settings.lease, settings.rho, settings.quiet) if peer else None

    @property
    def independent(self) -> bool:
        return self.peer is None

    @property
    def holding(self) -> bool:
        """Has the role, or is on its way out of it with the lease still kept."""
        return self.phase in (Phase.ACTIVE, Phase.DRAINING)

    @property
    def stopping(self) -> bool:
        return self.stop_by > 0.0

    @property
    def conflict(self) -> str:
        """Why this node and its peer cannot be a pair; "" if they can."""
        return self.twin or self.intruder

    def enter(self, phase: Phase, now: float) -> None:
        self.phase, self.phase_since = phase, now

    def holds(self, now: float) -> bool:
        """May act: the role is this node's, and a majority vouches for it at this very moment."""
        return self.holding and (self.independent or self.term.held(now))

    def silence(self, now: float) -> float:
        """How long the peer has been silent while this node was awake to hear it."""
        return now - self.silent_after(0.0)

    def silent_after(self, seconds: float) -> float:
        """When the peer's silence will have lasted this long."""
        heard = self.peer.heard_at if self.peer and self.peer.heard_at is not None else self.born
        return max(heard, self.awake_at) + seconds

    def knows_term(self, epoch: int) -> None:
        """A term that has, or had, a holder."""
        self.top = max(self.top, epoch)
        self.term.takes(epoch)

    def behind(self) -> bool:
        """The peer has shown a newer configuration than this node has."""
        return self.peer is not None and config_order(self.config) < config_order(self.peer.config)
