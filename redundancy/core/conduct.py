"""What a node does about its situation: compares what should be with what is, orders the difference.

Looked at after every event, in one fixed order: what must end, what must move, what may begin, what
must be renewed, what must be said.
"""

from __future__ import annotations

import math

from redundancy.core import forced
from redundancy.core.actions import (
    Action,
    Activate,
    FailoverAnswer,
    LetGo,
    Note,
    Send,
    StandDown,
    Stopped,
)
from redundancy.core.campaign import Campaign
from redundancy.core.eligibility import Obstacle, manners, obstacle, unfit
from redundancy.core.messages import Heartbeat
from redundancy.core.picture import state_of
from redundancy.core.recovery import Recovery
from redundancy.core.situation import Phase, Situation
from redundancy.core.switch import Switch
from redundancy.core.term import Wish
from redundancy.core.view import State

STOP_WITHIN = 5.0
"""A stopping node is Stopped after this many seconds at the latest."""
_CALLED_RETRY = 0.05
"""A named successor asks this often: its request may overtake the Release it answers."""
_HAND_OVER_AGAIN = 5.0
"""Between two attempts of an unwell node to hand over, in seconds."""


class Conduct:
    """Changes the phase; writes orders into the list that `begin` returns."""

    def __init__(self, situation: Situation) -> None:
        self._s = situation
        self.switch = Switch(situation)
        self._campaign = Campaign(situation.settings.role, situation.settings.seed)
        self._recovery = Recovery(situation)
        self._out: list[Action] = []
        self._blocked: Obstacle | None = None
        self._beat = 0
        self._beat_at = situation.born
        self._said: tuple[object, ...] = ()
        self._hand_over_at = 0.0
        self.state, self.why, self.since = State.STARTING, "has just started", situation.born

    def begin(self, now: float) -> list[Action]:
        """The list for this event. Nothing may be decided on a lease that has run out meanwhile."""
        self._out = []
        self._fence(now)
        return self._out

    def settle(self, now: float) -> None:
        self._fence(now)
        self._end_phases(now)
        self._hand_over(now)
        self._out += self.switch.settle(now)
        self._out += self.switch.unanswered(now)
        self._campaigns(now)
        self._renew(now)
        self._win(now)
        self._stop(now)
        self._out += self._recovery.settle(now)
        self._describe(now)
        self._speak(now)

    def deadline(self, now: float) -> float:
        """The next moment at which `settle` could find a difference (mono)."""
        s, settings = self._s, self._s.settings
        times = [*self.switch.deadlines(), self._recovery.due, self._campaign.due, s.stop_by]
        if s.peer is not None:
            times += [self._beat_at, s.silent_after(settings.lease), s.silent_after(settings.quiet)]
        if s.holding or s.phase is Phase.ASKING:
            times += [s.term.ask_at, s.term.until]
        if s.phase is Phase.FENCED:
            times.append(s.phase_since + settings.lease)
        if s.phase is Phase.ACTIVE:
            times.append(self._hand_over_at)
        if self._blocked is not None and self._blocked.until is not None:
            times.append(self._blocked.until)
        return min((at for at in times if at > now), default=math.inf)

    # --- losing and leaving the role

    def stand_down(self, why: str, now: float) -> None:
        """The lease is lost, or must not be used: stop at once, then be quiet until all is clean."""
        s = self._s
        self._out.append(StandDown(s.term.epoch, why))
        self.switch.lost()
        s.term.lose()
        s.cause, s.took_over, s.returned, s.forced = why, False, True, None
        s.enter(Phase.FENCED, now)

    def clean(self, now: float) -> None:
        """Nothing of the lost term is on its way any more: others may have the votes."""
        self._s.enter(Phase.IDLE, now)
        self._release()

    def give_up(self, now: float) -> None:
        """Stop asking for the role; whoever has voted for this node is free again."""
        self._s.enter(Phase.IDLE, now)
        self._s.forced = None
        self._release()
        self._campaign.impossible()

    def _release(self) -> None:
        self._out += self._s.term.to_others(self._s.term.give_back())

    def _fence(self, now: float) -> None:
        s = self._s
        self._judge_solo(now)
        if s.holding and not s.holds(now):
            self.stand_down("a majority of votes has run out", now)

    def _judge_solo(self, now: float) -> None:
        """Without a witness: go on alone while the peer says nothing, or has just restarted and may not
        vote. The holder may as soon as the peer is quiet, before its vote has run out: a standby that dies
        must not take the role with it. A standby must wait a whole lease."""
        s = self._s
        if s.forced is not None:
            forced.judge(s, now)
            return
        if s.settings.policy != "availability" or s.phase is Phase.IDLE:
            return
        if s.holding:
            quiet = s.silence(now) >= s.settings.quiet or now < s.term.peer_waits_until
            peer_votes = s.settings.peer in s.term.lease.voters(now)
            s.term.solo = quiet or (s.term.solo and not peer_votes)
        elif s.phase is Phase.ASKING:
            s.term.solo = s.silence(now) >= s.settings.lease

    def _end_phases(self, now: float) -> None:
        s = self._s
        drain = self.switch.drain
        if s.phase is Phase.DRAINING and drain is not None and now >= drain.until:
            self._out += self.switch.stood_down(now)
        if s.phase is Phase.FENCED:
            replaced = s.peer is not None and s.peer.acts(now)
            if replaced or now >= s.phase_since + s.settings.lease:
                self.clean(now)

    def _hand_over(self, now: float) -> None:
        """A node that stops, is in maintenance or not well gives the role to a peer that can take it."""
        s = self._s
        wish = self._own_wish()
        if s.phase is not Phase.ACTIVE or wish is None:
            return
        able = not self.switch.refusal(now)
        if able and now >= self._hand_over_at:
            self._hand_over_at = now + _HAND_OVER_AGAIN
            self._out += self.switch.begin(now, wish, planned=True)
        elif s.stopping:
            self._out += self.switch.begin(now, wish, planned=False)

    def _own_wish(self) -> Wish | None:
        s = self._s
        if s.stopping:
            return Wish(s.settings.node, "the node is stopping")
        if s.maintenance:
            return Wish(s.maintenance, "maintenance")
        if s.unhealthy:
            return Wish(s.settings.node, f"the node is not healthy: {s.unhealthy}")
        return None

    def _stop(self, now: float) -> None:
        s = self._s
        if not s.stopping or s.phase is Phase.STOPPED:
            return
        late = now >= s.stop_by
        quiet = s.phase in (Phase.IDLE, Phase.ASKING) and self.switch.handed is None
        if not (late or quiet):
            return
        if s.phase is not Phase.IDLE:
            self._release()
        if self.switch.handed is not None:
            self._out.append(LetGo())
        self.switch.resumed()
        s.enter(Phase.STOPPED, now)
        self._out.append(Stopped())

    # --- getting and keeping it

    def _campaigns(self, now: float) -> None:
        s = self._s
        if s.phase not in (Phase.IDLE, Phase.ASKING):
            self._blocked = None
            return
        called = self._called(now) or self._s.forced is not None
        self._blocked = None if called else self._obstacle(now)
        if self._blocked is not None:
            self._campaign.impossible()
            if s.phase is Phase.ASKING:
                self.give_up(now)
        elif s.phase is Phase.IDLE and (called or s.independent or now >= self._campaign.possible(now)):
            self._start(now)

    def force(self, wish: Wish, now: float) -> FailoverAnswer:
        """Campaign on a person's word, if that is needed and enough."""
        s = self._s
        reason = forced.refusal(s, now)
        if not reason:
            if s.phase is Phase.ASKING:
                self.give_up(now)  # in vain so far, and under a number that is too low
            s.forced, s.term.leap = wish, forced.leap(s)
            self._out.append(
                Note(f"{wish.by} orders {s.settings.node} to act although {s.settings.peer} is silent")
            )
        return self.switch.answer(wish.request, not reason, reason)

    def _called(self, now: float) -> bool:
        """Named as the successor: no need to wait for anything but to be well."""
        called = self.switch.called
        if called is not None and (now >= called.until or unfit(self._s, now) is not None):
            self.switch.called = called = None
        return called is not None

    def _obstacle(self, now: float) -> Obstacle | None:
        handed = self.switch.handed
        if handed is not None and now < handed.until:
            return Obstacle(State.DRAINING, f"waits for {handed.to}", handed.until)
        found = obstacle(self._s, now)
        if found is not None:
            return found
        if self._s.polite_since is None:
            self._s.polite_since = now
        return manners(self._s, now)

    def _start(self, now: float) -> None:
        s = self._s
        s.cause = self._cause(now)
        s.enter(Phase.ASKING, now)
        self._judge_solo(now)
        if s.independent:
            self._out.append(s.term.seize())
            self._activate(now)
            return
        self._ask(now)

    def _cause(self, now: float) -> str:
        s, name = self._s, self._s.settings.peer
        if s.peer is None:
            return "Independent: no other node could act"
        if s.forced is not None:
            return f"{s.forced}, although {name} is silent"
        if self.switch.called is not None:
            return str(self.switch.called.wish)
        if self.switch.handed is not None:
            return f"{name} did not take over in time"
        if not s.met_an_active:
            return "no node of the pair was active"
        return f"{name} gave up the role" if s.peer.connected(now) else f"{name} fell silent"

    def _ask(self, now: float) -> None:
        called = self.switch.called is not None
        self._out += self._s.term.ask(now, called=called)
        if called:
            self._s.term.ask_at = now + _CALLED_RETRY

    def _renew(self, now: float) -> None:
        s = self._s
        asks = s.phase is Phase.ASKING or (s.holding and not s.independent)
        if asks and now >= s.term.ask_at:
            self._ask(now)

    def _win(self, now: float) -> None:
        s = self._s
        if s.independent or not (s.holding or s.phase is Phase.ASKING):
            return
        before = s.term.epoch
        persists = s.term.claim(now)
        if persists is None:
            return
        self._out += persists
        if s.phase is Phase.ASKING:
            self._activate(now)
        else:
            self._out.append(Note(f"term {before} goes on as term {s.term.epoch}"))
        s.knows_term(s.term.epoch)

    def _activate(self, now: float) -> None:
        s, called = self._s, self.switch.called
        if called is None:
            self._out.append(Activate(s.term.epoch, s.cause))
        else:
            wish = called.wish
            order = Activate(s.term.epoch, s.cause, True, called.from_node, wish.request)
            self._out.append(order)
        s.enter(Phase.ACTIVE, now)
        s.knows_term(s.term.epoch)
        s.met_an_active, s.took_over, s.disk = True, False, ""
        s.term.ask_at = min(s.term.ask_at, now + s.settings.renew)
        self.switch.resumed()
        self._campaign.impossible()

    # --- saying it

    def speak_up(self) -> None:
        """Somebody new listens: say where things stand now."""
        self._said = ()

    def _describe(self, now: float) -> None:
        state, self.why = state_of(self._s, self.switch, self._blocked)
        if state is not self.state:
            self.state, self.since = state, now

    def _speak(self, now: float) -> None:
        s, peer = self._s, self._s.peer
        if peer is None:
            return
        holds = s.holds(now)
        able = unfit(s, now) is None and s.phase is not Phase.STOPPED and self.switch.handed is None
        says = (
            self.state,
            holds,
            s.took_over,
            s.config,
            s.unhealthy,
            s.term.epoch or s.top,
            able,
            s.stopping,
        )
        if says == self._said and now < self._beat_at:
            return
        if now >= self._beat_at:
            self._out += self.switch.remind(now)
        self._said, self._beat_at, self._beat = says, now + s.settings.heartbeat, self._beat + 1
        beat = Heartbeat(
            boot=s.settings.boot,
            beat=self._beat,
            role=s.settings.role.value,
            state=self.state.value,
            epoch=s.term.epoch or s.top,
            active=holds,
            left=max(0.0, s.term.until - now) if holds else 0.0,
            took_over=s.took_over and holds,
            config=s.config,
            healthy=not s.unhealthy,
            able=able,
            edges=s.edges,
            leaving=s.stopping,
        )
        self._out.append(Send(peer.node, beat))
