"""Drives the pair's state machine: events in one at a time, what it orders out in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redundancy.clock import Clock
from redundancy.core.actions import Action, Persist, Promise
from redundancy.core.events import Event, PersistFailed, Tick
from redundancy.core.pair import Pair
from redundancy.site import Alarm


class PairDriver:
    """`save` writes and fsyncs a promise (blocking, in a thread of its own; OSError if it can't).

    `perform` carries one action out, on the loop; `changed` is called after every event. Events that
    come while a promise is being written wait: nothing may overtake it, and `Pair.holds` keeps telling
    the time meanwhile, so a slow disk can delay an action but can't stretch a lease.
    """

    def __init__(
        self,
        pair: Pair,
        clock: Clock,
        save: Callable[[Promise], None],
        perform: Callable[[Action], None],
        changed: Callable[[], None],
    ) -> None:
        self._pair = pair
        self._clock = clock
        self._save = save
        self._perform = perform
        self._changed = changed
        self._events: deque[Event] = deque()
        self._more = asyncio.Event()
        self._alarm = Alarm(clock, lambda: self.feed(Tick()))
        self._disk = ThreadPoolExecutor(1, "promise")
        self.saving = False
        """A promise is on its way to the disk: what follows from it is not allowed yet."""

    def feed(self, event: Event) -> None:
        """Something has happened."""
        self._events.append(event)
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self.feed(Tick())
            while True:
                await self._more.wait()
                self._more.clear()
                while self._events:
                    await self._handle(self._events.popleft())
                self._alarm.set(self._pair.deadline())
        finally:
            self._alarm.cancel()
            self._disk.shutdown(wait=False)

    async def _handle(self, event: Event) -> None:
        actions = self._pair.handle(event, self._clock.now().mono)
        for action in actions:
            if not isinstance(action, Persist):
                self._perform(action)
                continue
            self.saving = True
            try:
                await asyncio.get_running_loop().run_in_executor(self._disk, self._save, action.promise)
            except OSError as error:
                # Dropped with it: what must not happen unless the promise is on disk.
                self._events.appendleft(PersistFailed(f"the promise could not be written: {error}"))
                break
            finally:
                self.saving = False
        self._changed()
