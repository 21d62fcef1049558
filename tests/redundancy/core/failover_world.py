"""Servers that come and go in simulated time, and a Failover that lives with them."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redundancy.core.failover import (
    Close,
    Failover,
    Leg,
    Open,
    Order,
    Pace,
    Probe,
    Unprobe,
    Visit,
)


@dataclass
class Place:
    """One server. `mute`: it takes connections and says nothing; `drops`: it ends a session (not a probe)
    after so many seconds; `notice`: how long a session takes to notice that the server is mute."""

    up: bool = True
    mute: bool = False
    drops: float = math.inf
    latency: float = 0.05
    notice: float = 3.0


class World:
    """`session[s]` and `probe[s]` are generations: what comes late for an old one is not told, as in a
    Connection that was closed."""

    def __init__(self, places: dict[str, Place], pace: Pace, seed: int = 1) -> None:
        self.now = 100.0
        self.places = places
        self.pace = pace
        self.core = Failover(tuple(places), pace, f"{seed}")
        self.targets: list[tuple[float, str | None]] = []
        self.orders: list[tuple[float, Order]] = []
        self.open: set[str] = set()
        self._random = random.Random(seed)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._session = dict.fromkeys(places, 0)
        self._probe = dict.fromkeys(places, 0)
        self._perform(self.core.start(self.now))

    def at(self, moment: float, work: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (moment, self._count, work))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = self._queue[0][0] if self._queue else math.inf
            wake = self.core.deadline()
            assert wake > self.now - 1e-9 or self.core.tick(self.now) == [], (
                "it wants to be woken in the past"
            )
            if min(due, wake) > end:
                self.now = end
                return
            if due <= wake:
                self.now = max(self.now, due)
                heapq.heappop(self._queue)[2]()
            else:
                before, self.now = self.now, max(self.now, wake)
                self._perform(self.core.tick(self.now))
                assert self.core.deadline() > before, "time stands still"

    def change(self, name: str, **how: object) -> None:
        """The server is otherwise from now on; sessions there learn it in their own time."""
        place = self.places[name]
        for key, value in how.items():
            setattr(place, key, value)
        if not place.up or place.mute:
            delay = place.latency if not place.up else place.notice * self._random.uniform(0.5, 1.0)
            self._later(self._session, name, delay, lambda: self._end(name, "gone"))
            self._later(self._probe, name, delay, lambda: self._probe_end(name, "gone"))

    # -- what it orders

    def _perform(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self.orders.append((self.now, order))
            self._one(order)
        self._check()

    def _one(self, order: Order) -> None:
        name = order.server
        match order:
            case Open():
                if name in self.open:  # it was leaving, and stays
                    self._later(
                        self._session, name, 0.0, lambda: self._perform(self.core.ready(name, self.now))
                    )
                else:
                    self._dial(name)
            case Close(_, linger) if linger:
                self._leave(name, 1.0)
            case Close():
                self._session[name] += 1
                self.open.discard(name)
            case Visit():
                self._session[name] += 1
                place = self.places[name]
                if place.up and not place.mute:
                    self.open.add(name)
                    self._leave(name, 0.5)
                else:
                    self._later(self._session, name, place.latency, lambda: self._end(name, "no"))
            case Probe():
                self._dial_probe(name)
            case Unprobe():
                self._probe[name] += 1

    def _dial(self, name: str) -> None:
        self._session[name] += 1
        place = self.places[name]

        def answer() -> None:
            if place.mute:
                return  # the core's own patience
            if not place.up:
                self._end(name, "connection refused")
                return
            self.open.add(name)
            if place.drops < math.inf:
                self._later(self._session, name, place.drops, lambda: self._end(name, "dropped"))
            self._perform(self.core.ready(name, self.now))

        self._later(self._session, name, place.latency * self._random.uniform(0.5, 1.5), answer)

    def _dial_probe(self, name: str) -> None:
        self._probe[name] += 1
        place = self.places[name]

        def answer() -> None:
            if place.up and not place.mute:
                self._perform(self.core.probed(name, self.now))
            else:
                self._probe_end(name, "connection refused")

        self._later(self._probe, name, self.pace.patience if place.mute else place.latency, answer)

    def _leave(self, name: str, seconds: float) -> None:
        def gone() -> None:
            if self.core.servers[name].session is Leg.LEAVING:
                self.open.discard(name)
                self._session[name] += 1
                self._perform(self.core.left(name, self.now))

        self._later(self._session, name, seconds, gone)

    def _end(self, name: str, why: str) -> None:
        self._session[name] += 1
        self.open.discard(name)
        self._perform(self.core.ended(name, why, self.now))

    def _probe_end(self, name: str, why: str) -> None:
        self._probe[name] += 1
        self._perform(self.core.probe_ended(name, why, self.now))

    def _later(self, table: dict[str, int], name: str, seconds: float, work: Callable[[], None]) -> None:
        generation = table[name]
        self.at(self.now + seconds, lambda: work() if table[name] == generation else None)

    def _check(self) -> None:
        core = self.core
        standing = [name for name, one in core.servers.items() if one.session is Leg.OPEN]
        assert standing == ([core.target] if core.target else []), (
            "never two targets, and a target has a session"
        )
        assert core.target is None or core.target in self.open
        assert core.why
        if not self.targets or self.targets[-1][1] != core.target:
            self.targets.append((self.now, core.target))

    def switched(self) -> list[str]:
        """The targets in order, each as often as the data moved there from another."""
        found: list[str] = []
        for _, name in self.targets:
            if name is not None and (not found or found[-1] != name):
                found.append(name)
        return found

    def longest_without(self, since: float) -> float:
        """Seconds without a target, at the longest."""
        longest, began = 0.0, None
        for moment, name in [*self.targets, (self.now, "end")]:
            if name is None:
                began = moment
            elif began is not None:
                longest, began = max(longest, moment - max(began, since)), None
        return longest
