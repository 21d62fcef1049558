"""When a candidate asks: not at the same moment as the other one."""

from __future__ import annotations

import math

from redundancy.config import Role

_SHORTEST, _SPREAD = 0.05, 0.05
_MODULUS = 2**31 - 1


class Campaign:
    """The start of a campaign: 50 to 150 ms after it has become possible, the Master in the first half.

    One of two candidates that ask at once takes the other one's vote, and then neither has two. The
    jitter comes from a seed, so that a history can be played again.
    """

    def __init__(self, role: Role, seed: int) -> None:
        self._base = _SHORTEST if role is not Role.BACKUP else _SHORTEST + _SPREAD
        self._state = seed % (_MODULUS - 1) + 1
        self.due = math.inf
        for _ in range(3):
            self.jitter()  # neighbouring seeds start alike

    def possible(self, now: float) -> float:
        """Nothing stands in the way: when to ask (mono). Stays the same until `impossible`."""
        if self.due == math.inf:
            self.due = now + self._base + self.jitter() * _SPREAD
        return self.due

    def impossible(self) -> None:
        """Something stands in the way: the next campaign draws a new moment."""
        self.due = math.inf

    def jitter(self) -> float:
        """The next number in 0..1 (Lehmer's generator: enough to keep two nodes apart)."""
        self._state = self._state * 48271 % _MODULUS
        return self._state / _MODULUS
