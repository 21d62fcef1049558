"""The end of the pair link that calls: keeps one connection to an endpoint alive."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable
from typing import Any

from redundancy.config import Endpoint
from redundancy.link.frames import Breach, FrameError
from redundancy.link.handshake import Handshake, Terms
from redundancy.link.intruders import Intruders
from redundancy.link.speaker import Check, Speaker
from redundancy.link.stream import Stream, StreamEvents
from redundancy.link.tls import Papers, expiring

CONNECT_TIMEOUT = 0.5
RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # seconds between attempts, doubling


class Dialer:
    """Calls `endpoint` on one channel, again and again, from `start` to `close`.

    `on_up(peer)`, `on_message(peer, message)` and `on_down(peer, why)` run on the loop and must not
    block. `why` says, in one sentence, why there is no connection now; empty while there is one.
    `bind` is the local address to call from, "" the system's choice.
    """

    def __init__(
        self,
        me: Speaker,
        endpoint: Endpoint,
        key: bytes,
        channel: str,
        *,
        check: Check,
        on_up: Callable[[Speaker], None] | None = None,
        on_down: Callable[[Speaker, str], None] | None = None,
        on_message: Callable[[Speaker, dict[str, Any]], None] | None = None,
        intruders: Intruders | None = None,
        papers: Papers | None = None,
        bind: str = "",
    ) -> None:
        self._me = me
        self._endpoint = endpoint
        self._key = key
        self._channel = channel
        self._check = check
        self._on_up = on_up
        self._on_down = on_down
        self._on_message = on_message
        self._papers = papers
        self._local = (bind, 0) if bind else None
        self._stream: Stream | None = None
        self._over: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._wait = RETRY_FIRST
        self.intruders = intruders or Intruders()
        self.why = "not connected yet"

    @property
    def peer(self) -> Speaker | None:
        """Who is at the other end, None while nobody is."""
        return self._stream.peer if self._stream is not None and self._stream.is_ready else None

    @property
    def is_up(self) -> bool:
        """The handshake is done and the connection stands."""
        return self._stream is not None and self._stream.is_ready

    @property
    def expiring(self) -> str:
        """That the other end's certificate will soon expire, or has; "" if not."""
        return expiring(str(self._stream.peer), self._stream.expires) if self._stream and self.is_up else ""

    def start(self) -> None:
        """Begin to call. On the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"dial {self._endpoint}")

    async def close(self) -> None:
        """Hang up for good."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._stream is not None:
            self._stream.close()
            await self._over.wait()

    def drop(self, why: str) -> None:
        """End this connection; the next one is begun as after any other end."""
        if self._stream is not None:
            self._stream.close(why)

    def send(self, message: dict[str, Any]) -> bool:
        """Never waits. False if there is no connection: nothing is kept for a later one."""
        return self._stream is not None and self._stream.send(message)

    async def _run(self) -> None:
        while True:
            await self._call()
            await asyncio.sleep(self._wait * random.uniform(0.75, 1.0))
            self._wait = min(2 * self._wait, RETRY_LAST)

    async def _call(self) -> None:
        """One connection from its first packet to its end."""
        loop = asyncio.get_running_loop()
        self._over.clear()
        try:
            stream = self._prepared(loop)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, self._stream = await loop.create_connection(
                    lambda: stream, self._endpoint.host, self._endpoint.port, local_addr=self._local
                )
        except FrameError as error:
            self.why = error.reason
            self.intruders.refused(error, str(self._endpoint))
        except TimeoutError:
            self.why = f"{self._endpoint} does not answer"
        except OSError as error:
            self.why = f"{self._endpoint}: {_plain(error)}"
        else:
            await self._over.wait()

    def _prepared(self, loop: asyncio.AbstractEventLoop) -> Stream:
        """A stream that is not connected yet. Raises FrameError for certificates that don't serve."""

        def admit(other: Speaker, channel: str) -> str | None:  # noqa: ARG001  this end has chosen it
            return self._check(other) or stream.disowned(other)

        handshake = Handshake(Terms(self._me, self._key, admit, os.urandom(32)), self._channel)
        events = StreamEvents(self._on_ready, self._take, self._refused, self._closed)
        wire = None if self._papers is None else self._papers.wire(server=False)
        stream = Stream(loop, handshake, events, wire)
        return stream

    def _on_ready(self, stream: Stream) -> None:
        self._stream = stream
        self._wait = RETRY_FIRST
        self.why = ""
        self.intruders.forgive()
        if self._on_up is not None:
            self._on_up(stream.peer)

    def _take(self, stream: Stream, message: dict[str, Any]) -> None:
        if self._on_message is not None:
            self._on_message(stream.peer, message)

    def _refused(self, stream: Stream, error: FrameError) -> None:  # noqa: ARG002
        if error.breach is not Breach.SLOW:  # whoever is slow to answer is stopped, not an intruder
            self.intruders.refused(error, str(self._endpoint))

    def _closed(self, stream: Stream, why: str) -> None:
        was_up, self.why = not self.why, f"{self._endpoint}: {why}"
        self._stream = None
        self._over.set()
        if was_up and self._on_down is not None:
            self._on_down(stream.peer, why)


def _plain(error: OSError) -> str:
    """The system's own words; asyncio's repeat the address."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return (error.strerror or str(error)).lower()
    return os.strerror(error.errno).lower()
