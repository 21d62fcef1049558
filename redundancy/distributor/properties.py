"""MQTT 5.0 properties (section 2.2.2), and the primitive reads that every packet shares.

Decoded properties are a dict from the identifier to its value: int, str, bytes, or, for
USER_PROPERTY, a list of (name, value) in the order of the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

Properties = Mapping[int, Any]
NOTHING: Properties = {}


class Reason(IntEnum):
    """Reason codes of MQTT 5.0 (section 2.4) that this server uses."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    UNSPECIFIED = 0x80
    MALFORMED = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_VERSION = 0x84
    CLIENT_ID_INVALID = 0x85
    BAD_CREDENTIALS = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    SHUTTING_DOWN = 0x8B
    BAD_AUTH_METHOD = 0x8C
    KEEP_ALIVE = 0x8D
    TAKEN_OVER = 0x8E
    FILTER_INVALID = 0x8F
    TOPIC_INVALID = 0x90
    ID_IN_USE = 0x91
    ID_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM = 0x93
    ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA = 0x97
    ADMINISTRATIVE = 0x98
    NO_SHARED = 0x9E
    NO_SUBSCRIPTION_ID = 0xA1


class MalformedPacket(ValueError):
    """Bytes that are not MQTT, or MQTT that the protocol forbids. `reason` is the 5.0 code for it."""

    def __init__(self, detail: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(detail)
        self.reason = reason


class Property(IntEnum):
    """Identifiers, by the specification's names."""

    PAYLOAD_FORMAT = 1
    MESSAGE_EXPIRY = 2
    CONTENT_TYPE = 3
    RESPONSE_TOPIC = 8
    CORRELATION_DATA = 9
    SUBSCRIPTION_ID = 11
    SESSION_EXPIRY = 17
    ASSIGNED_CLIENT_ID = 18
    SERVER_KEEP_ALIVE = 19
    AUTH_METHOD = 21
    AUTH_DATA = 22
    REQUEST_PROBLEM_INFO = 23
    WILL_DELAY = 24
    REQUEST_RESPONSE_INFO = 25
    RESPONSE_INFO = 26
    SERVER_REFERENCE = 28
    REASON_STRING = 31
    RECEIVE_MAXIMUM = 33
    TOPIC_ALIAS_MAXIMUM = 34
    TOPIC_ALIAS = 35
    MAXIMUM_QOS = 36
    RETAIN_AVAILABLE = 37
    USER_PROPERTY = 38
    MAXIMUM_PACKET_SIZE = 39
    WILDCARD_AVAILABLE = 40
    SUBSCRIPTION_ID_AVAILABLE = 41
    SHARED_AVAILABLE = 42


P = Property
_BYTES = {
    P.PAYLOAD_FORMAT, P.REQUEST_PROBLEM_INFO, P.REQUEST_RESPONSE_INFO, P.MAXIMUM_QOS, P.RETAIN_AVAILABLE,
    P.WILDCARD_AVAILABLE, P.SUBSCRIPTION_ID_AVAILABLE, P.SHARED_AVAILABLE,
}  # fmt: skip
_SHORTS = {P.SERVER_KEEP_ALIVE, P.RECEIVE_MAXIMUM, P.TOPIC_ALIAS_MAXIMUM, P.TOPIC_ALIAS}
_WORDS = {P.MESSAGE_EXPIRY, P.SESSION_EXPIRY, P.WILL_DELAY, P.MAXIMUM_PACKET_SIZE}
_TEXTS = {
    P.CONTENT_TYPE, P.RESPONSE_TOPIC, P.ASSIGNED_CLIENT_ID, P.AUTH_METHOD, P.RESPONSE_INFO,
    P.SERVER_REFERENCE, P.REASON_STRING,
}  # fmt: skip
_BINARIES = {P.CORRELATION_DATA, P.AUTH_DATA}
_NEVER_ZERO = {P.RECEIVE_MAXIMUM, P.MAXIMUM_PACKET_SIZE, P.SUBSCRIPTION_ID}

# Of the application message: passed on unaltered to 5.0 subscribers (3.3.2.3).
FORWARDED = frozenset(
    {P.PAYLOAD_FORMAT, P.CONTENT_TYPE, P.RESPONSE_TOPIC, P.CORRELATION_DATA, P.USER_PROPERTY}
)
IN_PUBLISH = FORWARDED | {P.MESSAGE_EXPIRY, P.TOPIC_ALIAS}
IN_WILL = FORWARDED | {P.MESSAGE_EXPIRY, P.WILL_DELAY}
IN_CONNECT = frozenset(
    {
        P.SESSION_EXPIRY, P.AUTH_METHOD, P.AUTH_DATA, P.REQUEST_PROBLEM_INFO, P.REQUEST_RESPONSE_INFO,
        P.RECEIVE_MAXIMUM, P.TOPIC_ALIAS_MAXIMUM, P.USER_PROPERTY, P.MAXIMUM_PACKET_SIZE,
    }
)  # fmt: skip
IN_ACK = frozenset({P.REASON_STRING, P.USER_PROPERTY})
IN_SUBSCRIBE = frozenset({P.SUBSCRIPTION_ID, P.USER_PROPERTY})
IN_UNSUBSCRIBE = frozenset({P.USER_PROPERTY})
IN_DISCONNECT = frozenset({P.SESSION_EXPIRY, P.REASON_STRING, P.USER_PROPERTY, P.SERVER_REFERENCE})


class Reader:
    """Reads the variable header and payload of one packet. Any read past `end` is a MalformedPacket."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    def take(self, count: int) -> bytes:
        start, stop = self.position, self.position + count
        if stop > self.end:
            raise MalformedPacket("the packet ends too early")
        self.position = stop
        return self.data[start:stop]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def variable(self) -> int:
        """A variable byte integer (1.5.5), at most four bytes, in its shortest form."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if not byte and shift:
                    raise MalformedPacket("a length is not in its shortest form")
                return value
        raise MalformedPacket("a length has more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise MalformedPacket("a string is not UTF-8") from None
        if "\0" in text:
            raise MalformedPacket("a string holds U+0000")
        return text

    def done(self) -> bool:
        return self.position >= self.end

    def properties(self, allowed: frozenset[Property]) -> Properties:
        """A property block. Raises MalformedPacket for one that is unknown, doubled or out of place."""
        length = self.variable()
        if not length:
            return NOTHING
        if self.position + length > self.end:
            raise MalformedPacket("the properties end outside the packet")
        block = Reader(self.data, self.position, self.position + length)
        self.position += length
        found: dict[int, Any] = {}
        while not block.done():
            _read_one(block, allowed, found)
        return found


def _read_one(block: Reader, allowed: frozenset[Property], found: dict[int, Any]) -> None:
    identifier = block.variable()
    if identifier not in allowed:
        raise MalformedPacket(f"property {identifier} does not belong here", Reason.PROTOCOL_ERROR)
    if identifier == P.USER_PROPERTY:
        found.setdefault(identifier, []).append((block.text(), block.text()))
        return
    if identifier in found:
        raise MalformedPacket(f"property {identifier} comes twice", Reason.PROTOCOL_ERROR)
    value = _read_value(block, identifier)
    if identifier in _NEVER_ZERO and not value:
        raise MalformedPacket(f"property {identifier} is zero", Reason.PROTOCOL_ERROR)
    if identifier == P.TOPIC_ALIAS and not value:
        raise MalformedPacket("topic alias 0", Reason.ALIAS_INVALID)
    if identifier == P.RESPONSE_TOPIC and (not value or "+" in value or "#" in value):
        raise MalformedPacket("the response topic holds a wildcard", Reason.PROTOCOL_ERROR)
    found[identifier] = value


def _read_value(block: Reader, identifier: int) -> Any:
    if identifier in _BYTES:
        value = block.number(1)
        if value > 1:
            raise MalformedPacket(f"property {identifier} is neither 0 nor 1", Reason.PROTOCOL_ERROR)
        return value
    if identifier in _SHORTS:
        return block.number(2)
    if identifier in _WORDS:
        return block.number(4)
    if identifier in _TEXTS:
        return block.text()
    if identifier in _BINARIES:
        return block.binary()
    return block.variable()


def variable(value: int) -> bytes:
    """`value` (0..268435455) as a variable byte integer."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: str) -> bytes:
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def encode(properties: Properties) -> bytes:
    """A property block with its length in front."""
    body = b"".join(_encode_one(identifier, value) for identifier, value in properties.items())
    return variable(len(body)) + body


def _encode_one(identifier: int, value: Any) -> bytes:
    head = variable(identifier)
    if identifier == P.USER_PROPERTY:
        return b"".join(head + text(name) + text(content) for name, content in value)
    if identifier in _BYTES:
        return head + bytes((value,))
    if identifier in _SHORTS:
        return head + int(value).to_bytes(2, "big")
    if identifier in _WORDS:
        return head + int(value).to_bytes(4, "big")
    if identifier in _TEXTS:
        return head + text(value)
    if identifier in _BINARIES:
        return head + binary(value)
    return head + variable(value)
