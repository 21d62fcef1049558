"""A host application's STATE on one server, while it acts there (specification 5.13, 5.14).

    CLOSED        no connection.
    CONNECTING    the Will, STATE offline with this session's timestamp, is in the CONNECT.
    SUBSCRIBING   connected; STATE online may follow only when both subscriptions are in place.
    ANNOUNCED     online is published, its echo has not come back yet.
    ONLINE        the echo has come: what arrives now was published after ours.

The rules that the table cannot say:

1.  Whatever hides this host on its own STATE topic is answered with STATE online and this session's timestamp
    (5.3): offline, an empty or unreadable message, an older online. The usual cause is the Will of the
    host that this one has replaced. Before the echo nothing is answered: retained messages of the past and
    the second copy that overlapping subscriptions bring are no news.
2.  Again within RECUR seconds, somebody else writes there: Reopen with a new timestamp, with a Problem.
3.  An offline with a higher timestamp than ours beats every answer of this session in the eyes of an edge
    node, so it is answered and the session reopened at once.
4.  The first is answered at once, the next ones at most every ANSWER_PAUSE seconds, and Reopen comes at most
    once in REOPEN_PAUSE seconds: a forger does not set the pace. What is owed comes at `deadline()`.
5.  An online with a higher timestamp is the other node of the pair that has taken over: no business of ours.
"""

from __future__ import annotations

from enum import StrEnum

from sparkplug.effects import Close, Effect, Problem, Publish, Reopen, Subscribe, Will
from sparkplug.errors import LocalProtocolError, StateError
from sparkplug.instant import Instant
from sparkplug.state import HostState
from sparkplug.topic import EVERYTHING, state_host, state_topic

RECUR = 60.0
ANSWER_PAUSE = 0.5
REOPEN_PAUSE = 10.0
# A broker that never echoes must not disarm the defence.
ECHO_WAIT = 2.0


class PresenceState(StrEnum):
    """Where a HostPresence stands; the table is at the head of presence.py."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    ANNOUNCED = "announced"
    ONLINE = "online"


class _Step(StrEnum):
    OPEN = "open"
    CONNECTED = "connected"
    SUBSCRIBED = "subscribed"
    ECHOED = "echoed"
    ANSWERED = "answered"
    ENDED = "ended"


_S = PresenceState
_TRANSITIONS: dict[PresenceState, dict[_Step, PresenceState]] = {
    _S.CLOSED: {_Step.OPEN: _S.CONNECTING},
    _S.CONNECTING: {_Step.CONNECTED: _S.SUBSCRIBING, _Step.OPEN: _S.CONNECTING, _Step.ENDED: _S.CLOSED},
    _S.SUBSCRIBING: {_Step.SUBSCRIBED: _S.ANNOUNCED, _Step.OPEN: _S.CONNECTING, _Step.ENDED: _S.CLOSED},
    _S.ANNOUNCED: {
        _Step.ECHOED: _S.ONLINE,
        _Step.ANSWERED: _S.ANNOUNCED,
        _Step.OPEN: _S.CONNECTING,
        _Step.ENDED: _S.CLOSED,
    },
    _S.ONLINE: {_Step.ANSWERED: _S.ANNOUNCED, _Step.OPEN: _S.CONNECTING, _Step.ENDED: _S.CLOSED},
}


class HostPresence:
    """Sans-I/O. The timestamps (ms UTC) are the shell's choice: above `highest_seen`, and above the clock's
    last one on every server.
    """

    def __init__(self, host_id: str) -> None:
        self.state = PresenceState.CLOSED
        self.timestamp = 0
        self.highest_seen = 0
        self._host_id = host_id
        self._topic = state_topic(host_id)
        self._echo_due = float("-inf")
        self._answered_at = float("-inf")
        self._reopened_at = float("-inf")
        self._answer_owed = False
        self._owed: str | None = None  # why a Reopen is due

    def open(self, timestamp: int, now: Instant) -> Will:  # noqa: ARG002 - every entry takes the time
        """Before each CONNECT. A session that was open counts as gone."""
        if timestamp < 0:
            raise LocalProtocolError(f"STATE timestamp {timestamp}")
        self._step(_Step.OPEN)
        self.timestamp = timestamp
        self._answer_owed, self._owed = False, None
        return Will(self._topic, HostState(False, timestamp).encode(), qos=1, retain=True)

    def connected(self, now: Instant) -> list[Effect]:  # noqa: ARG002
        """After CONNACK."""
        if not self._step(_Step.CONNECTED):
            return []
        return [Subscribe(((self._topic, 1), (EVERYTHING, 1)))]

    def subscribed(self, now: Instant) -> list[Effect]:
        """After SUBACK."""
        return [self._announce(now)] if self._step(_Step.SUBSCRIBED) else []

    def disconnected(self, now: Instant) -> list[Effect]:  # noqa: ARG002
        """The connection is gone; the broker sends the Will."""
        self._end()
        return []

    def receive(self, topic: str, payload: bytes, now: Instant) -> list[Effect]:
        """Any message of this connection. Never raises; only the own STATE means anything here."""
        if state_host(topic) != self._host_id:
            return []
        try:
            state = HostState.decode(payload)
        except StateError:
            state = None
        if state is not None:
            self.highest_seen = max(self.highest_seen, state.timestamp)
            if state.online and state.timestamp == self.timestamp:
                self._step(_Step.ECHOED)
            if state.online and state.timestamp >= self.timestamp:
                self._answer_owed &= state.timestamp == self.timestamp
                return []
        if self.state is PresenceState.ONLINE or (
            self.state is PresenceState.ANNOUNCED and now.mono >= self._echo_due
        ):
            return self._defend(state, now)
        return []

    def goodbye(self, now: Instant, timestamp: int) -> list[Effect]:  # noqa: ARG002
        """The host application leaves for good: STATE offline with the time of leaving, then DISCONNECT."""
        online = self.state in (PresenceState.SUBSCRIBING, PresenceState.ANNOUNCED, PresenceState.ONLINE)
        if not online:
            return self.leave()
        offline = HostState(False, max(timestamp, self.timestamp)).encode()
        return [Publish(self._topic, offline, qos=1, retain=True), *self.leave("goodbye")]

    def leave(self, why: str = "the other node of the pair carries on") -> list[Effect]:
        """A planned switch: the host application stays online, only this node goes. The Will is dropped."""
        return [Close(clean=True, why=why)] if self._end() else []

    def tick(self, now: Instant) -> list[Effect]:
        """To be called at `deadline()`; harmless at any other time."""
        answer = self._answer_owed and now.mono >= self._answered_at + ANSWER_PAUSE
        return [*([self._answer(now)] if answer else []), *self._reopen(now)]

    def deadline(self) -> float | None:
        """When to call `tick` (monotonic seconds), None for never."""
        answer = self._answered_at + ANSWER_PAUSE if self._answer_owed else None
        reopen = self._reopened_at + REOPEN_PAUSE if self._owed is not None else None
        return min((time for time in (answer, reopen) if time is not None), default=None)

    # --- inside

    def _end(self) -> bool:
        self._answer_owed, self._owed = False, None
        return self._step(_Step.ENDED)

    def _step(self, step: _Step) -> bool:
        target = _TRANSITIONS[self.state].get(step)
        if target is None:
            return False
        self.state = target
        return True

    def _announce(self, now: Instant) -> Publish:
        self._echo_due = now.mono + ECHO_WAIT
        return Publish(self._topic, HostState(True, self.timestamp).encode(), qos=1, retain=True)

    def _defend(self, state: HostState | None, now: Instant) -> list[Effect]:
        beaten = state is not None and state.timestamp > self.timestamp
        again = now.mono - self._answered_at < RECUR
        self._answer_owed = now.mono < self._answered_at + ANSWER_PAUSE
        effects: list[Effect] = [] if self._answer_owed else [self._answer(now)]
        if not (beaten or again):
            return effects
        what = "an unreadable STATE" if state is None else f"online={state.online}, {state.timestamp}"
        self._owed = f"somebody else writes the STATE of {self._host_id}: {what}"
        effects.append(Problem("state-forged", self._owed))
        return [*effects, *self._reopen(now)]

    def _answer(self, now: Instant) -> Publish:
        self._answered_at, self._answer_owed = now.mono, False
        self._step(_Step.ANSWERED)
        return self._announce(now)

    def _reopen(self, now: Instant) -> list[Effect]:
        if self._owed is None or now.mono < self._reopened_at + REOPEN_PAUSE:
            return []
        why, self._owed, self._reopened_at = self._owed, None, now.mono
        return [Reopen(why)]
