"""What was refused on the links of one node: counted by kind, told once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from redundancy.link.frames import Breach, FrameError
from redundancy.link.handshake import Refusal

_REMEMBERED = 100
_GONE_AFTER = 6.0  # seconds; a wrong peer that is still there calls or answers every two
_MISTAKES = (Breach.TLS, Breach.KEY, Breach.VERSION)  # more likely an engineer's than an attacker's


class Intruders:
    """`tell(why)` hears the first of every kind, so that a flood of garbage is one line in the log.

    A fault of TLS is of a kind for each reason, and news again once somebody has been let in: that is
    how an engineer sees which certificate is at fault now.

    `wrong_peer(why)` hears of an end that has proven the plant key and is still not the one expected:
    the pair is set up wrongly, and the Pair must know (core event Intruder). It hears every such reason
    once, and again after `gone()`: the right peer has been here since, or the wrong one has not been
    for six seconds (core event IntruderGone).
    """

    def __init__(
        self,
        tell: Callable[[str], None] | None = None,
        wrong_peer: Callable[[str], None] | None = None,
        gone: Callable[[], None] | None = None,
    ) -> None:
        self._tell = tell
        self._wrong_peer = wrong_peer
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None
        self._told: set[str] = set()
        self._mistake, self._mistaken_at = "", 0.0
        self.counts: Counter[Breach] = Counter()

    @property
    def mistake(self) -> str:
        """Why somebody who might belong here is being refused; "" once one is let in, or nobody tries."""
        if not self._mistake or asyncio.get_running_loop().time() > self._mistaken_at + _GONE_AFTER:
            return ""
        return self._mistake

    def refused(self, error: FrameError, where: str) -> None:
        """A connection of `where` (an address) was given up for `error`."""
        self.counts[error.breach] += 1
        why = f"{where}: {error.reason}"
        if error.breach in _MISTAKES:
            self._mistake, self._mistaken_at = why, asyncio.get_running_loop().time()
        if isinstance(error, Refusal) and error.proven:
            self._expect_silence()
            if self._new(why) and self._wrong_peer is not None:
                self._wrong_peer(why)
        elif (
            self._new(error.reason if error.breach is Breach.TLS else error.breach) and self._tell is not None
        ):
            self._tell(why)

    def forgive(self) -> None:
        """No wrong peer any more: what comes next is news again."""
        self._mistake = ""
        self._told = {what for what in self._told if what in tuple(Breach)}
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._gone is not None:
            self._gone()

    def _expect_silence(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_GONE_AFTER, self.forgive)

    def _new(self, what: str) -> bool:
        if what in self._told or len(self._told) >= _REMEMBERED:
            return False
        self._told.add(what)
        return True
