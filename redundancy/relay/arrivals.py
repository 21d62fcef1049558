"""What a receiver does with messages that come late, twice or in the wrong order. Pure.

Of every publisher it knows the highest number up to which nothing is missing, and what came beyond the gap
behind it. A gap that the publisher has promised to fill is waited for, and so is any other, for a while.
Neither time nor contents ever tell a copy: only publisher and number do.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum, auto
from typing import Generic, TypeVar

from redundancy.relay.envelope import Envelope

T = TypeVar("T")

WINDOW = 4096
"""How far beyond a gap a message may be and still be held."""
PUBLISHERS = 10_000


class Fate(Enum):
    """What became of a message."""

    READY = auto()
    HELD = auto()
    DUPLICATE = auto()
    PUT_BACK = auto()  # too far ahead; whoever has promised it sends it again


class Stream(Generic[T]):
    """The messages of one publisher. `through`: up to here everything was handed on or given up."""

    __slots__ = ("gap_since", "held", "promised", "skipped", "through")

    def __init__(self, through: int, held: dict[int, T] | None = None) -> None:
        self.through = through
        self.held: dict[int, T] = held or {}
        self.gap_since: float | None = None
        self.promised = False
        self.skipped = 0

    def offer(self, told: Envelope, item: T, now: float) -> tuple[Fate, list[T]]:
        """The message's fate, and what may be handed on now, in order."""
        self.promised = told.promised
        ready = self.skip_to(told.floor) if told.promised else []
        if told.number <= self.through or told.number in self.held:
            return Fate.DUPLICATE, ready
        if told.number > self.through + WINDOW:
            if told.promised:
                return Fate.PUT_BACK, ready
            ready += self.skip_to(told.number - WINDOW + 1)
        self.held[told.number] = item
        fate = Fate.HELD if told.number > self.through + 1 else Fate.READY
        ready += self._in_order()
        if not self.held:
            self.gap_since = None
        elif self.gap_since is None or ready:
            self.gap_since = now
        return fate, ready

    def overdue(self, now: float, patience: float) -> list[T]:
        """What may be handed on because nobody fills the gap in front of it."""
        if self.promised or self.gap_since is None or now - self.gap_since < patience:
            return []
        self.gap_since = now
        ready = self.skip_to(min(self.held))
        if not self.held:
            self.gap_since = None
        return ready

    def skip_to(self, floor: int) -> list[T]:
        """Nothing below `floor` will come any more: what is missing there is counted as skipped."""
        if floor <= self.through + 1:
            return []
        early = sorted(number for number in self.held if number < floor)
        ready = [self.held.pop(number) for number in early]
        self.skipped += floor - 1 - self.through - len(early)
        self.through = floor - 1
        return ready + self._in_order()

    def _in_order(self) -> list[T]:
        ready = []
        while (item := self.held.pop(self.through + 1, None)) is not None:
            ready.append(item)
            self.through += 1
        return ready


class Arrivals(Generic[T]):
    """The streams of all publishers; of more than `PUBLISHERS` the one silent longest is forgotten."""

    def __init__(self) -> None:
        self.streams: OrderedDict[str, Stream[T]] = OrderedDict()

    def stream(self, told: Envelope) -> Stream[T]:
        """The publisher's; a new one begins where its publisher says that it begins."""
        found = self.streams.get(told.publisher)
        if found is None:
            found = self.streams[told.publisher] = Stream(told.floor - 1)
            if len(self.streams) > PUBLISHERS:
                self.streams.popitem(last=False)
        else:
            self.streams.move_to_end(told.publisher)
        return found

    @property
    def skipped(self) -> int:
        """Messages given up, of all publishers, since the start."""
        return sum(stream.skipped for stream in self.streams.values())

    def overdue(self, now: float, patience: float) -> dict[str, list[T]]:
        """By publisher, what may be handed on although something before it is missing."""
        late = {name: stream.overdue(now, patience) for name, stream in self.streams.items() if stream.held}
        return {name: items for name, items in late.items() if items}
