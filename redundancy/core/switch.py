"""The planned switch, and who asked for it.

    old: StandDown(planned) -> StoodDown -> Release(successor) to every voter -> waits -> LetGo
    new: Release(successor = me) -> campaign at once -> Activate(planned) -> TookOver -> Heartbeat says so

Every step has an end: a shell that does not stand down is released after one lease (it may not act
any more), a successor that does not become active in time leaves the role to whoever asks first.
"""

from __future__ import annotations

from dataclasses import dataclass

from redundancy.core.actions import Action, FailoverAnswer, LetGo, Send, StandDown
from redundancy.core.messages import Release, SwitchAsked
from redundancy.core.situation import Phase, Situation
from redundancy.core.term import Wish

PATIENCE = 1.5
"""How long the old holder waits for the new one to become active, in leases."""
HOLD = 5.0
"""How long it keeps its sessions standing for a new one that is active but not online yet, in seconds."""
ANSWER = 1.0
"""How long a standby waits for the active node's answer, in seconds."""
_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Drain:
    """The role is on its way out: until StoodDown, or `until` (mono)."""

    until: float
    planned: bool
    wish: Wish


@dataclass(frozen=True, slots=True)
class Handed:
    """The role is given to `to`; its sessions still stand. `until`: when to ask for it again."""

    to: str
    release: Release
    until: float
    hold_until: float


@dataclass(frozen=True, slots=True)
class Called:
    """The old holder has named this node its successor."""

    from_node: str
    wish: Wish
    until: float


class Switch:
    """Both sides of a planned switch, and the answers to those who asked for one."""

    def __init__(self, situation: Situation) -> None:
        self._s = situation
        self.drain: Drain | None = None
        self.handed: Handed | None = None
        self.called: Called | None = None
        self._answers: dict[str, FailoverAnswer] = {}
        self._forwarded: dict[str, float] = {}

    @property
    def pending(self) -> bool:
        return self.drain is not None or self.handed is not None or self.called is not None

    # --- the old side

    def refusal(self, now: float) -> str:
        """Why the role cannot be moved now, as a sentence; "" if it can."""
        peer = self._s.peer
        if peer is None:
            return f"{self._s.settings.node} is Independent: it has no peer"
        if self.pending:
            return "a switch is already under way"
        if self._s.conflict:
            return self._s.conflict
        return peer.unable(self._s.config, now)

    def begin(self, now: float, wish: Wish, *, planned: bool) -> list[Action]:
        """Stand down: for the peer (`planned`), or for good."""
        s = self._s
        self.drain = Drain(now + s.settings.lease, planned, wish)
        s.enter(Phase.DRAINING, now)
        return [StandDown(s.term.epoch, str(wish), planned=planned, goodbye=not planned)]

    def stood_down(self, now: float) -> list[Action]:
        """Nothing of this node is on its way any more (or it had its time): give the votes back."""
        s, drain = self._s, self.drain
        if drain is None:
            return []
        self.drain = None
        s.enter(Phase.IDLE, now)
        s.took_over = False
        successor = s.peer.node if drain.planned and s.peer else ""
        release = s.term.give_back(successor, drain.wish)
        if successor:
            self.handed = Handed(successor, release, now + PATIENCE * s.settings.lease, now + HOLD)
        return s.term.to_others(release)

    def remind(self, now: float) -> list[Action]:
        """A lost Release would cost a whole lease: say it again with every heartbeat."""
        if self.handed is None or now >= self.handed.until:
            return []
        return self._s.term.to_others(self.handed.release)

    def settle(self, now: float) -> list[Action]:
        """Let go of what was held once the peer has it, or when it has had its time."""
        handed, peer = self.handed, self._s.peer
        if handed is None or peer is None:
            return []
        newer = peer.epoch > handed.release.epoch
        if (
            (newer and peer.took_over)
            or now >= handed.hold_until
            or (self._s.stopping and now >= handed.until)
        ):
            self.handed = None
            return [LetGo()]
        return []

    def resumed(self) -> None:
        """This node is active again: what it still held is in use."""
        self.drain = self.handed = self.called = None

    def lost(self) -> None:
        """The lease is gone in the middle of a drain."""
        self.drain = None

    # --- the new side

    def call(self, sender: str, release: Release, now: float) -> bool:
        """The peer names this node its successor; False if it is an old story."""
        s = self._s
        if release.successor != s.settings.node or release.epoch < s.term.taken or s.holding:
            return False
        if self.called is not None:
            return False
        wish = Wish(release.by, release.reason, release.request)
        self.called = Called(sender, wish, now + PATIENCE * s.settings.lease)
        return True

    # --- those who asked

    def known(self, request: str) -> list[Action] | None:
        """What to say to a wish heard before: its answer again, or nothing while it is open."""
        if request in self._answers:
            return [self._answers[request]]
        return [] if request in self._forwarded else None

    def answer(self, request: str, accepted: bool, reason: str = "") -> FailoverAnswer:
        """Answer, and remember the answer."""
        self._forwarded.pop(request, None)
        self._answers[request] = FailoverAnswer(request, accepted, reason)
        while len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return self._answers[request]

    def forward(self, wish: Wish, now: float) -> list[Action]:
        """Pass the wish on to the active node."""
        if self._s.peer is None:
            return []
        self._forwarded[wish.request] = now + ANSWER
        asked = SwitchAsked(self._s.settings.boot, wish.by, wish.reason, wish.request)
        return [Send(self._s.peer.node, asked)]

    def forwarded(self, request: str) -> bool:
        return request in self._forwarded

    def unanswered(self, now: float) -> list[Action]:
        """Wishes that the active node has left open for too long."""
        late = [request for request, until in self._forwarded.items() if now >= until]
        name = self._s.peer.node if self._s.peer else "the peer"
        return [self.answer(request, False, f"{name} did not answer") for request in late]

    def deadlines(self) -> list[float]:
        """When `settle`, `unanswered` or the end of a drain wants to be looked at (mono)."""
        times = list(self._forwarded.values())
        if self.drain:
            times.append(self.drain.until)
        if self.handed:
            times += [self.handed.until, self.handed.hold_until]
        if self.called:
            times.append(self.called.until)
        return times
