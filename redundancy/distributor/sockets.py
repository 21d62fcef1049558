"""The two kinds of sockets that clients come on: MQTT right on the stream, and MQTT in WebSocket frames.

Both hand bytes to their owner and take bytes from it; what the bytes mean is the broker's business. TLS is
under them and seen by neither.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

_HIGH, _LOW = 64 * 1024, 16 * 1024  # of asyncio's own write buffer, bytes
_LINGER = 2.0  # seconds that a closed client has to take what was sent last
_DATA = (Opcode.BINARY, Opcode.CONT)


class Owner(Protocol):
    """Who listens to the sockets."""

    def opened(self, client: Socket, address: str) -> None: ...

    def received(self, client: Socket, data: bytes) -> None: ...

    def drained(self, client: Socket) -> None: ...

    def lost(self, client: Socket, why: str) -> None: ...


class Socket(asyncio.Protocol):
    """One client's socket. Writes wait for the end of the loop's round and leave together."""

    def __init__(self, owner: Owner, number: int) -> None:
        self.owner = owner
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
        self.owner.opened(self, f"{peer[0]}:{peer[1]}")

    def data_received(self, data: bytes) -> None:
        self.owner.received(self, data)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.answer_report()

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.lost(self, str(exc) if exc is not None else "the client hung up")

    def flush(self) -> None:
        chunks, self.chunks = self.chunks, []
        if chunks and not self.transport.is_closing():
            self.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if not self.paused:
            self.answer_report()

    def write(self, data: bytes) -> None:
        """MQTT for the client."""
        self.transport.write(data)

    def answer_report(self) -> None:
        if self.report:
            self.report = False
            self.owner.drained(self)

    def close(self) -> None:
        """What was sent still goes out, but not for ever."""
        self.report = False
        self.flush()
        self.transport.close()
        asyncio.get_running_loop().call_later(_LINGER, self.transport.abort)


class WebSocket(Socket):
    """MQTT in binary frames (MQTT 5.0 section 6): a stream in pieces, whatever the frames' borders are.

    `largest` bounds one frame, bytes. The time for the handshake is the broker's time for CONNECT.
    """

    def __init__(self, owner: Owner, number: int, largest: int) -> None:
        super().__init__(owner, number)
        self._frames = ServerProtocol(subprotocols=[Subprotocol("mqtt")], max_size=largest)

    def data_received(self, data: bytes) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Request):
                self._frames.send_response(self._frames.accept(event))
            elif isinstance(event, Frame):
                self._on_frame(event)
        self._send()

    def eof_received(self) -> bool:
        self._frames.receive_eof()
        self._send()
        return False

    def write(self, data: bytes) -> None:
        try:
            self._frames.send_binary(data)
        except InvalidState:
            return  # the client has said goodbye, or never finished its handshake
        self._send()

    def close(self) -> None:
        self.flush()
        try:
            self._frames.send_close(CloseCode.NORMAL_CLOSURE)
            self._send()
        except InvalidState:
            pass  # there is nobody to say goodbye to
        super().close()

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode in _DATA and not self.transport.is_closing():
            self.owner.received(self, bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT comes in binary frames")

    def _send(self) -> None:
        if self.transport.is_closing():
            return
        for data in self._frames.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()
                return
        if self._frames.close_expected():
            asyncio.get_running_loop().call_later(_LINGER, self.transport.abort)
