"""What a host has received of each edge node: how much came again, and how long nothing live came. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sparkplug import EdgeNodeId, Metric


class Received(NamedTuple):
    """Of one edge node, since `Reception.watch`. gap: the longest time in seconds between two messages with
    live values, the first of which may have come before; None if none has come since."""

    gap: float | None
    replayed: int


class Reception:
    """`now` is the monotonic clock in seconds."""

    def __init__(self) -> None:
        self.replayed: Counter[EdgeNodeId] = Counter()
        """Samples received as historical since the start."""
        self._heard: dict[EdgeNodeId, float] = {}
        self._widest: dict[EdgeNodeId, float] = {}
        self._before: Counter[EdgeNodeId] = Counter()

    def heard(self, edge: EdgeNodeId, metrics: Sequence[Metric], now: float) -> None:
        """Values have come."""
        past = sum(metric.is_historical for metric in metrics)
        if past:
            self.replayed[edge] += past
        if past < len(metrics):
            gap = now - self._heard.get(edge, now)
            self._heard[edge] = now
            if gap >= self._widest.get(edge, 0.0):
                self._widest[edge] = gap

    def watch(self) -> None:
        """Measure anew from here on."""
        self._widest = {}
        self._before = self.replayed.copy()

    def of(self, edge: EdgeNodeId) -> Received:
        """Since `watch`."""
        return Received(self._widest.get(edge), self.replayed[edge] - self._before[edge])
