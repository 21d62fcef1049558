"""Frames of the pair link, without I/O: length-capped, and sealed once the handshake is done.

    in clear (handshake only):   length:4  body
    sealed:                      length:4  number:8  body  mac:32

`length` counts what follows it. A body is one JSON object. The mac is HMAC-SHA256 over number and body
with the key of this session and this direction, so nothing from another session, another pair or the
other direction fits; `number` rises by one per frame, so nothing fits twice or out of its order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

MAC_SIZE = 32
HANDSHAKE_LIMIT = 4096
# Bytes of a body, by channel.
LIMITS: Mapping[str, int] = {"lease": 64 * 1024, "records": 8 * 1024 * 1024, "history": 8 * 1024 * 1024}

_LENGTH = struct.Struct("!I")
_NUMBER = struct.Struct("!Q")
_SEALING = _NUMBER.size + MAC_SIZE
_TLS = (0x1603, 0x1503)  # how TLS begins a handshake, or refuses one; as a length it is beyond every limit


class Breach(StrEnum):
    """What kind of thing a refused frame or connection was; refusals are counted by it."""

    GARBAGE = "garbage"
    OVERSIZE = "oversize"
    FORGED = "forged"
    REPLAYED = "replayed"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    SLOW = "slow"
    FLOOD = "flood"
    VERSION = "version"
    KEY = "key"
    WRONG_PEER = "wrong-peer"
    TLS = "tls"


class FrameError(Exception):
    """What arrived can't be taken, and nothing after it on the same connection either.

    `reason` is one plain sentence without the sender's name, `breach` its kind.
    """

    def __init__(self, breach: Breach, reason: str) -> None:
        super().__init__(reason)
        self.breach = breach
        self.reason = reason


def pack(content: bytes) -> bytes:
    """One frame around `content`."""
    return _LENGTH.pack(len(content)) + content


class FrameReader:
    """Cuts a byte stream into frames. `limit` caps the length of one and may be raised on the way."""

    def __init__(self, limit: int = HANDSHAKE_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came from the socket."""
        self._buffer += data

    def frames(self) -> Iterator[bytes]:
        """The whole frames there are, without their length. Raises FrameError for one over the limit."""
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length >> 16 in _TLS:
                raise FrameError(Breach.TLS, "it wants TLS, and this node's link is without")
            if length > self.limit:
                raise FrameError(Breach.OVERSIZE, f"a frame of {length} bytes, {self.limit} are allowed")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield frame

    def finish(self) -> None:
        """The stream has ended. Raises FrameError if it did so in the middle of a frame."""
        if self._buffer:
            raise FrameError(Breach.TRUNCATED, f"the stream ended {len(self._buffer)} bytes into a frame")


class Sealer:
    """Seals this end's frames, in order."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._number = 0

    def seal(self, message: Mapping[str, Any]) -> bytes:
        """The next frame, ready for the socket."""
        content = _NUMBER.pack(self._number) + to_body(message)
        self._number += 1
        return pack(content + _mac(self._key, content))


class Opener:
    """Opens the other end's frames, each once and in order. `limit` caps the body in bytes."""

    def __init__(self, key: bytes, limit: int) -> None:
        self._key = key
        self._number = 0
        self.frame_limit = limit + _SEALING

    def open(self, frame: bytes) -> dict[str, Any]:
        """The message inside. Raises FrameError; the mac is checked before anything else is looked at."""
        if len(frame) < _SEALING:
            raise FrameError(Breach.GARBAGE, "a frame too short to be sealed")
        content, mac = frame[:-MAC_SIZE], frame[-MAC_SIZE:]
        if not hmac.compare_digest(mac, _mac(self._key, content)):
            raise FrameError(Breach.FORGED, "a frame that is not sealed with this session's key")
        (number,) = _NUMBER.unpack_from(content)
        if number < self._number:
            raise FrameError(Breach.REPLAYED, f"frame {number} came again")
        if number > self._number:
            raise FrameError(Breach.REORDERED, f"frame {number} came where {self._number} was due")
        self._number += 1
        return from_body(content[_NUMBER.size :])


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)


def to_body(message: Mapping[str, Any]) -> bytes:
    """One JSON object. Raises ValueError for what JSON has no word for."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def from_body(body: bytes) -> dict[str, Any]:
    """The object, or FrameError. Nesting that would exhaust the parser is garbage, too."""
    try:
        message = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise FrameError(Breach.GARBAGE, "a frame that is not JSON") from None
    if not isinstance(message, dict):
        raise FrameError(Breach.GARBAGE, "a frame that is not a JSON object")
    return message


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
