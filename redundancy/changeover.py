"""How long one changeover took, measured on the node that became active.

Times are counted from the last heartbeat of the node that acted before, or from the request when a
person asked: what an operator in front of a page would have seen, not what the winner's own clock of
events looks best with. Pure: `now` is the monotonic clock in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sparkplug import EdgeNodeId

GIVE_UP = 30.0
"""Seconds after which a changeover is reported as it stands: an edge may be down for its own reasons."""


@dataclass(slots=True)
class Changeover:
    """One change of the acting node, from `source` to `target`.

    `started` is ms since 1970 UTC and `base` the same moment on the monotonic clock. `awaited` are the
    edge nodes that were online before and must be seen again. A count is None where it is unknowable.
    """

    id: str
    cause: str
    source: str
    target: str
    epoch: int
    started: int
    base: float
    awaited: set[EdgeNodeId] = field(default_factory=set)
    replayed: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    _active: int | None = None
    _mqtt: int | None = None
    _edges: int | None = None

    def active(self, now: float) -> None:
        """The lease is ours."""
        self._active = self._after(now) if self._active is None else self._active

    def mqtt(self, now: float) -> bool:
        """The first broker has what makes us active there; True the first time."""
        if self._mqtt is not None:
            return False
        self._mqtt = self._after(now)
        self._settle(now)
        return True

    def edges_online(self, edges: Iterable[EdgeNodeId], now: float) -> None:
        """These edge nodes are alive at the new active node, born again or on the session they had."""
        self.awaited -= set(edges)
        self._settle(now)

    def count(self, *, replayed: int = 0, lost: int = 0) -> None:
        """Samples sent or received again, and samples known to be gone."""
        self.replayed = (self.replayed or 0) + replayed
        self.lost = (self.lost or 0) + lost if lost or self.lost is not None else None

    @property
    def complete(self) -> bool:
        """Everything that can be measured has been."""
        return self._edges is not None

    def overdue(self, now: float) -> bool:
        """Waiting any longer says nothing about this changeover."""
        return now - self.base > GIVE_UP

    def report(self) -> dict[str, Any]:
        """The changeover as the outside contract names its fields; null where not (yet) known."""
        return {
            "id": self.id,
            "cause": self.cause,
            "from": self.source,
            "to": self.target,
            "epoch": self.epoch,
            "started": self.started,
            "active_after_ms": self._active,
            "mqtt_after_ms": self._mqtt,
            "edges_online_after_ms": self._edges,
            "replayed": self.replayed,
            "lost": self.lost,
            "duplicates": self.duplicates,
        }

    def _settle(self, now: float) -> None:
        # Edges that never noticed anything only count once we could have commanded them.
        if self._mqtt is not None and self._edges is None and not self.awaited:
            self._edges = self._after(now)

    def _after(self, now: float) -> int:
        return max(0, round((now - self.base) * 1000))
