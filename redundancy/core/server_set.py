"""Which MQTT server of its set an edge node tries next, and when.

An edge node is on one server at a time. It moves on after every failure, round and round the set:

    for the first 15 s of trying   1 s between two attempts, up to a quarter more
    after that                     the pause doubles, up to 5 s: trying is cheap, being away is not
    a start-up delay               where one is set, before the very first attempt
    online again                   the next trouble starts from 1 s

The fixed pause at the start is on purpose. When a primary dies, its Will sends edges away from the backup's
broker before the backup speaks there; a pause that doubled at once would keep them away for 8 s.
"""

from __future__ import annotations

PAUSE = 1.0
PATIENCE = 15.0
LONGEST = 5.0
_JITTER = 0.25


class ServerWalk:
    """A walk through `count` servers; `seed` spreads many edge nodes that start together."""

    def __init__(self, count: int, seed: int) -> None:
        self.current = 0
        self.retry_at = 0.0
        self.why = "the first server of the set"
        self._count = max(1, count)
        self._state = seed & 0xFFFFFFFF
        self._trying_since: float | None = None
        self._pause = PAUSE

    def delay(self, since: float, most: float) -> None:
        """The first attempt waits for a random part of `most` seconds, counted from `since` (monotonic)."""
        self.retry_at = since + most * self._fraction()

    def failed(self, now: float, why: str) -> None:
        """The server could not be reached, refused us, or had no host within the time for it."""
        self._move_on(now, why)

    def left(self, now: float, why: str) -> None:
        """A session that stood is over: the connection broke, or the host went offline there."""
        self._move_on(now, why)

    def sent_on(self, now: float, why: str) -> None:
        """The host has asked for it. Nothing has failed, so there is nothing to wait for."""
        self._move_on(now, why)
        self.retry_at = now

    def connected(self, now: float) -> None:
        """The edge node is online at the current server."""
        self._trying_since = None
        self._pause = PAUSE
        self.retry_at = now
        self.why = "online"

    def _move_on(self, now: float, why: str) -> None:
        if self._trying_since is None:
            self._trying_since = now
        if now - self._trying_since > PATIENCE:
            self._pause = min(self._pause * 2, LONGEST)
        self.current = (self.current + 1) % self._count
        self.retry_at = now + self._pause * (1 + _JITTER * self._fraction())
        self.why = f"{why}; trying the next server"

    def _fraction(self) -> float:
        """A number in [0, 1) from a small generator of our own: a core draws no lots outside."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self._state / 2**32
