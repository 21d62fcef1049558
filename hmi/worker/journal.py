"""What happened at this node, one plain sentence an entry: the Redis stream `journal`.

For whoever stands beside the node and wants to see it work (`manage.py node try` prints it). Nothing is
decided by it. Redis keeps the newest thousand entries as long as it lives itself; while it is away the
newest two hundred wait here, and what was before them is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import orjson
from redis.exceptions import RedisError

from hmi.desk import connect

log = logging.getLogger(__name__)

STREAM = "journal"
MOST_ENTRIES = 1_000
_MOST_WAITING = 200
_RETRY = 0.25


class Journal:
    """Call it with a time (ms since 1970 UTC) and a sentence, on the runtime's loop; it never waits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[tuple[int, str]] = deque(maxlen=_MOST_WAITING)
        self._news = asyncio.Event()

    def __call__(self, at: int, sentence: str) -> None:
        self._waiting.append((at, sentence))
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._write()
            except (RedisError, OSError) as error:
                log.debug("journal: %s", error)
            await asyncio.sleep(_RETRY)

    async def _write(self) -> None:
        async with connect(self._url) as redis:
            while True:
                await self._news.wait()
                while self._waiting:
                    entry = self._waiting[0]
                    fields = {"entry": orjson.dumps(entry)}
                    await redis.xadd(STREAM, fields, maxlen=MOST_ENTRIES, approximate=True)
                    # Only now, so that what Redis did not take is tried again; meanwhile it may have been
                    # pushed out by what came after it.
                    if self._waiting and self._waiting[0] is entry:
                        self._waiting.popleft()
                self._news.clear()
