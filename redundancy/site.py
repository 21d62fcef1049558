"""Where the modules of a node stand: what each of them needs from the runtime, and nothing more."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from redundancy.clock import Clock
from redundancy.config import Server
from redundancy.mqtt import Connection
from redundancy.ports import Sink
from redundancy.replication.ledger import Ledger

log = logging.getLogger(__name__)


class Troubles:
    """Faults by kind: every one is counted, the first of a kind in a minute is logged and reported."""

    def __init__(self, clock: Clock, sink: Sink) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._sink = sink
        self._quiet_until: dict[str, float] = {}

    def __call__(self, kind: str, detail: str) -> None:
        """`kind` is a short constant; `detail` one sentence that may hold what an intruder sent."""
        self.counts[kind] += 1
        now = self._clock.now().mono
        if now < self._quiet_until.get(kind, now):
            return
        self._quiet_until[kind] = now + 60.0
        log.warning("%s: %s (%d so far)", kind, detail, self.counts[kind])
        self._sink.trouble(kind, detail)


class Alarm:
    """One timer that is set again and again; only the last setting rings."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None

    def set(self, deadline: float | None) -> None:
        """Ring when the clock's `mono` reaches `deadline`; None or infinity: don't."""
        if self._timer is not None and deadline == self._deadline:
            return
        self.cancel()
        self._deadline = deadline
        if deadline is None or deadline == float("inf"):
            return
        # Short naps, because the loop's own clock stands still while the machine sleeps.
        wait = min(max(0.0, deadline - self._clock.now().mono), 5.0)
        self._timer = asyncio.get_running_loop().call_later(wait, self._rings)

    def _rings(self) -> None:
        self._timer = None
        self._ring()

    def cancel(self) -> None:
        """Don't ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Farewells:
    """Sessions that are being closed: their last words must be out before the peer is told to go on."""

    def __init__(self) -> None:
        self._open: dict[asyncio.Task[None], tuple[Server, str]] = {}

    def add(self, connection: Connection) -> None:
        """`close` has been called on it."""
        task = asyncio.get_running_loop().create_task(connection.wait_ended())
        self._open[task] = connection.server, connection.client_id
        task.add_done_callback(self._open.pop)

    async def wait(self, patience: float) -> None:
        """Until all of them are gone, `patience` seconds at most: a hung broker holds up nothing."""
        if self._open:
            await asyncio.wait(self._open, timeout=patience)

    async def namesake(self, server: Server, client_id: str) -> None:
        """Until none of this name is left at this server, which would throw it off unheard for a second one;
        bounded by the connection's own patience."""
        same = [task for task, whose in self._open.items() if whose == (server, client_id)]
        if same:
            await asyncio.wait(same)


@dataclass(frozen=True, slots=True)
class Site:
    """`holds` answers whether this node holds the lease at this very moment: ask before every effect."""

    node: str
    clock: Clock
    ledger: Ledger
    sink: Sink
    holds: Callable[[], bool]
    trouble: Callable[[str, str], None]
    farewells: Farewells
