"""A client's packets by hand, and a raw socket that speaks them."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator

from redundancy.distributor import properties
from tests.waiting import PATIENCE

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x20, 0x30, 0x40, 0x50, 0x62, 0x70
SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 0x90, 0xB0, 0xD0, 0xE0
PINGREQ = b"\xc0\0"
GOODBYE = b"\xe0\0"


def packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + properties.variable(len(body)) + body


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def block(version: int, values: dict | None = None) -> bytes:
    return properties.encode(values or {}) if version == 5 else b""


def connect(
    client_id: str, username: str | None = "admin", password: str | None = "admin-secret", *,
    version: int = 4, clean: bool = True, keep_alive: int = 60,
    will: tuple[str, bytes, int, bool] | None = None,
    props: dict | None = None, will_props: dict | None = None,
) -> bytes:  # fmt: skip
    flags = 2 * clean
    tail = b""
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | retain << 5
        tail += block(version, will_props) + text(topic) + text(payload)
    if username is not None:
        flags |= 0x80
        tail += text(username)
    if password is not None:
        flags |= 0x40
        tail += text(password)
    head = text("MQTT") + bytes((version, flags)) + struct.pack(">H", keep_alive)
    return packet(0x10, head + block(version, props) + text(client_id) + tail)


def subscribe(
    packet_id: int, *filters: tuple[str, int], version: int = 4, props: dict | None = None
) -> bytes:
    body = b"".join(text(name) + bytes((options,)) for name, options in filters)
    return packet(0x82, struct.pack(">H", packet_id) + block(version, props) + body)


def publish(
    topic: str, payload: bytes = b"", qos: int = 0, *, packet_id: int = 1, retain: bool = False,
    dup: bool = False, version: int = 4, props: dict | None = None,
) -> bytes:  # fmt: skip
    number = struct.pack(">H", packet_id) if qos else b""
    first = PUBLISH | dup << 3 | qos << 1 | retain
    return packet(first, text(topic) + number + block(version, props) + payload)


def ack(kind: int, packet_id: int) -> bytes:
    return packet(kind, struct.pack(">H", packet_id))


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(first byte, body) of every whole packet."""
    reader = properties.Reader(data)
    while not reader.done():
        first = reader.number(1)
        yield first, reader.take(reader.variable())


def message(first: int, body: bytes, version: int = 4) -> tuple[str, bytes, int, dict]:
    """Topic, payload, packet id (0 at QoS 0) and properties of a PUBLISH."""
    reader = properties.Reader(body)
    topic = reader.text()
    packet_id = reader.number(2) if first & 6 else 0
    found = dict(reader.properties(frozenset(properties.Property))) if version == 5 else {}
    return topic, reader.take(len(body) - reader.position), packet_id, found


class RawClient:
    """A blocking socket; everything waits at most `patience` seconds."""

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.data = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def cut(self) -> None:
        """Away without a word: a reset, as from a killed process."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read(self) -> tuple[int, bytes]:
        """The next packet; EOFError when the server closes, TimeoutError when nothing comes."""
        while True:
            with contextlib.suppress(properties.MalformedPacket):
                reader = properties.Reader(self.data)
                first, body = reader.number(1), reader.take(reader.variable())
                self.data = self.data[reader.position :]
                return first, body
            data = self._receive()
            if not data:
                raise EOFError
            self.data += data

    def expect(self, kind: int) -> bytes:
        first, body = self.read()
        assert first & 0xF0 == kind & 0xF0, f"got {first:#x} {body!r}"
        return body

    def closed(self) -> bool:
        """Reads until the server closes, at most as long as the patience lasts."""
        with contextlib.suppress(TimeoutError):
            while self._receive():
                pass
            return True
        return False

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""


def opened(port: int, client_id: str, username: str = "admin", **more: object) -> RawClient:
    """Connected and let in, or an AssertionError."""
    client = RawClient(port)
    client.send(connect(client_id, username, f"{username}-secret", **more))  # type: ignore[arg-type]
    body = client.expect(CONNACK)
    assert body[1] == 0, f"refused with {body[1]:#x}"
    return client


def listening(port: int, client_id: str, *filters: tuple[str, int], **more: object) -> RawClient:
    """Connected and subscribed."""
    client = opened(port, client_id, **more)
    client.send(subscribe(1, *filters, version=int(str(more.get("version", 4)))))
    client.expect(SUBACK)
    return client


def wait_until(condition, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
