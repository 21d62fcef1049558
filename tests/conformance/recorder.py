"""An MQTT server that writes down what clients really send: CONNECT, Will, SUBSCRIBE, PUBLISH, DISCONNECT.

A client cannot see these of another client, and a real broker does not tell. 3.1.1 and 5.0; it grants
every subscription, acknowledges everything, and forwards what anybody has subscribed to. `say` is how a test
speaks to one client.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SESSION_EXPIRY, WILL_DELAY = 0x11, 0x18
# The properties of MQTT 5 by the shape of their value: a number of so many bytes, 0 for text, -1 for a pair,
# -2 for a number of variable length.
_SHAPES = {0x01: 1, 0x02: 4, 0x0B: -2, 0x11: 4, 0x13: 2, 0x17: 1, 0x18: 4, 0x19: 1, 0x21: 2, 0x22: 2}
_SHAPES |= {0x23: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1, 0x26: -1}


@dataclass(frozen=True)
class Published:
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Connected:
    level: int
    client_id: str
    clean: bool
    keep_alive: int
    will: Published | None
    properties: dict[int, object]
    will_properties: dict[int, object]


@dataclass(frozen=True)
class Subscribed:
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Disconnected:
    """reason: the code of MQTT 5, 0 in 3.1.1."""

    reason: int


Packet = Connected | Published | Subscribed | Disconnected


@dataclass
class Session:
    """One client's connection: everything that it sent, in order."""

    writer: asyncio.StreamWriter
    packets: list[Packet] = field(default_factory=list)
    ended: bool = False

    @property
    def connect(self) -> Connected:
        first = self.packets[0]
        assert isinstance(first, Connected)
        return first

    def wants(self, topic: str) -> bool:
        """Whether it has subscribed to this topic; of wildcards only # is looked at."""
        wild = (name[:-1] for name in self.filters if name.endswith("#"))
        return not self.ended and (topic in self.filters or any(topic.startswith(start) for start in wild))

    @property
    def published(self) -> list[Published]:
        return [packet for packet in self.packets if isinstance(packet, Published)]

    @property
    def filters(self) -> dict[str, int]:
        """Filter -> QoS, of all subscriptions."""
        asked = [packet for packet in self.packets if isinstance(packet, Subscribed)]
        return {name: qos for packet in asked for name, qos in packet.filters}

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """A PUBLISH to this client, QoS 0."""
        body = _text(topic) + (b"\0" if self.connect.level == 5 else b"") + payload
        self.writer.write(_packet(0x30 | retain, body))


class Recorder:
    """`on_subscribe(session)` runs after every SUBACK, for what a real broker would have retained."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.on_subscribe: Callable[[Session], None] = lambda _: None
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(writer)
        try:
            while True:
                await self._one(session, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            session.ended = True
            writer.close()

    async def _one(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        (first,) = await reader.readexactly(1)
        body = _Cursor(await reader.readexactly(await _length(reader)))
        kind = first >> 4
        if kind == 1:
            session.packets.append(_connect(body))
            self.sessions.append(session)
            writer.write(_packet(0x20, b"\0\0" + (b"\0" if session.connect.level == 5 else b"")))
        elif kind == 3:
            self._publish(session, first, body)
        elif kind == 8:
            self._subscribe(session, body)
        elif kind == 12:
            writer.write(b"\xd0\0")
        elif kind == 14:
            session.packets.append(Disconnected(body.number(1) if body.left else 0))

    def _publish(self, session: Session, first: int, body: _Cursor) -> None:
        topic, qos = body.text(), first >> 1 & 3
        mid = body.take(2) if qos else b""
        if session.connect.level == 5:
            body.properties()
        packet = Published(topic, body.take(body.left), qos, bool(first & 1))
        session.packets.append(packet)
        if qos:
            session.writer.write(_packet(0x40, mid))
        for other in self.sessions:
            if other.wants(topic):
                other.say(topic, packet.payload)

    def _subscribe(self, session: Session, body: _Cursor) -> None:
        mid = body.take(2)
        if session.connect.level == 5:
            body.properties()
        filters = []
        while body.left:
            filters.append((body.text(), body.number(1) & 3))
        session.packets.append(Subscribed(tuple(filters)))
        none = b"\0" if session.connect.level == 5 else b""
        session.writer.write(_packet(0x90, mid + none + bytes(qos for _, qos in filters)))
        self.on_subscribe(session)


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def blob(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.blob().decode()

    def variable(self) -> int:
        number = shift = 0
        while True:
            byte = self.number(1)
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def properties(self) -> dict[int, object]:
        length = self.variable()
        end, found = self._at + length, {}
        while self._at < end:
            code = self.number(1)
            found[code] = self._property(_SHAPES.get(code, 0))
        return found

    def _property(self, shape: int) -> object:
        if shape == -2:
            return self.variable()
        if shape == -1:
            return self.text(), self.text()
        return self.number(shape) if shape else self.blob()


def _connect(body: _Cursor) -> Connected:
    assert body.text() == "MQTT"
    level, flags, keep_alive = struct.unpack(">BBH", body.take(4))
    properties = body.properties() if level == 5 else {}
    client_id = body.text()
    will, will_properties = None, {}
    if flags & 4:
        will_properties = body.properties() if level == 5 else {}
        will = Published(body.text(), body.blob(), flags >> 3 & 3, bool(flags & 32))
    return Connected(level, client_id, bool(flags & 2), keep_alive, will, properties, will_properties)


async def _length(reader: asyncio.StreamReader) -> int:
    number = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number


def _packet(first: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, low = size >> 7, size & 127
        length.append(low | (128 if size else 0))
        if not size:
            return bytes((first,)) + bytes(length) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """A recorder on a free port of 127.0.0.1."""
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.port = server.sockets[0].getsockname()[1]
    try:
        yield recorder
    finally:
        server.close()
        for session in recorder.sessions:
            session.writer.close()
