"""What travels with a message, so that whoever receives it can tell a copy from a repetition.

With MQTT 5 it is one user property, which other receivers ignore. With 3.1.1 it is a header of 48 bytes in
front of the payload, which only the relay's own receiver takes off again. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""MQTT 5's user properties."""

PROPERTY = "tandem-relay"
_MAGIC = b"\0tndm1\0"
_HEADER = struct.Struct(f"!{len(_MAGIC)}s16sQQ?Q")
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """`publisher` (32 hexadecimal digits, for life) and `number` (from 1 on, without a gap) name a message.

    Nothing below `floor` is sent any more. `promised`: everything from `floor` on stays with the publisher
    until the receiver has confirmed it, so a gap above `floor` will be filled. `at` is when the message was
    taken over, in Unix milliseconds of the publisher's clock.
    """

    publisher: str
    number: int
    floor: int
    promised: bool
    at: int

    def user(self) -> Pairs:
        """For MQTT 5."""
        promised = "r" if self.promised else "-"
        return ((PROPERTY, f"{self.publisher} {self.number} {self.floor} {promised} {self.at}"),)

    def header(self) -> bytes:
        """For MQTT 3.1.1, in front of the payload."""
        return _HEADER.pack(
            _MAGIC, bytes.fromhex(self.publisher), self.number, self.floor, self.promised, self.at
        )


def opened(payload: bytes, user: Pairs) -> tuple[Envelope | None, bytes]:
    """The envelope, if there is a sound one, and what was in it."""
    for name, value in user:
        if name == PROPERTY:
            return _from_text(value), payload
    if payload.startswith(_MAGIC) and len(payload) >= _HEADER.size:
        _, publisher, number, floor, promised, at = _HEADER.unpack_from(payload)
        found = _sound(publisher.hex(), number, floor, promised, at)
        if found is not None:
            return found, payload[_HEADER.size :]
    return None, payload


def _from_text(text: str) -> Envelope | None:
    try:
        publisher, number, floor, promised, at = text.split(" ")
        return _sound(UUID(hex=publisher).hex, int(number), int(floor), promised == "r", int(at))
    except ValueError:
        return None


def _sound(publisher: str, number: int, floor: int, promised: bool, at: int) -> Envelope | None:
    sound = 1 <= floor <= number <= _MOST and 0 <= at <= _MOST
    return Envelope(publisher, number, floor, promised, at) if sound else None


def receipt(through: int, held: int) -> bytes:
    """What a receiver says: everything `through` this number is safe; `held` later ones wait for a gap."""
    return b"%d %d" % (through, held)


def read_receipt(payload: bytes) -> tuple[int, int] | None:
    """(through, held), or None if it is no receipt."""
    parts = payload[:64].split(b" ")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    through, held = map(int, parts)
    return (through, held) if through <= _MOST else None
