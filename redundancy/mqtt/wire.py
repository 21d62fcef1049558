"""The socket under a session: its options, its goodbye, and how it is cut. Any thread."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Any

FAREWELL = 1.0
"""Seconds for a DISCONNECT to be written, and for the server to end its stream."""
_NO_LINGER = struct.pack("ii", 1, 0)


class Wire:
    """A second handle on a client's connection: what the client calls its socket may be a wrapper of one,
    which knows nothing of options and half-closes. `patience` in seconds."""

    def __init__(self, wire: Any, patience: int) -> None:
        sock = self._sock = socket.socket(fileno=os.dup(wire.fileno()))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience * 1000)

    def close(self, *, farewell: bool) -> None:
        """After a DISCONNECT (`farewell`): read to the server's end of the stream first.

        A socket that is closed with something unread (an acknowledgement, a message) resets the
        connection, and the server may then lose what it has not read yet: the DISCONNECT, and then it
        publishes the Will. `cut` shortens the wait.
        """
        sock = self._sock
        with suppress(OSError), sock:
            if farewell:
                sock.settimeout(FAREWELL)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass

    def cut(self) -> None:
        """End the connection under the client's thread, which then closes it with a reset."""
        with suppress(OSError):  # closed by the thread meanwhile
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._sock.shutdown(socket.SHUT_RDWR)
