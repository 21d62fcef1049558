"""The one place in this package that reads a clock."""

from __future__ import annotations

import time

from sparkplug.instant import Instant


class Clock:
    """Real time. Tests hand in a subclass that they turn by hand."""

    def now(self) -> Instant:
        """CLOCK_BOOTTIME counts suspended time, so a lease has run out when a machine wakes up."""
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)
