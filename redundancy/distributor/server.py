"""The shell around the broker: sockets, the clock, the password thread. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from redundancy.distributor.listeners import Listener
from redundancy.distributor.shelf import Shelf
from redundancy.distributor.sockets import Socket, WebSocket

log = logging.getLogger(__name__)

_FRAME = 1 << 20  # bytes of one WebSocket frame, at least; more where a packet may be larger
_MOST_VERIFICATIONS = 100
_WATCH_PERIOD = 1.0
_LONGEST_STOP = 1.5  # seconds; whoever stops us has little patience

Stamp = tuple[int, int, int]


class Distributor:
    """An MQTT server on its addresses. `clock` is asked at every event, so that a stall is seen at once."""

    def __init__(self, settings: config.Settings, clock: Clock, keeps: Path, *, seed: str = "0") -> None:
        self.settings = settings
        self._shelf = Shelf(keeps, clock)
        self._serving = False
        self.broker = Broker(
            settings.access, settings.limits, now=clock.now().mono, lease=settings.lease, seed=seed
        )
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop
        self._listening: list[asyncio.Server] = []
        self._sockets: dict[int, Socket] = {}
        self._count = 0
        self._dirty: list[Socket] = []
        self._timer: asyncio.TimerHandle | None = None
        self._verified = passwords.Verified()
        self._verifying = 0
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    async def start(self) -> tuple[str, int]:
        """Listens; answers the plain address. Raises OSError naming the address that is taken."""
        self._loop = asyncio.get_running_loop()
        self._shelf.take_up(self.broker)
        plain = Listener(self.settings.host, self.settings.port)
        try:
            for number, listener in enumerate((plain, *self.settings.listeners)):
                self._listening.append(await self._listen(listener, f"listeners[{number - 1}]"))
        except OSError as error:
            self._end()
            await self._closed()
            where = f"{listener.host}:{listener.port}"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from None
        self._shelf.clear()
        self._serving = True
        self.handle(Tick())
        host, port = self._listening[0].sockets[0].getsockname()[:2]
        return host, port

    async def _listen(self, listener: Listener, where: str) -> asyncio.Server:
        context = listener.context(where)
        return await self._loop.create_server(
            self._make_web_socket if listener.websocket else self._make_socket,
            listener.host,
            listener.port,
            backlog=128,
            ssl=context,
            ssl_handshake_timeout=None if context is None else self.settings.limits.connect_timeout,
        )

    async def stop(self) -> None:
        """Tells everybody, closes, and keeps what must not be lost, if the disk lets it in time."""
        end = self._loop.time() + _LONGEST_STOP
        self._end()
        writing = self._shelf.keep(self.broker)
        await self._closed()
        while writing.is_alive():
            if self._loop.time() > end:
                log.error("the disk is too slow: the sessions are lost")
                return
            await asyncio.sleep(0.01)

    def _end(self) -> None:
        """From here on the broker acknowledges nothing."""
        self._serving = False
        for listening in self._listening:
            listening.close()
        self.handle(Stop())
        if self._timer is not None:
            self._timer.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _closed(self) -> None:
        """Until the goodbyes are out, but not for ever."""
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
        old = self.settings
        if (settings.host, settings.port, settings.listeners) != (old.host, old.port, old.listeners):
            log.warning("an address has changed: it counts from the next start")
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

    def opened(self, client: Socket, address: str) -> None:
        if not self._serving:
            client.transport.abort()
            return
        self._sockets[client.number] = client
        self.handle(Connected(client.number, address))

    def received(self, client: Socket, data: bytes) -> None:
        self.handle(Received(client.number, data))

    def drained(self, client: Socket) -> None:
        self.handle(Drained(client.number))

    def lost(self, client: Socket, why: str) -> None:
        self._sockets.pop(client.number, None)
        self.handle(Lost(client.number, why))

    def _make_socket(self) -> Socket:
        self._count += 1
        return Socket(self, self._count)

    def _make_web_socket(self) -> WebSocket:
        self._count += 1
        return WebSocket(self, self._count, max(_FRAME, self.settings.limits.packet))

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
