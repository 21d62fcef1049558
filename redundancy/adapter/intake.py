"""Between the sessions of a component and its sink: a queue with an end, and acknowledgements in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from redundancy.adapter.reports import Arrival, NotTaken

BATCH = 500
PAUSE = 1.0
"""Seconds before a sink is asked again that could not take."""


class Intake:
    """`holds` answers whether this node may act at this very moment: a node that has lost its role takes
    nothing and acknowledges nothing, so that the other one gets it."""

    def __init__(
        self,
        limit: int,
        take: Callable[[Sequence[Arrival]], Awaitable[None]],
        holds: Callable[[], bool],
        trouble: Callable[[str, str], None],
    ) -> None:
        self.limit = limit
        self.dropped = 0
        self._take = take
        self._holds = holds
        self._trouble = trouble
        self._queue: deque[tuple[Arrival, Callable[[], None]]] = deque()
        self._more = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def put(self, arrival: Arrival, taken: Callable[[], None]) -> None:
        """`taken` is called once the sink has it. Only QoS 0 is ever dropped: of the rest a server sends no
        more than its window before it hears an acknowledgement."""
        if arrival.qos == 0 and len(self._queue) >= self.limit:
            self.dropped += 1
            if self._queue[0][0].qos:
                return
            self._queue.popleft()
        self._queue.append((arrival, taken))
        self._more.set()

    def clear(self) -> None:
        """Forget what has not been taken; its servers have it still."""
        self._queue.clear()

    async def run(self) -> None:
        """Hand on until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                if not await self._hand_on():
                    await asyncio.sleep(PAUSE)

    async def _hand_on(self) -> bool:
        batch = list(islice(self._queue, BATCH))
        if not self._holds():
            return False
        for _ in batch:
            self._queue.popleft()
        try:
            await self._take([arrival for arrival, _ in batch])
        except NotTaken as error:
            self._queue.extendleft(reversed(batch))
            self._trouble("adapter-sink", str(error))
            return False
        for _, taken in batch:
            taken()
        return True
