"""One TCP connection of a link: the handshake, then sealed messages both ways."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redundancy.link.frames import Breach, FrameError, FrameReader
from redundancy.link.handshake import Handshake, Refusal
from redundancy.link.speaker import Speaker
from redundancy.link.tls import TlsWire, disowned

HANDSHAKE_TIME = 2.0  # seconds; a slower one is a slowloris
SILENCE = 2500  # ms that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)
_OUTBOX = 32


class Outbox:
    """What a stalled connection still has to say: the newest message of each kind, oldest first.

    A heartbeat that waits is worth nothing once there is a newer one, and the same holds for a request
    that is repeated until it is answered.
    """

    def __init__(self) -> None:
        self._messages: OrderedDict[object, dict[str, Any]] = OrderedDict()

    def put(self, message: dict[str, Any]) -> None:
        """Queue it in place of an older one of its kind; beyond 32 kinds the oldest is dropped."""
        kind = message.get("kind")
        self._messages.pop(kind, None)
        self._messages[kind] = message
        if len(self._messages) > _OUTBOX:
            self._messages.popitem(last=False)

    def take(self) -> dict[str, Any] | None:
        """The next one to send, None if there is none."""
        return self._messages.popitem(last=False)[1] if self._messages else None


@dataclass(frozen=True, slots=True)
class StreamEvents:
    """Where a stream reports, on its loop. `closed` comes once for every stream that was connected."""

    ready: Callable[[Stream], None]
    message: Callable[[Stream, dict[str, Any]], None]
    refused: Callable[[Stream, FrameError], None]
    closed: Callable[[Stream, str], None]


class Stream(asyncio.Protocol):
    """`send` seals and writes; nothing ever waits. Messages come only after the handshake.

    With a `wire`, everything goes through its TLS, the handshake too, and within the same two seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handshake: Handshake,
        events: StreamEvents,
        wire: TlsWire | None = None,
    ) -> None:
        self._loop = loop
        self._handshake = handshake
        self._events = events
        self._wire = wire
        self._reader = FrameReader()
        self._outbox = Outbox()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._ended = False
        self._announced = False
        self._why = ""
        self.address = "?"
        self.heard_at = loop.time()

    @property
    def peer(self) -> Speaker:
        """The proven other end. Only for a stream that is or was ready."""
        assert self._handshake.peer is not None
        return self._handshake.peer

    @property
    def channel(self) -> str:
        """ "lease" or "records"."""
        return self._handshake.channel

    @property
    def is_ready(self) -> bool:
        """The handshake is done and the connection stands."""
        return self._handshake.done and not self._ended

    def send(self, message: dict[str, Any]) -> bool:
        """Write it, or keep it if the socket is full and nothing newer comes. False: not connected.

        Records are never dropped: their protocol has at most one batch on its way.
        """
        if not self.is_ready or self._transport is None:
            return False
        if self._paused and self.channel == "lease":
            self._outbox.put(message)
        else:
            self._write(self._handshake.sealer.seal(message))
        return True

    @property
    def expires(self) -> float:
        """When the other end's certificate does, in seconds since 1970; never without TLS."""
        return float("inf") if self._wire is None else self._wire.expires

    def disowned(self, other: Speaker) -> str | None:
        """Why the other end's certificate is not that of this speaker; None if it is, or without TLS."""
        return None if self._wire is None else disowned(self._wire.names, other.node)

    def close(self, why: str = "closed here") -> None:
        """Drop the connection with whatever is still unsent."""
        self._why = self._why or why
        if self._transport is not None and not self._ended:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected; the other end has two seconds for its handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = _address(transport)
        if self._why:  # closed before it began
            transport.abort()
            return
        transport.set_write_buffer_limits(high=0)  # pause at once: what waits here could still be replaced
        _tune(transport.get_extra_info("socket"))
        self._timer = self._loop.call_later(HANDSHAKE_TIME, self._too_slow)
        self._write(self._handshake.opening())

    def data_received(self, data: bytes) -> None:
        """Bytes from the other end; the first bad frame is the last that is looked at."""
        if self._ended or self._why:
            return
        try:
            self._reader.feed(self._decrypted(data))
            for frame in self._reader.frames():
                self._take(frame)
                if self._ended or self._why:
                    return
            self._announce()
        except FrameError as error:
            self._refuse(error)

    def eof_received(self) -> bool:
        """The other end is through; asyncio closes."""
        return False

    def pause_writing(self) -> None:
        """The socket is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has room again."""
        self._paused = False
        while not self._paused and (message := self._outbox.take()) is not None:
            self.send(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, for whatever reason; told once."""
        self._stop_timer()
        if not self._why:
            self._why = str(exc) if exc is not None else "the other end closed the connection"
            try:
                if self._wire is not None:
                    self._wire.finish()
                self._reader.finish()
            except FrameError as error:
                self._why = error.reason
                self._events.refused(self, error)
        self._ended = True
        self._events.closed(self, self._why)

    def _take(self, frame: bytes) -> None:
        if self._handshake.done:
            message = self._handshake.opened(frame)
            self._announce()
            self.heard_at = self._loop.time()
            self._events.message(self, message)
            return
        answer = self._handshake.receive(frame)
        if answer:
            self._write(answer)
        if self._handshake.done:
            self._stop_timer()
            self._reader.limit = self._handshake.opener.frame_limit
            self.heard_at = self._loop.time()

    def _announce(self) -> None:
        """Once, and not before what came along with the last word of the handshake: it may be a refusal."""
        if self._handshake.done and not self._announced:
            self._announced = True
            self._events.ready(self)

    def _refuse(self, error: FrameError) -> None:
        self._why = error.reason
        self._events.refused(self, error)
        if self._transport is None:
            return
        if isinstance(error, Refusal) and error.farewell:
            # The reason must arrive, so the socket is closed in order; the timer cuts it if it stalls.
            self._write(error.farewell)
            self._transport.close()
        elif error.breach is Breach.TLS:
            self._transport.close()  # so does TLS's own alert
        else:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data if self._wire is None else self._wire.send(data))

    def _decrypted(self, data: bytes) -> bytes:
        if self._wire is None:
            return data
        try:
            return self._wire.receive(data)
        finally:
            if self._transport is not None:
                self._transport.write(self._wire.pending())

    def _too_slow(self) -> None:
        if not self._why:
            self._refuse(FrameError(Breach.SLOW, f"no handshake within {HANDSHAKE_TIME:g} s"))
        elif self._transport is not None:
            self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _address(transport: asyncio.Transport) -> str:
    """The other end's address without its port, which is new with every connection."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else "?"


def _tune(sock: socket.socket) -> None:
    """Notice a dead line within seconds, and let no heartbeat wait for another one."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_USER_TIMEOUT", SILENCE),
        ("TCP_KEEPIDLE", 1),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", 2),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
