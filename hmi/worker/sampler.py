"""Takes samples at instants that two machines agree on without a word: the multiples of the period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

# How far back (ms) missed samples are taken late. A loop that was busy for a moment loses none; after a
# longer standstill this node was not there, and the pair's other node has them.
CATCH_UP = 2_000
# A clock that went back by less than this (ms) is waited for; by more, sampling starts over.
PATIENCE = 2_000
_IDLE = 1.0


def due(last: int, wall: int, period: int) -> range:
    """The instants after `last` up to `wall`: multiples of `period`, oldest first. All in ms."""
    newest = wall // period * period
    if newest < last - PATIENCE:
        return range(newest, newest + 1)
    first = max(last + period, (newest - CATCH_UP) // period * period)
    return range(first, newest + 1, period)


class Sampler:
    """Calls `take(instant, period)` for every instant that comes due."""

    def __init__(
        self,
        take: Callable[[int, int], None],
        periods: Callable[[], Iterable[int]],
        wall: Callable[[], int],
    ) -> None:
        self._take, self._periods, self._wall = take, periods, wall
        self._last: dict[int, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.step())

    def step(self) -> float:
        """Take what is due; answers the seconds until the next instant."""
        wall = self._wall()
        periods = set(self._periods())
        # A new period begins with the instant that just was, so that its samples join up from the start.
        self._last = {period: self._last.get(period, wall // period * period - period) for period in periods}
        for period in periods:
            for instant in due(self._last[period], wall, period):
                self._take(instant, period)
                self._last[period] = instant
        pauses = [(period - wall % period) / 1000 for period in periods]
        return min(pauses, default=_IDLE)
