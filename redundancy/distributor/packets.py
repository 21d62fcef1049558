"""From bytes to packets: what a client may send in MQTT 3.1.1 and 5.0, strictly checked.

`Parser` takes bytes as they come and hands out packets. Whatever the specification calls malformed or
a protocol error raises MalformedPacket, which carries the 5.0 reason code; nothing else is ever raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from redundancy.distributor import topics
from redundancy.distributor.properties import (
    IN_ACK,
    IN_CONNECT,
    IN_DISCONNECT,
    IN_PUBLISH,
    IN_SUBSCRIBE,
    IN_UNSUBSCRIBE,
    IN_WILL,
    NOTHING,
    MalformedPacket,
    Properties,
    Property,
    Reader,
    Reason,
)

V311 = 4
V5 = 5
LARGEST = 268_435_455


class Kind(IntEnum):
    """Packet types (2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


@dataclass(slots=True)
class Will:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = field(default_factory=dict)


@dataclass(slots=True)
class Connect:
    """`keep_alive` in seconds, 0 is none. `clean` is Clean Session (3.1.1) or Clean Start (5.0)."""

    version: int
    client_id: str
    clean: bool
    keep_alive: int
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = field(default_factory=dict)


@dataclass(slots=True)
class Publish:
    """`packet_id` is 0 at QoS 0. `raw` is the whole packet as it came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int
    properties: Properties
    raw: bytes


@dataclass(slots=True)
class Acknowledgement:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    kind: Kind
    packet_id: int
    reason: int = 0


@dataclass(slots=True, frozen=True)
class Subscription:
    """One topic filter and its options (3.8.3.1). `retain_handling`: 0 always, 1 if new, 2 never."""

    filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(slots=True)
class Subscribe:
    packet_id: int
    subscriptions: tuple[Subscription, ...]


@dataclass(slots=True)
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]


@dataclass(slots=True)
class Ping:
    pass


@dataclass(slots=True)
class Disconnect:
    reason: int = 0
    properties: Properties = field(default_factory=dict)


Packet = Connect | Publish | Acknowledgement | Subscribe | Unsubscribe | Ping | Disconnect
_ACKNOWLEDGEMENTS = (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP)
_FLAGS: dict[int, int] = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}


class Parser:
    """Cuts a stream into packets. `limit` is the largest whole packet in bytes; it may be changed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.version = 0
        self._data = b""
        self._position = 0
        self._rest = bytearray()
        self._wanted = 0

    def append(self, data: bytes) -> None:
        """Joined to what was left only when a whole packet is there: a slow sender costs no copies."""
        if self._position < len(self._data):
            self._rest += self._data[self._position :]
            self._data, self._position = b"", 0
        if not self._rest:
            self._data, self._position = data, 0
            return
        self._rest += data
        if len(self._rest) >= self._wanted:
            self._data, self._position = bytes(self._rest), 0
            self._rest.clear()

    @property
    def waiting(self) -> int:
        """Bytes held that no packet has been made of."""
        return len(self._rest) + len(self._data) - self._position

    def next(self) -> Packet | None:
        """The next whole packet, or None until more bytes come. Raises MalformedPacket."""
        data, position = self._data, self._position
        if len(data) - position < 2:
            if not self._rest:
                self._wanted = 2
            return None
        first, length, start = data[position], data[position + 1], position + 2
        if length > 0x7F:
            found = _long_length(data, start, length & 0x7F)
            if found is None:
                self._wanted = len(data) - position + 1
                return None
            length, start = found
        end = start + length
        if end - position > self.limit:
            raise MalformedPacket(f"a packet of {end - position} bytes", Reason.PACKET_TOO_LARGE)
        if end > len(data):
            self._wanted = end - position
            return None
        self._position = end
        if first >> 4 == 3 and self.version:
            return _publish(data, position, start, end, self.version)
        packet = parse(first, data[start:end], self.version)
        if type(packet) is Connect:
            self.version = packet.version
        return packet


def _long_length(data: bytes, start: int, value: int) -> tuple[int, int] | None:
    for shift in (7, 14, 21):
        if start >= len(data):
            return None
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte:
                raise MalformedPacket("a length is not in its shortest form")
            return value, start
    raise MalformedPacket("a length has more than four bytes")


def parse(first: int, body: bytes, version: int) -> Packet:
    """One packet from its first byte and all that follows the length.

    `version` is the protocol level of the connection, 0 before CONNECT. Raises MalformedPacket.
    """
    kind, flags = first >> 4, first & 0x0F
    if (kind == Kind.CONNECT) != (version == 0):
        raise MalformedPacket(f"packet type {kind} does not belong here", Reason.PROTOCOL_ERROR)
    if kind == Kind.PUBLISH:
        whole = bytes((first,)) + body
        return _publish(whole, 0, 1, len(whole), version)
    if flags != _FLAGS.get(kind, 0):
        raise MalformedPacket("a reserved flag is set")
    reader = Reader(body)
    packet = _parse_body(kind, reader, version)
    if not reader.done():
        raise MalformedPacket("there are bytes behind the packet's end")
    return packet


def _parse_body(kind: int, reader: Reader, version: int) -> Packet:
    if kind == Kind.CONNECT:
        return _connect(reader)
    if kind in _ACKNOWLEDGEMENTS:
        return _acknowledgement(Kind(kind), reader, version)
    if kind == Kind.SUBSCRIBE:
        return _subscribe(reader, version)
    if kind == Kind.UNSUBSCRIBE:
        return _unsubscribe(reader, version)
    if kind == Kind.PINGREQ:
        return Ping()
    if kind == Kind.DISCONNECT:
        return _disconnect(reader, version)
    raise MalformedPacket(f"packet type {kind} comes from servers only", Reason.PROTOCOL_ERROR)


def _publish(data: bytes, at: int, start: int, end: int, version: int) -> Publish:
    """By hand and without a Reader: this is the road of every value."""
    first = data[at]
    qos = first >> 1 & 3
    dup = bool(first & 8)
    if qos == 3 or (dup and not qos):
        raise MalformedPacket("QoS 3, or DUP at QoS 0")
    split = start + 2 + int.from_bytes(data[start : start + 2], "big")
    if split > end:
        raise MalformedPacket("the topic ends outside the packet")
    topic = _topic(data[start + 2 : split])
    packet_id = 0
    if qos:
        packet_id = int.from_bytes(data[split : split + 2], "big")
        split += 2
        if split > end or not packet_id:
            raise MalformedPacket("there is no packet identifier")
    properties = NOTHING
    if version == V5:
        reader = Reader(data, split, end)
        properties = reader.properties(IN_PUBLISH)
        split = reader.position
    if not topic and Property.TOPIC_ALIAS not in properties:
        raise MalformedPacket("the topic is empty", Reason.PROTOCOL_ERROR)
    return Publish(topic, data[split:end], qos, bool(first & 1), dup, packet_id, properties, data[at:end])


def _topic(encoded: bytes) -> str:
    try:
        topic = encoded.decode()
    except UnicodeDecodeError:
        raise MalformedPacket("the topic is not UTF-8") from None
    if "\0" in topic or "+" in topic or "#" in topic:
        raise MalformedPacket("the topic holds a wildcard or U+0000", Reason.TOPIC_INVALID)
    if topic.count("/") >= topics.MAX_LEVELS:
        raise MalformedPacket(f"the topic has more than {topics.MAX_LEVELS} levels", Reason.TOPIC_INVALID)
    return topic


def _connect(reader: Reader) -> Connect:
    if reader.text() != "MQTT":
        raise MalformedPacket("the protocol name is not MQTT", Reason.UNSUPPORTED_VERSION)
    version = reader.number(1)
    if version not in (V311, V5):
        raise MalformedPacket(f"protocol level {version}", Reason.UNSUPPORTED_VERSION)
    flags = reader.number(1)
    will_flag, will_qos = flags & 0x04, flags >> 3 & 3
    if flags & 1 or will_qos == 3 or (not will_flag and flags & 0x38):
        raise MalformedPacket("the connect flags contradict each other")
    if version == V311 and flags & 0x40 and not flags & 0x80:
        raise MalformedPacket("a password without a user name")
    keep_alive = reader.number(2)
    properties = reader.properties(IN_CONNECT) if version == V5 else NOTHING
    if Property.AUTH_DATA in properties and Property.AUTH_METHOD not in properties:
        raise MalformedPacket("authentication data without a method", Reason.PROTOCOL_ERROR)
    client_id = reader.text()
    will = _will(reader, version, will_qos, bool(flags & 0x20)) if will_flag else None
    username = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    return Connect(version, client_id, bool(flags & 2), keep_alive, username, password, will, properties)


def _will(reader: Reader, version: int, qos: int, retain: bool) -> Will:
    properties = reader.properties(IN_WILL) if version == V5 else NOTHING
    topic = _topic(reader.binary())
    if not topic:
        raise MalformedPacket("the will's topic is empty", Reason.TOPIC_INVALID)
    return Will(topic, reader.binary(), qos, retain, properties)


def _acknowledgement(kind: Kind, reader: Reader, version: int) -> Acknowledgement:
    packet_id = _packet_id(reader)
    reason = 0
    if version == V5 and not reader.done():
        reason = reader.number(1)
        if not reader.done():
            reader.properties(IN_ACK)
    return Acknowledgement(kind, packet_id, reason)


def _packet_id(reader: Reader) -> int:
    packet_id = reader.number(2)
    if not packet_id:
        raise MalformedPacket("the packet identifier is 0", Reason.PROTOCOL_ERROR)
    return packet_id


def _subscribe(reader: Reader, version: int) -> Subscribe:
    packet_id = _packet_id(reader)
    if version == V5 and Property.SUBSCRIPTION_ID in reader.properties(IN_SUBSCRIBE):
        raise MalformedPacket("subscription identifiers are not available", Reason.NO_SUBSCRIPTION_ID)
    found = []
    while not reader.done():
        text = _filter(reader)
        options = reader.number(1)
        qos, handling = options & 3, options >> 4 & 3
        if qos == 3 or handling == 3 or options & (0xC0 if version == V5 else 0xFC):
            raise MalformedPacket("reserved subscription options are set")
        found.append(Subscription(text, qos, bool(options & 4), bool(options & 8), handling))
    if not found:
        raise MalformedPacket("SUBSCRIBE without a topic filter", Reason.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(found))


def _unsubscribe(reader: Reader, version: int) -> Unsubscribe:
    packet_id = _packet_id(reader)
    if version == V5:
        reader.properties(IN_UNSUBSCRIBE)
    found = []
    while not reader.done():
        found.append(_filter(reader))
    if not found:
        raise MalformedPacket("UNSUBSCRIBE without a topic filter", Reason.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(found))


def _filter(reader: Reader) -> str:
    text = reader.text()
    fault = topics.filter_fault(text)
    if fault is not None:
        raise MalformedPacket(fault, Reason.FILTER_INVALID)
    return text


def _disconnect(reader: Reader, version: int) -> Disconnect:
    if version != V5 or reader.done():
        return Disconnect()
    reason = reader.number(1)
    return Disconnect(reason, NOTHING if reader.done() else reader.properties(IN_DISCONNECT))
