"""The seq of one edge node as a host counts it (specification 5.9), and the asking for births.

`Sequence` puts messages back in order. One counter covers the node and all its devices, so there is one
of these per node. What comes too early waits; when the gap closes in time everything goes on in order,
else `give_up` hands over what is there. What was received twice is dropped: it is recognised by its bytes,
since its number alone cannot be told from the number of a message after a long gap.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

# More than this many messages early is no reordering but a loss.
MAX_HELD = 64
_RECENT = 32
_MAX_PAUSE = 30.0


class Sequence(Generic[Item]):
    """timeout: seconds that an early message may wait. `deadline`: when to call `give_up`, None for never."""

    def __init__(self, timeout: float) -> None:
        self.deadline: float | None = None
        self._timeout = timeout
        self._expected: int | None = None
        self._held: dict[int, tuple[int, Item]] = {}
        self._recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._missed: frozenset[int] = frozenset()
        self._late_until = float("-inf")

    def restart(self, expected: int | None) -> None:
        """A birth: forget everything. None: whatever comes first starts the count (an adopted birth)."""
        self._expected = expected
        self._held.clear()
        self._recent.clear()
        self._missed = frozenset()
        self.deadline = None

    def take(self, seq: int, digest: int, item: Item, now: float) -> list[Item]:
        """What can be processed now, in order; nothing for a duplicate and for what has to wait.

        digest: a hash of the whole message.
        """
        if self._expected is None:
            self._expected = seq
        if seq == self._expected:
            return self._in_order(seq, digest, item, now)
        if (seq, digest) in self._recent or seq in self._held:
            return []
        if seq in self._missed and now < self._late_until:
            return []
        self._held[seq] = (digest, item)
        if len(self._held) > MAX_HELD:
            self.deadline = now
        elif self.deadline is None:
            self.deadline = now + self._timeout
        return []

    def _in_order(self, seq: int, digest: int, item: Item, now: float) -> list[Item]:
        ready = [item]
        self._recent.append((seq, digest))
        following = (seq + 1) % 256
        while following in self._held:
            digest, item = self._held.pop(following)
            self._recent.append((following, digest))
            ready.append(item)
            following = (following + 1) % 256
        self._expected = following
        if not self._held:
            self.deadline = None
        elif len(ready) > 1:
            # One gap has closed and another is open: it gets its own time.
            self.deadline = now + self._timeout
        return ready

    def give_up(self, now: float) -> tuple[str, list[Item]]:
        """The gap in words and what waited behind it, in order; the count goes on after that."""
        first = self._expected or 0
        ahead = sorted(self._held, key=lambda seq: (seq - first) % 256)
        skipped = (ahead[0] - first) % 256
        gap = f"seq {first} is missing, {ahead[0]} came ({skipped} lost)"
        items = [self._held[seq][1] for seq in ahead]
        span = (ahead[-1] - first) % 256
        self._missed = frozenset((first + n) % 256 for n in range(span)) - self._held.keys()
        self._late_until = now + self._timeout
        self._recent.extend((seq, self._held[seq][0]) for seq in ahead)
        self._expected = (ahead[-1] + 1) % 256
        self._held.clear()
        self.deadline = None
        return gap, items


@dataclass(slots=True)
class BirthRequests:
    """When to ask one node for its birth: at once, then at most every `interval` seconds, doubling up to 30.

    It goes on until the node is born: a request travels with QoS 0, and whoever was to send it may not
    have held the lease at that time.
    """

    interval: float
    cause: str | None = None
    server: str = ""
    next_at: float = float("-inf")
    pause: float = 0.0

    @property
    def deadline(self) -> float | None:
        return None if self.cause is None else self.next_at

    def want(self, server: str, cause: str, not_before: float = float("-inf")) -> None:
        self.server, self.cause = server, cause
        self.next_at = max(self.next_at, not_before)

    def due(self, now: float) -> str | None:
        """The cause, if the moment has come to ask; counts as asked."""
        if self.cause is None or now < self.next_at:
            return None
        self.pause = min(max(self.interval, self.pause * 2), max(self.interval, _MAX_PAUSE))
        self.next_at = now + self.pause
        return self.cause

    def settled(self) -> None:
        """Born, dead or out of reach. The pause since the last request still holds."""
        self.cause = None
        self.pause = 0.0
