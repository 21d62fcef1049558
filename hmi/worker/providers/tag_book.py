"""The tags of `[default]` as configured: a frozen book, and what is new in it.

Books are made and compared in a thread, since a hundred thousand tags take their time; the runtime's loop
only swaps one for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from hmi.tags.about import About
from redundancy.config import Transmitter
from sparkplug import DataSet, DataType, EdgeNodeId, Template, Value

MEMORY, COUNTER = "memory", "counter"


@dataclass(frozen=True, slots=True)
class EdgeTag:
    """One tag of `[default]`, as configured. `edge` is None for a tag that no edge node publishes.

    `period` is ms between two samples of a counter; `initial` is what a memory tag holds before anybody
    has written to it; a number below `low` or above `high` is never taken, whoever writes it.
    """

    path: str
    edge: EdgeNodeId | None
    device: str
    name: str
    datatype: DataType
    kind: str = MEMORY
    initial: Value = None
    writable: bool = False
    stored: bool = False
    period: int = 100
    low: float | None = None
    high: float | None = None
    unit: str = ""
    description: str = ""

    @property
    def about(self) -> About:
        """What is said of it, here and in births."""
        fixed = not self.writable or self.kind != MEMORY
        return About(self.unit, self.low, self.high, self.description, read_only=fixed)

    def outside(self, value: Value) -> str:
        """Why the limits forbid this value; "" if they don't. They hold for each element of an array."""
        if isinstance(value, tuple) and not isinstance(value, DataSet | Template):
            found = ((number, self.outside(element)) for number, element in enumerate(value))
            return next((f"element {number}: {why}" for number, why in found if why), "")
        if not isinstance(value, int | float):
            return ""
        # Said this way round, NaN is outside of any limit.
        if self.low is not None and not value >= self.low:
            return f"{self.path}: {value:g} is below the low limit {self.low:g}"
        if self.high is not None and not value <= self.high:
            return f"{self.path}: {value:g} is above the high limit {self.high:g}"
        return ""


@dataclass(frozen=True, slots=True)
class News:
    """What one book has and another had not. `reshaped`: edge nodes must be born again."""

    fresh: tuple[EdgeTag, ...]
    changed: tuple[EdgeTag, ...]
    gone: tuple[str, ...]
    reshaped: bool


@dataclass(frozen=True, slots=True)
class TagBook:
    """The tags by what they are looked up by.

    `published` has each edge node's devices (those without tags, too) with their tags in order; `counters`
    the tags that are sampled, by their period in ms.
    """

    tags: Mapping[str, EdgeTag] = field(default_factory=dict)
    by_metric: Mapping[tuple[EdgeNodeId, str, str], EdgeTag] = field(default_factory=dict)
    published: Mapping[EdgeNodeId, Mapping[str, tuple[EdgeTag, ...]]] = field(default_factory=dict)
    counters: Mapping[int, tuple[EdgeTag, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tags)

    @classmethod
    def of(cls, tags: Iterable[EdgeTag], transmitters: Iterable[Transmitter]) -> Self:
        """Of tags in any order; of two with one path the later counts."""
        by_path = {tag.path: tag for tag in tags}
        devices: dict[EdgeNodeId, dict[str, list[EdgeTag]]] = {
            EdgeNodeId(one.group, one.edge): {device: [] for device in one.devices} for one in transmitters
        }
        counters: dict[int, list[EdgeTag]] = {}
        for tag in by_path.values():
            held = devices.get(tag.edge, {}).get(tag.device) if tag.edge is not None else None
            if held is not None:
                held.append(tag)
            if tag.kind == COUNTER:
                counters.setdefault(tag.period, []).append(tag)
        return cls(
            by_path,
            {(tag.edge, tag.device, tag.name): tag for tag in by_path.values() if tag.edge is not None},
            {edge: {name: tuple(held) for name, held in found.items()} for edge, found in devices.items()},
            {period: tuple(found) for period, found in counters.items()},
        )

    def since(self, before: TagBook) -> News:
        """What is new here, compared with `before`."""
        fresh, changed = [], []
        for path, tag in self.tags.items():
            old = before.tags.get(path)
            if old is None:
                fresh.append(tag)
            elif old is not tag and old != tag:
                changed.append(tag)
        gone = tuple(before.tags.keys() - self.tags.keys())
        return News(tuple(fresh), tuple(changed), gone, self._shape() != before._shape())

    def _shape(self) -> object:
        """What births say, values apart."""
        return {
            (edge, device, tag.name, tag.datatype, tag.about)
            for edge, devices in self.published.items()
            for device, tags in devices.items()
            for tag in tags
        }


NO_TAGS = TagBook()
