"""From the server's packets to bytes."""

from __future__ import annotations

from redundancy.distributor import properties as wire
from redundancy.distributor.packets import V5, Kind
from redundancy.distributor.properties import NOTHING, Properties, Property, Reason

PINGRESP = bytes((Kind.PINGRESP << 4, 0))

# CONNACK return codes of 3.1.1 (3.2.2.3); a reason that is missing here closes without CONNACK.
_RETURN_CODES = {
    Reason.SUCCESS: 0,
    Reason.UNSUPPORTED_VERSION: 1,
    Reason.CLIENT_ID_INVALID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.SERVER_BUSY: 3,
    Reason.QUOTA: 3,
    Reason.BAD_CREDENTIALS: 5,
    Reason.NOT_AUTHORIZED: 5,
}


def connack(version: int, session_present: bool, reason: Reason, properties: Properties = NOTHING) -> bytes:
    """Empty if the version has no way to say this."""
    if version == V5:
        return _packet(Kind.CONNACK, bytes((session_present, reason)) + wire.encode(properties))
    code = _RETURN_CODES.get(reason)
    return b"" if code is None else _packet(Kind.CONNACK, bytes((session_present, code)))


def acknowledge(kind: Kind, packet_id: int, version: int, reason: int = 0) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP. 3.1.1 cannot carry a reason."""
    flags = 2 if kind is Kind.PUBREL else 0
    if reason and version == V5:
        return bytes((kind << 4 | flags, 3)) + packet_id.to_bytes(2, "big") + bytes((reason,))
    return bytes((kind << 4 | flags, 2)) + packet_id.to_bytes(2, "big")


def suback(packet_id: int, codes: list[int], version: int) -> bytes:
    """`codes`: the granted QoS or a 5.0 reason, per topic filter in the order asked."""
    if version == V5:
        return _packet(Kind.SUBACK, packet_id.to_bytes(2, "big") + b"\0" + bytes(codes))
    failures = bytes(code if code <= 2 else 0x80 for code in codes)
    return _packet(Kind.SUBACK, packet_id.to_bytes(2, "big") + failures)


def unsuback(packet_id: int, codes: list[int], version: int) -> bytes:
    body = packet_id.to_bytes(2, "big")
    return _packet(Kind.UNSUBACK, body + b"\0" + bytes(codes) if version == V5 else body)


def disconnect(version: int, reason: Reason, why: str) -> bytes:
    """Empty for 3.1.1, whose servers may only close."""
    if version != V5:
        return b""
    return _packet(Kind.DISCONNECT, bytes((reason,)) + wire.encode({Property.REASON_STRING: why}))


def publish(topic: str, payload: bytes, qos: int, retain: bool, properties: bytes) -> tuple[bytes, bytes]:
    """Two halves, between which the packet identifier goes; at QoS 0 the first one is the whole packet.

    `properties` is the encoded block for a 5.0 client and empty for 3.1.1.
    """
    name = topic.encode()
    length = 2 + len(name) + len(properties) + len(payload) + (2 if qos else 0)
    first = bytes((Kind.PUBLISH << 4 | qos << 1 | retain,))
    head = first + wire.variable(length) + wire.binary(name)
    return (head, properties + payload) if qos else (head + properties + payload, b"")


def _packet(kind: Kind, body: bytes) -> bytes:
    return bytes((kind << 4,)) + wire.variable(len(body)) + body
