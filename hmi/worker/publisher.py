"""The worker's voice: changes of watched tags, and the node's own state, into Redis.

Redis is lossy here and may be gone for a while; neither harms. What could not be said is not repeated:
the next number leaves a gap, and a gap makes the reader ask again for everything. While nobody watches
nothing is sent and nothing wakes up but a look at the node's own state once a second.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hmi.desk import STATE, STATE_LIFE, connect
from hmi.tags import path as paths
from hmi.tags.value import Quality
from hmi.tags.wire import to_wire, too_large
from hmi.worker.gateway_state import GatewayState, public, steady
from hmi.worker.providers.image import TagImage
from redundancy.clock import Clock
from redundancy.ports import GatewayView

log = logging.getLogger(__name__)

LIVE = "live"
TICK = 0.1
WATCH_LIFE = 15.0
REFRESH = 1.0
_RETRY = 0.5


class Watches:
    """Which web process watches which tags, and until when. Times are seconds on the monotonic clock."""

    def __init__(self, life: float = WATCH_LIFE) -> None:
        self._life = life
        self._held: dict[str, tuple[frozenset[str], float]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def __len__(self) -> int:
        return len(self.paths())

    def set(self, web: str, watched: Iterable[str], now: float) -> None:
        """`web` watches exactly these paths, for another 15 s. No paths: it watches nothing."""
        wanted = frozenset(watched)
        if wanted:
            self._held[web] = (wanted, now + self._life)
        else:
            self._held.pop(web, None)

    def expire(self, now: float) -> bool:
        """Forget web processes that have fallen silent; True if there were any."""
        gone = [web for web, (_, until) in self._held.items() if until < now]
        for web in gone:
            del self._held[web]
        return bool(gone)

    def paths(self) -> frozenset[str]:
        """Everything that somebody watches."""
        return frozenset().union(*(watched for watched, _ in self._held.values()))


class Publisher:
    """Publishes on `live` and `gateway`, and keeps the key `gateway`. Lives on the runtime's loop."""

    def __init__(
        self,
        url: str,
        image: TagImage,
        state: GatewayState,
        view: Callable[[], GatewayView],
        clock: Clock,
    ) -> None:
        self.run_id = uuid.uuid4().hex
        self.batches = 0
        self._url, self._image, self._state, self._view, self._clock = url, image, state, view, clock
        self._watches = Watches()
        self._seq = 0
        self._watched = asyncio.Event()
        self._news = asyncio.Event()
        self._said: dict[str, Any] | None = None

    @property
    def watched(self) -> int:
        """How many tags are watched."""
        return len(self._watches)

    def watch(self, web: str, asked: Iterable[str]) -> dict[str, Any]:
        """`web` watches these paths from now on; answers their values and the number they stand at."""
        spelled = {path: _canonical(path) for path in asked}
        self._watches.set(web, (path for path in spelled.values() if path), self._clock.now().mono)
        self._image.watch(self._watches.paths())
        if self._watches:
            self._watched.set()
        return self._batch({path: self._point(found or path) for path, found in spelled.items()})

    def unwatch(self, web: str) -> None:
        self.watch(web, ())

    def news(self) -> None:
        """The node's own state may have changed: say so at once."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever(self._say_changes), name="live")
            group.create_task(self._forever(self._say_state), name="gateway state")

    async def _forever(self, work: Callable[[Redis[bytes]], Any]) -> None:
        silent = False
        while True:
            try:
                async with connect(self._url) as redis:
                    await redis.ping()
                    if silent:
                        log.warning("Redis answers again")
                    silent = False
                    await work(redis)
            except (RedisError, OSError) as error:
                if not silent:
                    log.warning("Redis does not answer: %s", error)
                silent = True
            await asyncio.sleep(_RETRY)

    async def _say_changes(self, redis: Redis[bytes]) -> None:
        while True:
            await self._watched.wait()
            await asyncio.sleep(TICK)
            if self._watches.expire(self._clock.now().mono):
                self._image.watch(self._watches.paths())
            if not self._watches:
                self._watched.clear()
            changed = self._image.take_changes()
            if changed:
                # Counted before it is sent: if it gets lost, the next one shows the gap.
                self._seq += 1
                batch = self._batch({path: self._point(path) for path in changed})
                await redis.publish(LIVE, orjson.dumps(batch))
                self.batches += 1

    async def _say_state(self, redis: Redis[bytes]) -> None:
        self._said = None
        while True:
            state = self._state.describe(self._view(), self._clock.now())
            await redis.set(STATE, orjson.dumps(state), px=int(STATE_LIFE * 1000))
            news = steady(state)
            if news != self._said:
                await redis.publish(STATE, orjson.dumps(public(state)))
                self._said = news
            try:
                async with asyncio.timeout(REFRESH):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    def _batch(self, values: dict[str, list[Any]]) -> dict[str, Any]:
        return {"run": self.run_id, "epoch": self._view().epoch, "seq": self._seq, "values": values}

    def _point(self, path: str) -> list[Any]:
        tag = self._image.get(path)
        if tag is None:
            return [None, Quality.NOT_FOUND.value, 0]
        if too_large(tag.value):
            return [None, Quality.BAD.value, tag.timestamp]
        return [to_wire(tag.value), tag.quality.value, tag.timestamp]


def _canonical(path: str) -> str | None:
    try:
        return paths.canonical(path)
    except paths.PathError:
        return None
