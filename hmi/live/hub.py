"""The web process's one subscription to its worker, and the fan-out to its browsers.

One Redis subscription serves every browser of this process; what travels is only what somebody
watches. Whatever goes wrong (a lost batch, a new worker run, Redis gone and back) ends the same way:
watch again, and whoever needs it gets a birth. With no browser nothing runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import redis.asyncio as redis

from hmi.live.condition import silent, sketch
from hmi.live.feed import Gap, Image, Outbox

log = logging.getLogger(__name__)

RENEW = 2.0
RETRY = 1.0
LOOK = 0.5
SILENT = 2.0

# Changes with every renewal of the lease, and is the node's own business.
_PRIVATE = frozenset({"lease_until"})

Gateway = dict[str, Any]


class Browser:
    """One browser's interests and outbox; its consumer waits on `wake` and drains."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.outbox = Outbox()
        self.wake = asyncio.Event()
        self.awaits_watch = False

    def owe_birth(self) -> None:
        """A birth answers whatever the browser waits for."""
        self.awaits_watch = False
        self.outbox.birth_due = True
        self.wake.set()


class Hub:
    """Made once per web process by the composition root; bound to the loop of its first browser.

    `silent` is the error that the desk raises when the worker does not answer.
    """

    def __init__(
        self,
        url: str,
        aask: Callable[..., Awaitable[Any]],
        agateway: Callable[[], Awaitable[Gateway]],
        silent: type[Exception],
        urls: Iterable[str] = (),
    ) -> None:
        self._url = url
        self._aask = aask
        self._agateway = agateway
        self._silent = silent
        self._urls = tuple(urls)
        self._name = uuid.uuid4().hex
        self._browsers: set[Browser] = set()
        self._interest: defaultdict[str, set[Browser]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._watch_due: asyncio.Event | None = None
        self.image = Image()
        self.gateway: Gateway = {}

    @property
    def running(self) -> bool:
        """Whether anybody is connected, and so anything is asked of the worker."""
        return bool(self._tasks)

    # -- what consumers call, on the loop

    def join(self, browser: Browser) -> None:
        """A browser is there. The first one starts the subscription."""
        self._browsers.add(browser)
        if not self._tasks:
            self._watch_due = asyncio.Event()
            self._tasks = [
                asyncio.create_task(self._forever(work))
                for work in (self._listen, self._keep_watch, self._look)
            ]
        if self.gateway:
            browser.outbox.notice("gateway", self.gateway)
            browser.wake.set()

    def leave(self, browser: Browser) -> None:
        """A browser is gone. The last one ends the subscription; the worker's watch runs out by itself."""
        self._browsers.discard(browser)
        self.unwatch(browser, set(browser.paths))
        if not self._browsers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []
            self.image, self.gateway = Image(), {}

    def watch(self, browser: Browser, paths: set[str]) -> None:
        """Add to a browser's interests. It gets a birth as soon as the values are here."""
        browser.paths |= paths
        for path in paths:
            self._interest[path].add(browser)
        if not self.image.stale and self.image.knows(browser.paths):
            browser.owe_birth()
        else:
            browser.awaits_watch = True
            self._rewatch()

    def unwatch(self, browser: Browser, paths: set[str]) -> None:
        browser.paths -= paths
        browser.outbox.forget(paths)
        for path in paths & self._interest.keys():
            self._interest[path].discard(browser)
            if not self._interest[path]:
                del self._interest[path]
        self.image.keep(self._interest)

    # -- the three tasks

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """What nobody foresaw ends one round, never the feed: no browser may wait for a task that died."""
        while _wanted():
            try:
                await work()
            except Exception:
                log.exception("live feed")
            await asyncio.sleep(RETRY)

    async def _listen(self) -> None:
        """The subscription. Ends only with its last browser."""
        while _wanted():
            try:
                async with redis.from_url(self._url) as connection, connection.pubsub() as subscription:
                    await subscription.subscribe("live", "gateway")
                    async for message in subscription.listen():
                        self._hear(message)
            except (redis.RedisError, OSError) as error:
                log.warning("live feed: %s", error)
                self._lose()
            await asyncio.sleep(RETRY)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            # Batches before this moment went past: only now does an answer to `watch` join up with them.
            self._rewatch()
        if message["type"] != "message":
            return
        try:
            document = json.loads(message["data"])
            if message["channel"] == b"gateway":
                self._show(document)
            else:
                self._spread(self.image.fold(document))
        except Gap:
            self._rewatch()
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("live feed: a malformed batch: %s", error)
            self._rewatch()

    async def _keep_watch(self) -> None:
        """Tell the worker what is watched: when it changes, when the stream broke, and every 2 s."""
        due = self._watch_due
        assert due is not None
        while _wanted():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW):
                    await due.wait()
            due.clear()
            try:
                await self._watch()
            except self._silent as error:
                log.debug("live feed: %s", error)
                self._lose()
                await asyncio.sleep(RETRY)
                due.set()
            except (ValueError, TypeError, AttributeError) as error:
                log.warning("live feed: a malformed answer: %s", error)
                await asyncio.sleep(RETRY)

    async def _watch(self) -> None:
        asked = sorted(self._interest)
        changes = self.image.restart(await self._aask("watch", web=self._name, paths=asked))
        covered = set(asked)
        for browser in self._browsers:
            if changes is None or (browser.awaits_watch and browser.paths <= covered):
                browser.owe_birth()
        self._spread(changes or {})

    async def _look(self) -> None:
        """The node's state. Asked for, not only heard: a lease that runs out publishes nothing."""
        while _wanted():
            try:
                async with asyncio.timeout(SILENT):
                    seen = await self._agateway()
                self._show(seen)
            except (self._silent, redis.RedisError, OSError) as error:
                log.debug("live feed: %s", error)
                self._show(silent(self.gateway))
                self._lose()
            await asyncio.sleep(LOOK)

    # -- fan-out

    def _show(self, raw: Gateway) -> None:
        gateway = {name: value for name, value in raw.items() if name not in _PRIVATE}
        gateway.update(sketch(gateway, self._urls))
        if _steady(gateway) == _steady(self.gateway):
            return
        if gateway.get("state") == "Starting":
            # Perhaps nobody is there any more: asking again finds out.
            self._rewatch()
        self.gateway = gateway
        for browser in self._browsers:
            browser.outbox.notice("gateway", gateway)
            browser.wake.set()

    def _spread(self, changes: dict[str, Any]) -> None:
        owed: defaultdict[Browser, dict[str, Any]] = defaultdict(dict)
        for path, new in changes.items():
            for browser in self._interest.get(path, ()):
                owed[browser][path] = new
        for browser, theirs in owed.items():
            browser.outbox.change(theirs, self.image.epoch)
            browser.wake.set()

    def _lose(self) -> None:
        if self.image.lose():
            for browser in self._browsers:
                browser.owe_birth()

    def _rewatch(self) -> None:
        if self._watch_due is not None:
            self._watch_due.set()


def _wanted() -> bool:
    """Whether this task was left to go on.

    Asked at every turn, because until Python 3.12 `wait_for` can lose a cancellation, and the Redis client
    sends through it.
    """
    task = asyncio.current_task()
    return task is None or not task.cancelling()


def _steady(gateway: Gateway) -> Gateway:
    """A gateway without what changes with every heartbeat, so that only news is sent."""
    steady = dict(gateway)
    for name in ("peer", "witness"):
        other = gateway.get(name)
        if isinstance(other, dict) and other.get("connected"):
            steady[name] = {key: value for key, value in other.items() if key != "last_seen"}
    return steady
