"""What was refused on the links of one node: counted by kind, told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from redundancy.link.frames import Breach, FrameError
from redundancy.link.handshake import Refusal

_REMEMBERED = 100


class Intruders:
    """`tell(why)` hears the first of every kind, so that a flood of garbage is one line in the log.

    `wrong_peer(why)` hears of an end that has proven the plant key and is still not the one expected:
    the pair is set up wrongly, and the Pair must know (core event Intruder). It hears every such reason
    once, and again after `forgive` (the right peer has been here since).
    """

    def __init__(
        self, tell: Callable[[str], None] | None = None, wrong_peer: Callable[[str], None] | None = None
    ) -> None:
        self._tell = tell
        self._wrong_peer = wrong_peer
        self._told: set[str] = set()
        self.counts: Counter[Breach] = Counter()

    def refused(self, error: FrameError, where: str) -> None:
        """A connection of `where` (an address) was given up for `error`."""
        self.counts[error.breach] += 1
        why = f"{where}: {error.reason}"
        if isinstance(error, Refusal) and error.proven:
            if self._new(why) and self._wrong_peer is not None:
                self._wrong_peer(why)
        elif self._new(error.breach) and self._tell is not None:
            self._tell(why)

    def forgive(self) -> None:
        """The right one is there: what comes next is news again."""
        self._told = {what for what in self._told if what in tuple(Breach)}

    def _new(self, what: str) -> bool:
        if what in self._told or len(self._told) >= _REMEMBERED:
            return False
        self._told.add(what)
        return True
