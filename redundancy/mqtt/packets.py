"""What MQTT 5 adds to packets, between paho's objects and plain values."""

from __future__ import annotations

from functools import cache
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from redundancy.mqtt.reports import Kept, UserProperties

__all__ = ["Properties", "ReasonCode"]

NO_PROPERTIES = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]

V5 = 5
"""The protocol level that brought properties and reasons."""

LARGEST = 268_435_460
"""Bytes of the longest packet there can be: five in front of 268,435,455 (MQTT 5.0, 1.5.5)."""

_USER_PROPERTY = b"\x26"


def connect_options(kept: Kept | None) -> dict[str, Any]:
    """How paho is asked for a session that is kept, or for a new one that is not."""
    if kept is None:
        return {"clean_start": True}
    asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    asked.SessionExpiryInterval = kept.expiry
    # paho's own default begins anew with every new client object, and ours is always new.
    return {"clean_start": False, "properties": asked}


def receive_maximum(connack: Properties | None) -> int:
    """How many unacknowledged messages the server takes; 65535 where it does not say."""
    return int(getattr(connack, "ReceiveMaximum", 65535))


def largest(connack: Properties | None) -> int:
    """How many bytes the longest packet may have that the server takes (Maximum Packet Size)."""
    return int(getattr(connack, "MaximumPacketSize", LARGEST))


def publish_size(topic: str, payload: bytes, qos: int, properties: Properties | None) -> int:
    """Bytes of a PUBLISH of MQTT 5 as it goes on the wire."""
    block = len(properties.pack()) if isinstance(properties, _Packed) else 1
    name = len(topic) if topic.isascii() else len(topic.encode())
    rest = 2 + name + (2 if qos else 0) + block + len(payload)
    return 1 + len(_variable(rest)) + rest


@cache
def puback_reason(code: int) -> ReasonCode | None:
    """The reason of a PUBACK, one object for each; None for a code that no PUBACK has."""
    try:
        return ReasonCode(PacketTypes.PUBACK, identifier=code)
    except (KeyError, ValueError):
        return None


def disconnect_with_will() -> ReasonCode:
    """Reason 0x04: the server publishes the Will although the client says goodbye."""
    return ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")


class _Packed(Properties):
    """Properties as they go on the wire. paho's own take longer to be made than the rest of a PUBLISH."""

    def __init__(self, wire: bytes) -> None:
        object.__setattr__(self, "_wire", wire)  # paho's own refuses names that are no property

    def pack(self) -> bytes:
        return bytes(object.__getattribute__(self, "_wire"))


def publish_properties(user: UserProperties, version: int) -> Properties | None:
    """None where MQTT `version` has no properties, or none are wanted.

    Raises ValueError for a name or value of more than 65535 bytes.
    """
    if not user or version < V5:
        return None
    pairs = b"".join(_USER_PROPERTY + _text(name) + _text(value) for name, value in user)
    return _Packed(_variable(len(pairs)) + pairs)


def _variable(number: int) -> bytes:
    """A variable byte integer (MQTT 5.0, 1.5.5)."""
    if number < 128:
        return bytes((number,))
    return bytes((number % 128 | 128,)) + _variable(number // 128)


def _text(value: str) -> bytes:
    raw = value.encode()
    if len(raw) > 65535:
        raise ValueError("a user property is longer than 65535 bytes")
    return len(raw).to_bytes(2) + raw


def user_properties(publish: Properties | None) -> UserProperties:
    """The user properties of a message that came in."""
    found = getattr(publish, "UserProperty", ())
    return tuple((str(name), str(value)) for name, value in found)
