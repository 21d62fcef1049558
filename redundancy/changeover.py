"""How one changeover went, measured on the node that became active.

Times are counted from the last heartbeat of the node that acted before, or from the request when a
person asked: what an operator in front of a page would have seen, not what the winner's own clock of
events looks best with. Pure: `now` is the monotonic clock in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redundancy.host.reception import Received
from sparkplug import EdgeNodeId

GIVE_UP = 30.0
"""Seconds after which a changeover is reported as it stands: an edge may be down for its own reasons."""
AFTERMATH = 2.0
"""Seconds after the last edge node came online: what is sent again comes right behind the births."""


@dataclass(slots=True)
class Changeover:
    """One change of the acting node, from `source` to `target`.

    `started` is ms since 1970 UTC and `base` the same moment on the monotonic clock. `awaited` are the
    edge nodes that were online before and must be seen again. `commands` were on their way from `source`
    when it fell silent: nobody knows what became of them. A count is None where it is unknowable.
    """

    id: str
    cause: str
    source: str
    target: str
    epoch: int
    started: int
    base: float
    awaited: set[EdgeNodeId] = field(default_factory=set)
    commands: Sequence[Mapping[str, Any]] = ()
    replayed: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    repeated: int | None = None
    """Samples that came a second time; history, a set by their permanent key, keeps each of them once."""
    finished: bool = False
    """Nothing more will be added."""
    steps: list[tuple[str, int]] = field(default_factory=list)
    """What happened, in words, and when: ms after the start."""
    edges: dict[str, dict[str, int | None]] = field(default_factory=dict)
    _active: int | None = None
    _mqtt: int | None = None
    _edges: int | None = None
    _complete_at: float | None = None

    def active(self, now: float) -> None:
        """The lease is ours."""
        if self._active is None:
            self._active = self.step(f"{self.target} holds the role with epoch {self.epoch}", now)

    def mqtt(self, servers: Iterable[str], now: float) -> bool:
        """These brokers have what makes us active there; True if one of them is new."""
        said = {name for name, _ in self.steps}
        fresh = [step for step in (f"active at {server}" for server in servers) if step not in said]
        for step in fresh:
            after = self.step(step, now)
            self._mqtt = after if self._mqtt is None else self._mqtt
        self._settle(now)
        return bool(fresh)

    def edges_online(self, edges: Iterable[EdgeNodeId], now: float) -> bool:
        """These edge nodes are alive at the new active node, born again or on the session they had.

        True if one of them was still awaited.
        """
        # Edge nodes that never noticed anything only count once we could have commanded them.
        fresh = self.awaited & set(edges) if self._mqtt is not None else set()
        for edge in sorted(fresh, key=str):
            self.edges[str(edge)] = {"online_after_ms": self.step(f"{edge} is online", now)}
        self.awaited -= fresh
        self._settle(now)
        return bool(fresh)

    def received(self, edge: EdgeNodeId, what: Received) -> None:
        """What a host has received of the edge node since the start."""
        entry = self.edges.setdefault(str(edge), {"online_after_ms": None})
        entry["gap_ms"] = None if what.gap is None else round(what.gap * 1000)
        entry["replayed"] = what.replayed

    def count(self, *, replayed: int = 0, lost: int = 0) -> None:
        """Samples sent or received again, and samples known to be gone."""
        self.replayed = (self.replayed or 0) + replayed
        self.lost = (self.lost or 0) + lost if lost or self.lost is not None else None

    def step(self, what: str, now: float) -> int:
        """Something has happened; answers when, in ms after the start."""
        after = max(0, round((now - self.base) * 1000))
        self.steps.append((what, after))
        return after

    @property
    def complete(self) -> bool:
        """Every edge node that was online before is online again."""
        return self._edges is not None

    def over(self, now: float, *, quiet: bool) -> bool:
        """All that can be measured has been, or waiting any longer would say nothing about this changeover.

        quiet: nothing is being sent again.
        """
        if now - self.base > GIVE_UP:
            return True
        return quiet and self._complete_at is not None and now - self._complete_at >= AFTERMATH

    def report(self) -> dict[str, Any]:
        """The changeover as the outside contract names its fields, and more; null where not (yet) known."""
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
            "repeated": self.repeated,
            "finished": self.finished,
            "steps": [list(step) for step in self.steps],
            "edges": self.edges,
            "awaited": sorted(str(edge) for edge in self.awaited),
            "commands": [dict(command) for command in self.commands],
        }

    def _settle(self, now: float) -> None:
        if self._mqtt is not None and self._edges is None and not self.awaited:
            self._edges = max(0, round((now - self.base) * 1000))
            self._complete_at = now
