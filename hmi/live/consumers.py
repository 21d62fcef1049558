"""`/ws/live`: one browser's connection. Who may look is asked at the door and again while it is open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from hmi.live.callers import Caller, caller_of, origin_of
from hmi.live.frames import MOST_PATHS, BirthAsked, FrameError, Pong, Subscribe, Unsubscribe, parse
from hmi.live.hub import Browser, Hub
from hmi.people.rights import Right, may

log = logging.getLogger(__name__)

PING = 1.0
RECHECK = 10.0
MOST_ERRORS = 10
# A browser of ours answers pings. One that has and stopped is not reading: hold values back.
PATIENCE = 3.5
# What is drained in one go: a value that changes more often than a person can see costs one frame.
PACE = 0.05

UNKNOWN_CALLER, FORBIDDEN, TOO_MANY_ERRORS = 4401, 4403, 4400


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Reads the browser's wishes, sends births and numbered changes. The composition root hands in `hub`."""

    # The values come from the hub; a channel layer would cost one blocking Redis connection a browser.
    channel_layer_alias = None
    hub: Hub

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hub = options["hub"]
        self.browser: Browser | None = None
        self.spelling: dict[str, str] = {}
        self.errors = 0
        self.ponged: float | None = None
        self.sender: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        caller = await self._admit()
        if isinstance(caller, int):
            # Before accept() this is an HTTP 403, and the code is only for the log.
            log.info("live feed: refused %s (%s)", (self.scope.get("client") or ["?"])[0], caller)
            await self.close(code=caller)
            return
        await self.accept()
        self.browser = Browser()
        self.hub.join(self.browser)
        self.sender = asyncio.create_task(self._serve())

    async def _admit(self) -> Caller | int:
        caller = await caller_of(self.scope)
        origin = origin_of(self.scope)
        # A cookie is sent along by whoever's page opens the socket; a token is not. So only a bearer
        # of a token may come without an origin, and nobody with a foreign one.
        if origin not in settings.LIVE_ORIGINS and not (origin is None and caller.by_token):
            return FORBIDDEN
        if caller.user is None:
            return UNKNOWN_CALLER
        return caller if may(caller.user, Right.LOOK) else FORBIDDEN

    async def disconnect(self, code: int) -> None:  # noqa: ARG002  Channels' signature
        if self.sender is not None:
            self.sender.cancel()
        if self.browser is not None:
            self.hub.leave(self.browser)
            self.browser = None

    # -- from the browser

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            self._obey(parse(text_data, bytes_data))
        except FrameError as error:
            self.errors += 1
            await self._send({"type": "error", "error": error.error, "reason": error.reason})
            if self.errors >= MOST_ERRORS:
                await self.close(code=TOO_MANY_ERRORS)

    def _obey(self, frame: Subscribe | Unsubscribe | BirthAsked | Pong) -> None:
        if self.browser is None:
            return
        if isinstance(frame, Subscribe):
            if len(self.browser.paths | frame.paths.keys()) > MOST_PATHS:
                raise FrameError("too-many", f"a browser may watch {MOST_PATHS} paths")
            self.spelling.update(frame.paths)
            self.hub.watch(self.browser, set(frame.paths))
        elif isinstance(frame, Unsubscribe):
            for path in frame.paths:
                self.spelling.pop(path, None)
            self.hub.unwatch(self.browser, set(frame.paths))
        elif isinstance(frame, BirthAsked):
            self.browser.owe_birth()
        else:
            self.ponged = time.monotonic()
            self.browser.wake.set()

    # -- to the browser

    async def _serve(self) -> None:
        """Ends with the connection, or by closing it when the caller may no longer look."""
        browser = self.browser
        assert browser is not None
        ping_at = 0.0
        recheck_at = time.monotonic() + RECHECK
        while True:
            now = time.monotonic()
            if now >= recheck_at:
                if not await self._may_still_look():
                    await self.close(code=FORBIDDEN)
                    return
                recheck_at = now + RECHECK
            if now >= ping_at:
                await self._send({"type": "ping", "server_time": time.time_ns() // 1_000_000})
                ping_at = now + PING
            if browser.outbox and self._keeps_up(now):
                for frame in browser.outbox.drain(self.hub.image, browser.paths):
                    await self._send(self._spelled(frame))
            await self._pause(browser, ping_at)

    async def _may_still_look(self) -> bool:
        try:
            caller = await caller_of(self.scope)
        except DatabaseError as error:
            # Who can't be judged is let go; a browser dials again, here or at the other node.
            log.warning("live feed: %s", error)
            return False
        return may(caller.user, Right.LOOK)

    async def _pause(self, browser: Browser, until: float) -> None:
        """Sleep until there is something to say, at least for the pace, at most until the next ping."""
        await asyncio.sleep(PACE)
        if browser.outbox and self._keeps_up(time.monotonic()):
            return
        browser.wake.clear()
        with contextlib.suppress(TimeoutError):
            # Not wait_for: until Python 3.12 it can lose the cancellation that ends this task.
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await browser.wake.wait()

    def _keeps_up(self, now: float) -> bool:
        return self.ponged is None or now - self.ponged < PATIENCE

    def _spelled(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Answer with the spelling of a path that the browser asked with."""
        if "values" not in frame or all(path == said for path, said in self.spelling.items()):
            return frame
        values = {self.spelling.get(path, path): point for path, point in frame["values"].items()}
        return {**frame, "values": values}

    async def _send(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=orjson.dumps(frame).decode())


class Nowhere(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Every other WebSocket address: refused."""

    channel_layer_alias = None

    async def connect(self) -> None:
        await self.close()
