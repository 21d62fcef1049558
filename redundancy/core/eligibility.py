"""May this node campaign? If not: why not, in a sentence, and in which state that leaves it."""

from __future__ import annotations

from typing import NamedTuple

from redundancy.config import Role
from redundancy.core.situation import Phase, Situation
from redundancy.core.view import State


class Obstacle(NamedTuple):
    """What stands between this node and a campaign, and when that may end by itself (mono, or None)."""

    state: State
    why: str
    until: float | None = None


def unfit(s: Situation, now: float) -> Obstacle | None:
    """What is wrong with this node itself, whoever holds the role."""
    if s.stopping:
        return Obstacle(State.DRAINING, "is stopping")
    if s.conflict:
        return Obstacle(State.CONFLICT, s.conflict)
    if s.maintenance:
        return Obstacle(State.MAINTENANCE, f"is in maintenance, asked for by {s.maintenance}")
    if s.disk and now < s.disk_retry_at:
        return Obstacle(State.FENCED, f"cannot write its promise to disk: {s.disk}", s.disk_retry_at)
    if s.unhealthy:
        return Obstacle(_waiting_state(s), f"is not healthy: {s.unhealthy}")
    return _lacks_config(s, now)


def obstacle(s: Situation, now: float) -> Obstacle | None:
    """Why this node does not campaign now; None if it should."""
    own = unfit(s, now)
    if own or s.independent:
        return own
    return _somebody_acts(s, now) or _startup(s, now) or _alone(s, now)


def manners(s: Situation, now: float) -> Obstacle | None:
    """When both nodes start, the Master comes first; the Backup waits one lease for it, not longer."""
    peer = s.peer
    if s.settings.role is not Role.BACKUP or s.met_an_active or peer is None or peer.last is None:
        return None
    if s.phase is Phase.ASKING or not peer.connected(now) or not peer.last.healthy:
        return None
    until = (now if s.polite_since is None else s.polite_since) + s.settings.lease
    if now >= until or not (peer.last.able or peer.last.state == State.STARTING):
        return None
    return Obstacle(State.STARTING, f"lets {peer.node} go first", until)


def _waiting_state(s: Situation) -> State:
    return State.STANDBY if s.met_an_active else State.STARTING


def _lacks_config(s: Situation, now: float) -> Obstacle | None:
    peer = s.peer
    if not s.config:
        if peer is not None and peer.config:
            return Obstacle(State.SYNCING, f"gets its configuration from {peer.node}")
        return Obstacle(State.STARTING, "has no configuration yet")
    if peer is None or not s.behind():
        return None
    # A peer that has gone for good with its newest edit must not leave the plant blind for ever.
    patience = s.silent_after(s.settings.lease + s.settings.startup_allowance)
    if now >= patience and not peer.acts(now):
        return None
    return Obstacle(State.SYNCING, f"{peer.node} has a newer configuration", patience)


def _somebody_acts(s: Situation, now: float) -> Obstacle | None:
    peer, term = s.peer, s.term
    if peer is None:
        return None
    if peer.acts(now):
        return Obstacle(State.STANDBY, f"{peer.node} is active", peer.lease_until)
    if term.voter.holder(now) == peer.node:
        until = now + term.voter.rest(now)
        return Obstacle(State.STANDBY, f"the lease of {peer.node} may still run", until)
    if now < term.foreign_until:
        return Obstacle(State.STANDBY, f"another voter still vouches for {term.foreign}", term.foreign_until)
    return None


def _startup(s: Situation, now: float) -> Obstacle | None:
    """Startup Connection Allowance: hear the peer once before deciding anything."""
    allowed = s.born + s.settings.startup_allowance
    if s.peer is None or s.peer.last is not None or s.met_an_active or now >= allowed:
        return None
    return Obstacle(State.STARTING, f"waits to hear {s.peer.node} once", allowed)


def _alone(s: Situation, now: float) -> Obstacle | None:
    """Without a witness the peer must vote too, or be silent for longer than a lease."""
    if s.settings.policy != "availability" or s.peer is None or s.peer.connected(now):
        return None
    alone = s.silent_after(s.settings.lease)
    if now >= alone:
        return None
    return Obstacle(_waiting_state(s), f"{s.peer.node} has not been silent for a lease yet", alone)
