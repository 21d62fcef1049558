"""The situation in words: state, reason, warnings."""

from __future__ import annotations

from dataclasses import replace

from redundancy.core.eligibility import Obstacle, unfit
from redundancy.core.messages import WITNESS
from redundancy.core.situation import Phase, Situation
from redundancy.core.switch import Switch
from redundancy.core.view import PairView, State, WitnessView

_STATES = {
    Phase.ASKING: State.CANDIDATE,
    Phase.ACTIVE: State.ACTIVE,
    Phase.DRAINING: State.DRAINING,
    Phase.FENCED: State.FENCED,
    Phase.STOPPED: State.DRAINING,
}


def state_of(s: Situation, switch: Switch, blocked: Obstacle | None) -> tuple[State, str]:
    """The contract's word for what this node does, and why."""
    if s.phase is Phase.IDLE:
        if switch.handed is not None:
            return State.DRAINING, f"has handed over to {switch.handed.to} and waits for it"
        return (blocked.state, blocked.why) if blocked else (State.CANDIDATE, "is about to ask for the role")
    return _STATES[s.phase], _why(s, switch)


def _why(s: Situation, switch: Switch) -> str:
    term = s.term
    if s.phase is Phase.ACTIVE:
        return f"holds term {term.epoch}: {s.cause}"
    if s.phase is Phase.ASKING:
        return f"asks for term {term.lease.asking or term.taken + 1}: {s.cause}"
    if s.phase is Phase.DRAINING and switch.drain is not None:
        return f"finishes what is on its way: {switch.drain.wish}"
    if s.phase is Phase.FENCED:
        return f"has lost the role: {s.cause}"
    return "has stopped"


def warnings(s: Situation, now: float) -> tuple[str, ...]:
    """What people should look at although everything goes on."""
    found: list[str] = []
    if s.holding and s.forced is not None:
        found.append(
            f"possible dual active: acts on the word of {s.forced.by} alone, until {s.settings.peer} or the"
            " witness votes for it"
        )
    elif s.holding and s.term.alone(now):
        found.append("possible dual active: edges are protected by client ids")
    if s.peer is not None and not s.peer.connected(now):
        found.append(f"{s.peer.node} is not connected: nobody can take over")
    if s.settings.has_witness and not _witness_well(s, now):
        found.append("the witness is not connected: if the peer is lost too, the role is given up")
    for voter, lease in s.term.short_lease.items():
        if lease:
            found.append(
                f"{voter} does not vote: its lease of {lease:g} s is shorter than {s.settings.lease:g} s"
            )
    own = unfit(s, now)
    if s.phase is Phase.ACTIVE and own is not None and s.peer is not None:
        found.append(f"acts although it {own.why}" if own.state is not State.CONFLICT else own.why)
    if s.phase is not Phase.ACTIVE and s.unhealthy:
        found.append(f"is not healthy: {s.unhealthy}")
    if s.phase is Phase.ACTIVE and s.behind() and s.peer is not None:
        found.append(f"{s.peer.node} has shown a newer configuration")
    return tuple(found)


def _witness_well(s: Situation, now: float) -> bool:
    if s.holding and now - s.phase_since > s.settings.lease:
        return WITNESS in s.term.lease.voters(now)
    return s.witness_linked


def picture(s: Situation, switch: Switch, state: State, why: str, since: float, now: float) -> PairView:
    """Everything at once, for people."""
    holds = s.holds(now)
    if s.phase is Phase.ACTIVE and not holds:
        # Nobody has ticked yet since the lease ended; a page must not say Active all the same.
        state, why = State.FENCED, "has lost the role: its lease has run out"
    granted = WITNESS in s.term.lease.voters(now)
    trips = s.term.lease.round_trips
    lease_until = now + s.settings.lease if s.independent else s.term.until
    return PairView(
        node=s.settings.node,
        role=s.settings.role.value,
        state=state,
        epoch=s.term.epoch or s.top,
        why=why,
        since=since,
        lease_until=lease_until if holds else 0.0,
        cause=s.cause if s.holding else "",
        peer=replace(s.peer.view(now), round_trip=trips.get(s.peer.node)) if s.peer else None,
        witness=WitnessView(s.witness_linked, granted, s.witness_heard_at, trips.get(WITNESS))
        if s.settings.has_witness
        else None,
        policy=s.settings.policy,
        switch_pending=switch.pending,
        warnings=warnings(s, now),
        standby=s.settings.standby.value,
        solo=s.holding and s.term.alone(now),
        took_over=s.took_over and s.holding,
    )
