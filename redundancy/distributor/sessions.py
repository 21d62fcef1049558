"""A client's session: what waits for it, what is in flight, and the connection it has, if any."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from redundancy.distributor import encode
from redundancy.distributor import properties as wire
from redundancy.distributor.access import User
from redundancy.distributor.limits import LARGEST_CONNECT, WINDOW, Limits
from redundancy.distributor.packets import (
    V5,
    Acknowledgement,
    Connect,
    Kind,
    Parser,
    Subscription,
    Will,
)
from redundancy.distributor.properties import FORWARDED, NOTHING, Properties, Property, Reason

_OVERHEAD = 100  # bytes of bookkeeping per message, roughly


class Message:
    """An application message on its way to any number of clients; encoded once per form it is sent in.

    `expires_at` is in seconds of the caller's clock. `raw` is a 3.1.1 packet that already says the same
    at QoS 0, not retained.
    """

    __slots__ = ("_packets", "expires_at", "payload", "properties", "qos", "retain", "size", "topic")

    def __init__(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties = NOTHING,
        *, now: float = 0.0, raw: bytes | None = None,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expires_at = math.inf
        self.size = len(topic) + len(payload) + _OVERHEAD
        if properties:
            self.expires_at = now + properties.get(Property.MESSAGE_EXPIRY, math.inf)
            self.size += len(wire.encode(properties))
        self._packets: dict[int, tuple[bytes, bytes]] = {}
        if raw is not None:
            self._packets[0] = (raw, b"")

    @classmethod
    def of(cls, will: Will, now: float) -> Message:
        """What a Will says once it is due."""
        properties = {key: value for key, value in will.properties.items() if key != Property.WILL_DELAY}
        return cls(will.topic, will.payload, will.qos, will.retain, properties, now=now)

    def packet(self, version: int, qos: int, retain: bool, now: float) -> tuple[bytes, bytes]:
        """The PUBLISH as `encode.publish` gives it."""
        key = (version == V5) << 3 | qos << 1 | retain
        known = self._packets.get(key)
        if known is None:
            block = self._properties(now) if version == V5 else b""
            known = encode.publish(self.topic, self.payload, qos, retain, block)
            if self.expires_at == math.inf:
                self._packets[key] = known
        return known

    def _properties(self, now: float) -> bytes:
        if not self.properties:
            return b"\0"
        passed: dict[int, object] = {key: self.properties[key] for key in self.properties if key in FORWARDED}
        if self.expires_at != math.inf:
            passed[Property.MESSAGE_EXPIRY] = max(1, math.ceil(self.expires_at - now))
        return wire.encode(passed)


class Stage(Enum):
    """How far a connection has come."""

    FRESH = auto()
    VERIFYING = auto()
    REFUSED = auto()
    OPEN = auto()
    CLOSED = auto()


@dataclass(slots=True, eq=False)
class Connection:
    """One socket. `patience` is how long it may be silent in seconds, 0 for ever.

    `unsent` counts the bytes written since the shell last said that all was gone. Above WINDOW the
    connection is congested: replies still go out, messages wait in the session.
    """

    id: int
    address: str
    dirty: list[Connection]
    parser: Parser = field(default_factory=lambda: Parser(LARGEST_CONNECT))
    stage: Stage = Stage.FRESH
    connect: Connect | None = None
    checked: User | None = None
    refusal: tuple[Reason, str] | None = None
    session: Session | None = None
    version: int = 0
    patience: float = 0.0
    inflight: int = 0
    largest: int = 0
    aliases: dict[int, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    unsent: int = 0
    congested: bool = False

    def write(self, data: bytes) -> None:
        if not self.chunks:
            self.dirty.append(self)
        self.chunks.append(data)
        self.unsent += len(data)
        if self.unsent > WINDOW:
            self.congested = True

    def say_goodbye(self, reason: Reason, why: str) -> None:
        """Why the server closes, where the version has words for it and the client takes them."""
        data = encode.disconnect(self.version, reason, why)
        if data and (not self.largest or len(data) <= self.largest):
            self.write(data)

    def who(self) -> str:
        """For the log."""
        client_id = self.connect.client_id if self.connect is not None else ""
        return f"{client_id!r} at {self.address}" if client_id else self.address


class Waiting(NamedTuple):
    message: Message
    qos: int
    retain: bool


@dataclass(slots=True)
class InFlight:
    """A QoS 1 or 2 message that the client has not acknowledged. `released`: PUBREL has been sent.

    `on_wire` says that it was sent on the present connection, so it counts against Receive Maximum.
    """

    message: Message
    qos: int
    retain: bool
    released: bool = False
    on_wire: bool = True


@dataclass(slots=True, eq=False)
class Session:
    """Outlives its connection by `expiry` seconds. Messages leave in the order they came."""

    client_id: str
    user: User
    limits: Limits
    expiry: float = 0.0
    will: Will | None = None
    connection: Connection | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    received: set[int] = field(default_factory=set)
    waiting: deque[Waiting] = field(default_factory=deque)
    inflight: dict[int, InFlight] = field(default_factory=dict)
    resend: deque[int] = field(default_factory=deque)
    on_wire: int = 0
    held: int = 0
    dropped: int = 0
    losing_since: float | None = None
    last_id: int = 0

    def attach(self, connection: Connection, now: float) -> None:
        """A new connection: whatever was in flight goes again, with DUP, before anything that waits."""
        self.connection = connection
        self.on_wire = 0
        self.losing_since = None
        for entry in self.inflight.values():
            entry.on_wire = False
        self.resend = deque(self.inflight)
        self.pump(now)

    def detach(self) -> None:
        """Without a connection only QoS 1 and 2 wait."""
        self.connection = None
        self.losing_since = None
        for gone in [entry for entry in self.waiting if not entry.qos]:
            self.held -= gone.message.size
        self.waiting = deque(entry for entry in self.waiting if entry.qos)

    def take_will(self) -> Will | None:
        """The Will, which is then spoken, or nobody's any more."""
        will, self.will = self.will, None
        return will

    def deliver(self, message: Message, qos: int, retain: bool, now: float) -> None:
        """At once if nothing is in front of it, later if there is room, else see Limits."""
        connection = self.connection
        if connection is None:
            if qos:
                self._wait(Waiting(message, qos, retain), now)
        elif self.waiting or connection.congested or self.resend:
            self._wait(Waiting(message, qos, retain), now)
        elif not qos:
            packet = message.packet(connection.version, 0, retain, now)[0]
            if not connection.largest or len(packet) <= connection.largest:
                connection.write(packet)
        elif self.on_wire < connection.inflight:
            self._send(connection, Waiting(message, qos, retain), now)
        else:
            self._wait(Waiting(message, qos, retain), now)

    def pump(self, now: float) -> None:
        """Send what waits, as far as the client's window and its socket allow."""
        connection = self.connection
        if connection is None:
            return
        while self.resend and not connection.congested and self.on_wire < connection.inflight:
            self._send_again(connection, self.resend.popleft(), now)
        while self.waiting and not self.resend and not connection.congested:
            entry = self.waiting[0]
            if entry.qos and self.on_wire >= connection.inflight:
                return
            self.waiting.popleft()
            self.held -= entry.message.size
            if entry.message.expires_at > now:
                self._send(connection, entry, now)
        if not self.waiting:
            self.losing_since = None

    def acknowledged(self, packet: Acknowledgement, now: float) -> None:
        """PUBACK, PUBREC and PUBCOMP of messages to the client; PUBREL of messages from it."""
        connection = self.connection
        if connection is None:
            return
        if packet.kind is Kind.PUBREL:
            reason = 0 if packet.packet_id in self.received else Reason.ID_NOT_FOUND
            self.received.discard(packet.packet_id)
            connection.write(encode.acknowledge(Kind.PUBCOMP, packet.packet_id, connection.version, reason))
            return
        entry = self.inflight.get(packet.packet_id)
        if packet.kind is Kind.PUBREC and packet.reason < 0x80:
            known = entry is not None and entry.qos == 2
            if entry is not None and known:
                entry.released = True
            reason = 0 if known else Reason.ID_NOT_FOUND
            connection.write(encode.acknowledge(Kind.PUBREL, packet.packet_id, connection.version, reason))
        elif entry is not None and _ends(packet.kind, entry):
            del self.inflight[packet.packet_id]
            self.held -= entry.message.size
            self.on_wire -= entry.on_wire
            self.pump(now)

    def _wait(self, entry: Waiting, now: float) -> None:
        """Bounded in number and bytes; see Limits for which message is dropped."""
        limits, size = self.limits, entry.message.size
        while self.waiting and (
            len(self.waiting) >= limits.queue_messages or self.held + size > limits.queue_bytes
        ):
            self.dropped += 1
            if self.losing_since is None:
                self.losing_since = now
                if self.connection is not None:  # so that the broker looks at it
                    self.connection.dirty.append(self.connection)
            if not entry.qos:
                return
            self.held -= self.waiting.popleft().message.size
        self.waiting.append(entry)
        self.held += size

    def _send(self, connection: Connection, entry: Waiting, now: float) -> None:
        message, qos, retain = entry
        head, tail = message.packet(connection.version, qos, retain, now)
        if connection.largest and len(head) + len(tail) + 2 * (qos > 0) > connection.largest:
            self.dropped += 1
            return
        if not qos:
            connection.write(head)
            return
        packet_id = self._next_id()
        self.inflight[packet_id] = InFlight(message, qos, retain)
        self.held += message.size
        self.on_wire += 1
        connection.write(head + packet_id.to_bytes(2, "big") + tail)

    def _send_again(self, connection: Connection, packet_id: int, now: float) -> None:
        entry = self.inflight.get(packet_id)
        if entry is None:
            return
        entry.on_wire = True
        self.on_wire += 1
        if entry.released:
            connection.write(encode.acknowledge(Kind.PUBREL, packet_id, connection.version))
            return
        head, tail = entry.message.packet(connection.version, entry.qos, entry.retain, now)
        dup = bytes((head[0] | 8,)) + head[1:]
        connection.write(dup + packet_id.to_bytes(2, "big") + tail)

    def _next_id(self) -> int:
        packet_id = self.last_id % 65535 + 1
        while packet_id in self.inflight:
            packet_id = packet_id % 65535 + 1
        self.last_id = packet_id
        return packet_id


def _ends(kind: Kind, entry: InFlight) -> bool:
    """Does this acknowledgement finish the message?"""
    if kind is Kind.PUBACK:
        return entry.qos == 1
    if kind is Kind.PUBREC:  # a refusal: others are answered with PUBREL
        return entry.qos == 2
    return entry.released
