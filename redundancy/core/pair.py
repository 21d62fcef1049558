"""A node of a leased pair: one state machine, no clock, no I/O.

    Starting -> Syncing -> Standby -> Candidate -> Active -> Draining -> Standby
    any of them -> Fenced (lease lost) -> Standby;  Maintenance and Conflict never campaign

How it is built: an event changes facts (here), then Conduct compares the facts with what is and orders
the difference. So an event that comes twice, late or not at all costs time, never safety, and `handle`
is total. What keeps two nodes from acting at once is not here but in voter.py and lease.py.
"""

from __future__ import annotations

from redundancy.core import events as ev
from redundancy.core.actions import Action, FailoverAnswer, LetGo, Note, Promise, Send, StandDown, Stopped
from redundancy.core.conduct import STOP_WITHIN, Conduct
from redundancy.core.messages import (
    WITNESS,
    Grant,
    Heartbeat,
    Message,
    Refuse,
    Release,
    Request,
    SwitchAnswer,
    SwitchAsked,
)
from redundancy.core.picture import picture
from redundancy.core.settings import PairSettings
from redundancy.core.situation import Phase, Situation
from redundancy.core.term import RETRY, Term, Wish
from redundancy.core.view import PairView

__all__ = ["STOP_WITHIN", "Pair", "PairSettings"]

_URGENT = (FailoverAnswer, StandDown, LetGo, Note)


class Pair:
    """One node. `now` is mono seconds (CLOCK_BOOTTIME: suspended time counts)."""

    term_type: type[Term] = Term

    def __init__(self, settings: PairSettings, promise: Promise, now: float) -> None:
        self._settings = settings
        self._s = Situation(settings, self.term_type(settings, promise, now), now)
        self._conduct = Conduct(self._s)
        self._switch = self._conduct.switch
        self._now = now
        self._out: list[Action] = []

    def handle(self, event: ev.Event, now: float) -> list[Action]:
        """What follows from `event`. Total: never raises, whatever the order."""
        now = max(now, self._now)
        if now - self._now > self._settings.lease / 2:
            # This process was stopped: what it has not heard meanwhile proves nothing about the peer.
            self._s.awake_at = now
        self._now = now
        self._out = self._conduct.begin(now)
        self._react(event, now)
        self._conduct.settle(now)
        # Standing down waits for no disk: nothing urgent comes after a Persist.
        return sorted(self._out, key=lambda action: not isinstance(action, _URGENT))

    def deadline(self) -> float:
        """Mono; the shell hands in a Tick then, if nothing comes before. Infinite when nothing is due."""
        return self._conduct.deadline(self._now)

    def view(self, now: float) -> PairView:
        """A picture for people."""
        conduct = self._conduct
        return picture(self._s, self._switch, conduct.state, conduct.why, conduct.since, max(now, self._now))

    def holds(self, now: float) -> bool:
        """Whether this node may act: asked before EVERY side effect."""
        return self._s.holds(now)

    # --- what happens: facts change

    def _react(self, event: ev.Event, now: float) -> None:
        match event:
            case ev.Received():
                self._on_received(event, now)
            case ev.LinkUp(node):
                self._linked(node, True, now)
            case ev.LinkDown(node):
                self._linked(node, False, now)
            case ev.FailoverAsked():
                self._on_failover(event, now)
            case ev.StoodDown():
                self._stood_down(now)
            case ev.PersistFailed():
                self._on_persist_failed(event, now)
            case _:
                self._told(event, now)

    def _told(self, event: ev.Event, now: float) -> None:
        """The shell's plain facts about this node."""
        s = self._s
        match event:
            case ev.ConfigKnown(version):
                s.config = version
            case ev.Healthy(ok, why):
                s.unhealthy = "" if ok else why or "its check fails"
            case ev.EdgeSessions(count):
                s.edges = count
            case ev.MaintenanceAsked(on, by):
                s.maintenance = (by or "somebody") if on else ""
            case ev.StopAsked():
                s.stop_by = s.stop_by or now + STOP_WITHIN
            case ev.TookOver():
                s.took_over = s.phase is Phase.ACTIVE
            case ev.Intruder(why):
                s.intruder, s.intruder_at = why or "a stranger answers as the peer", now
            case ev.IntruderGone():
                s.intruder = ""

    def _on_received(self, event: ev.Received, now: float) -> None:
        s, message = self._s, event.message
        if event.sender == WITNESS and self._settings.has_witness:
            s.witness_heard_at, s.witness_linked = now, True
        elif s.peer is None or event.sender != s.peer.node or not self._is_present(message, now):
            return
        if isinstance(message, Grant):
            self._out += s.term.granted(event.sender, message, now)
        elif isinstance(message, Refuse):
            s.term.refused(event.sender, message, now)
        elif event.sender != WITNESS:
            self._hear_peer(event.sender, message, now)

    def _is_present(self, message: Message, now: float) -> bool:
        """Not from a life of the peer that is over. (Grant and Refuse echo this node's own boot.)"""
        peer = self._s.peer
        if peer is None or isinstance(message, Grant | Refuse | SwitchAnswer):
            if peer is not None:
                peer.touched(now)
            return peer is not None
        if message.boot == self._settings.boot:
            self._s.twin = f"{self._settings.node} is paired with itself"
            return False
        return peer.heard(message.boot, now)

    def _hear_peer(self, sender: str, message: Message, now: float) -> None:
        s = self._s
        if isinstance(message, Heartbeat):
            self._hear_heartbeat(message, now)
        elif isinstance(message, Request):
            self._out += s.term.vote(sender, message, now)
        elif isinstance(message, Release):
            s.term.vote(sender, message, now)
            if s.peer is not None:
                s.peer.lease_until = 0.0
            s.term.foreign_until = 0.0
            self._switch.call(sender, message, now)
        elif isinstance(message, SwitchAsked):
            reason = self._move(Wish(message.by, message.reason, message.request), now)
            answer = SwitchAnswer(message.boot, message.request, not reason, reason)
            self._out.append(Send(sender, answer))
        elif isinstance(message, SwitchAnswer) and self._switch.forwarded(message.request):
            self._out.append(self._switch.answer(message.request, message.accepted, message.reason))

    def _hear_heartbeat(self, beat: Heartbeat, now: float) -> None:
        s, peer = self._s, self._s.peer
        if peer is None or not peer.heartbeat(beat, now):
            return
        same_role = beat.role == self._settings.role.value or beat.role == "Independent"
        s.twin = f"both nodes are {beat.role}: one of them is set up wrongly" if same_role else ""
        if now > s.intruder_at + 2 * s.settings.lease:
            s.intruder = ""
        s.knows_term(beat.epoch)
        if beat.active:
            s.met_an_active = True
            if s.holding:
                self._meet_rival(beat, now)

    def _meet_rival(self, beat: Heartbeat, now: float) -> None:
        """Both act: after a cut without a witness. The side with the edges stays, under the next number."""
        s = self._s
        if s.settings.policy == "safety":
            if beat.epoch > s.term.epoch:
                self._conduct.stand_down(f"{s.settings.peer} holds the newer term {beat.epoch}", now)
            return
        if (beat.edges, beat.epoch) > (s.edges, s.term.epoch):
            self._conduct.stand_down(
                f"{s.settings.peer} is active too and holds {beat.edges} edge sessions", now
            )
        elif beat.epoch > s.term.epoch:
            s.term.lease.refuse()
            s.term.ask_at = now

    def _linked(self, node: str, up: bool, now: float) -> None:
        # A lost link frees no vote: a reset while the holder is only paused would let a second one in.
        if node == WITNESS:
            self._s.witness_linked = up
        elif self._s.peer is not None and node == self._s.peer.node:
            self._s.peer.linked = up
        if up:
            self._conduct.speak_up()
            self._s.term.ask_at = min(self._s.term.ask_at, now + RETRY)

    def _on_failover(self, event: ev.FailoverAsked, now: float) -> None:
        known = self._switch.known(event.request)
        if known is not None:
            self._out += known
            return
        s, wish = self._s, Wish(event.by, event.reason, event.request)
        if s.phase is not Phase.ACTIVE and s.peer is not None and s.peer.acts(now) and s.peer.connected(now):
            self._out += self._switch.forward(wish, now)
            return
        if event.even_if_silent and (s.peer is None or not s.peer.connected(now)):
            self._out.append(self._conduct.force(wish, now))
            return
        self._move(wish, now)
        self._out += self._switch.known(event.request) or []

    def _move(self, wish: Wish, now: float) -> str:
        """Start a planned switch if this node is active and the peer able; else why not."""
        s = self._s
        for answer in self._switch.known(wish.request) or []:
            if isinstance(answer, FailoverAnswer):
                return answer.reason
        reason = self._switch.refusal(now)
        if not reason and s.phase is not Phase.ACTIVE:
            reason = f"{s.settings.node} is not active: it is {self._conduct.state.value}"
        if not reason and now < s.phase_since + self._settings.settling:
            # The second click of somebody who clicked twice must not move the role back.
            reason = f"{s.settings.node} has taken over only just now"
        self._switch.answer(wish.request, not reason, reason)
        if not reason:
            s.returned = False
            self._out += self._switch.begin(now, wish, planned=True)
        return reason

    def _stood_down(self, now: float) -> None:
        if self._s.phase is Phase.DRAINING:
            self._out += self._switch.stood_down(now)
        elif self._s.phase is Phase.FENCED:
            self._conduct.clean(now)

    def _on_persist_failed(self, event: ev.PersistFailed, now: float) -> None:
        s = self._s
        s.disk, s.disk_retry_at = event.why or "unknown", now + s.settings.lease
        s.term.not_saved()
        if s.holding:
            # Nobody may act under a number that is not on disk.
            self._conduct.stand_down(f"cannot write its promise to disk: {s.disk}", now)
        elif s.phase is Phase.ASKING:
            self._conduct.give_up(now)
        elif s.phase is Phase.STOPPED:
            self._out.append(Stopped())
