"""A person's word in place of a majority: taking the role "even if the peer is silent".

Where the witness is lost, too, a standby stands by for ever, since it cannot tell a dead peer from a cut
cable. A person who has looked can. The word holds until another voter votes for this node; from then on it
needs its majority like any other. It is refused where anybody else can still be asked.
"""

from __future__ import annotations

from redundancy.config import Role
from redundancy.core.eligibility import unfit
from redundancy.core.situation import Phase, Situation
from redundancy.core.view import State

LEAP = 1000
"""How far beyond the last known number such a term begins: a majority on the other side of a cut goes on
with the next ones, and nobody may ever act under the same."""


def refusal(s: Situation, now: float) -> str:
    """Why nobody's word is needed, or enough, as a sentence; "" if it is."""
    peer = s.peer
    if peer is None:
        return f"{s.settings.node} is Independent: it has no peer"
    if s.phase is Phase.ACTIVE:
        return f"{s.settings.node} is active already"
    if s.phase not in (Phase.IDLE, Phase.ASKING):
        return f"{s.settings.node} is in the middle of a change"
    if s.silence(now) < s.settings.lease:
        return f"{peer.node} is not silent: ask for an ordinary failover"
    if s.witness_linked:
        return "the witness answers: the role comes by itself unless it vouches for the other node"
    own = unfit(s, now)
    if own is not None and (own.state in (State.CONFLICT, State.MAINTENANCE, State.DRAINING) or not s.config):
        return f"{s.settings.node} {own.why}" if own.state is not State.CONFLICT else own.why
    return ""


def leap(s: Situation) -> int:
    """What to add to the last known number. Both sides of a cut may be forced: each has its own."""
    return LEAP + (1 if s.settings.role is Role.BACKUP else 0)


def judge(s: Situation, now: float) -> None:
    """Whether the word still stands in for the votes."""
    voters = s.term.lease.voters(now)
    voted = s.holding and any(voter != s.settings.node for voter in voters)
    back = s.phase is Phase.ASKING and s.silence(now) < s.settings.quiet
    # A voter that has come back and vouches for the other node knows better than the person did.
    if voted or back or now < s.term.foreign_until:
        s.forced = None
    s.term.solo = s.forced is not None
