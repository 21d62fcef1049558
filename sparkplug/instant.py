"""One reading of the clocks, handed to a core that may not read them itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment as the shell saw it.

    `mono` is for deadlines: seconds on a clock that never goes back and counts suspended time
    (CLOCK_BOOTTIME). `wall` is for the timestamps other people read: milliseconds since 1970 UTC,
    and may jump either way.
    """

    mono: float
    wall: int
