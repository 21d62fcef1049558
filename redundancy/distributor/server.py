"""The shell around the broker: sockets, the clock, the password thread. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from redundancy.clock import Clock
from redundancy.config import ConfigError
from redundancy.distributor import config, passwords
from redundancy.distributor.broker import Broker
from redundancy.distributor.events import (
    Close,
    Connected,
    Drained,
    Effect,
    Event,
    Lost,
    Note,
    Received,
    Reconfigured,
    Send,
    Stop,
    Tick,
    Verified,
    Verify,
)

log = logging.getLogger(__name__)

_HIGH, _LOW = 64 * 1024, 16 * 1024  # of asyncio's own write buffer, bytes
_LINGER = 2.0  # seconds that a closed client has to take what was sent last
_MOST_VERIFICATIONS = 100
_WATCH_PERIOD = 1.0

Stamp = tuple[int, int, int]


class _Socket(asyncio.Protocol):
    """One client's socket. Writes wait for the end of the loop's round and leave together."""

    def __init__(self, server: Distributor, number: int) -> None:
        self.server = server
        self.number = number
        self.transport: asyncio.Transport
        self.chunks: list[bytes] = []
        self.report = False
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(_HIGH, _LOW)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer = transport.get_extra_info("peername") or ("somewhere", 0)
        self.server.opened(self, f"{peer[0]}:{peer[1]}")

    def data_received(self, data: bytes) -> None:
        self.server.handle(Received(self.number, data))

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.answer_report()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.lost(self, str(exc) if exc is not None else "the client hung up")

    def flush(self) -> None:
        chunks, self.chunks = self.chunks, []
        if chunks and not self.transport.is_closing():
            self.transport.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if not self.paused:
            self.answer_report()

    def answer_report(self) -> None:
        if self.report:
            self.report = False
            self.server.handle(Drained(self.number))

    def close(self) -> None:
        """What was sent still goes out, but not for ever."""
        self.report = False
        self.flush()
        self.transport.close()
        asyncio.get_running_loop().call_later(_LINGER, self.transport.abort)


class Distributor:
    """An MQTT server on one address. `clock` is asked at every event, so that a stall is seen at once."""

    def __init__(self, settings: config.Settings, clock: Clock, *, seed: str = "0") -> None:
        self.settings = settings
        self.broker = Broker(
            settings.access, settings.limits, now=clock.now().mono, lease=settings.lease, seed=seed
        )
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop
        self._listener: asyncio.Server | None = None
        self._sockets: dict[int, _Socket] = {}
        self._count = 0
        self._dirty: list[_Socket] = []
        self._timer: asyncio.TimerHandle | None = None
        self._verified = passwords.Verified()
        self._verifying = 0
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    async def start(self) -> tuple[str, int]:
        """Listens; answers the address. Raises OSError if the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._listener = await self._loop.create_server(
            self._make_socket, self.settings.host, self.settings.port, backlog=128
        )
        self.handle(Tick())
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    async def stop(self) -> None:
        """Tells everybody and closes."""
        if self._listener is not None:
            self._listener.close()
        self.handle(Stop())
        if self._timer is not None:
            self._timer.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
        for _ in range(20):
            if not self._sockets:
                return
            await asyncio.sleep(0.05)
        for client in list(self._sockets.values()):
            client.transport.abort()

    async def watch(self, path: Path, seen: Stamp | None) -> None:
        """Applies the file when it changes. A file with a fault changes nothing and is logged.

        `seen` is the file's stamp from before it was first read, so that no change is ever missed.
        """
        while True:
            await asyncio.sleep(_WATCH_PERIOD)
            now = stamp(path)
            if now is None or now == seen:
                continue
            seen = now
            try:
                self.reconfigure(config.load(path))
            except ConfigError as error:
                log.error("the configuration stays as it was: %s", error)

    def reconfigure(self, settings: config.Settings) -> None:
        """Users, rights and limits at once; another address only after a restart."""
        if (settings.host, settings.port) != (self.settings.host, self.settings.port):
            log.warning("listen has changed: it counts from the next start")
        self.settings = settings
        users = settings.access.users.values()
        self._verified.keep_only({user.password_hash for user in users})
        self.handle(Reconfigured(settings.access, settings.limits, settings.lease))
        log.info("configuration read: %d users", len(users))

    def handle(self, event: Event) -> None:
        """The only way into the broker."""
        now = self._clock.now().mono
        for effect in self.broker.handle(event, now):
            self._perform(effect)
        deadline = self.broker.deadline()
        due = self._loop.time() + deadline - now
        if self._timer is None or due < self._timer.when() - 0.001:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._wake)

    def opened(self, client: _Socket, address: str) -> None:
        self._sockets[client.number] = client
        self.handle(Connected(client.number, address))

    def lost(self, client: _Socket, why: str) -> None:
        self._sockets.pop(client.number, None)
        self.handle(Lost(client.number, why))

    def _make_socket(self) -> _Socket:
        self._count += 1
        return _Socket(self, self._count)

    def _wake(self) -> None:
        self._timer = None
        self.handle(Tick())

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Note):
            log.warning(effect.text)
            return
        client = self._sockets.get(effect.connection)
        if client is None:
            return
        if isinstance(effect, Send):
            if not self._dirty:
                self._loop.call_soon(self._flush)
            if not client.chunks:
                self._dirty.append(client)
            client.chunks.append(effect.data)
            client.report = client.report or effect.report
        elif isinstance(effect, Close):
            client.close()
        else:
            self._verify(effect)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for client in dirty:
            client.flush()

    def _verify(self, effect: Verify) -> None:
        """The thread's queue is bounded; who does not get in runs into the time limit for CONNECT."""
        if self._verified.knows(effect.password_hash, effect.password):
            self._loop.call_soon(self.handle, Verified(effect.connection, True))
        elif self._verifying < _MOST_VERIFICATIONS:
            self._verifying += 1
            future = self._loop.run_in_executor(self._executor, self._check, effect)
            future.add_done_callback(lambda done: self._checked(effect, done))

    def _check(self, effect: Verify) -> bool:
        """In the thread. A client that has gone meanwhile costs nothing."""
        return effect.connection in self._sockets and passwords.verify(effect.password_hash, effect.password)

    def _checked(self, effect: Verify, done: asyncio.Future[bool]) -> None:
        self._verifying -= 1
        if done.cancelled():
            return
        if done.result():
            self._verified.remember(effect.password_hash, effect.password)
        self.handle(Verified(effect.connection, done.result()))


def stamp(path: Path) -> Stamp | None:
    """Differs whenever the file was written or replaced; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
