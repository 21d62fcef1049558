"""Many deadlines, one wake-up. Pushing a deadline back, the usual thing, costs one dict entry."""

from __future__ import annotations

import heapq
import math
from typing import Generic, TypeVar

K = TypeVar("K")


class Timers(Generic[K]):
    """One deadline per key, in seconds of the caller's clock."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._queued: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def set(self, key: K, when: float) -> None:
        self._due[key] = when
        queued = self._queued.get(key)
        if queued is None or when < queued:
            self._push(key, when)

    def due(self, key: K) -> float | None:
        """When it is due; None if it is not set."""
        return self._due.get(key)

    def cancel(self, key: K) -> None:
        self._due.pop(key, None)
        if len(self._heap) > 2 * len(self._due) + 64:
            self._rebuild()

    def next(self) -> float:
        """Not later than the first deadline; infinity if there is none."""
        return self._heap[0][0] if self._heap else math.inf

    def expired(self, now: float) -> list[K]:
        """Takes out and answers what is due, first things first."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._queued.get(key) != when:
                continue
            del self._queued[key]
            due = self._due.get(key)
            if due is None:
                continue
            if due > now:
                self._push(key, due)
            else:
                del self._due[key]
                found.append(key)
        return found

    def _push(self, key: K, when: float) -> None:
        self._count += 1
        self._queued[key] = when
        heapq.heappush(self._heap, (when, self._count, key))

    def _rebuild(self) -> None:
        self._heap.clear()
        self._queued.clear()
        for key, when in self._due.items():
            self._push(key, when)
