"""What MQTT 5 adds to packets, between paho's objects and plain values."""

from __future__ import annotations

from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from redundancy.mqtt.reports import Kept, UserProperties

__all__ = ["Properties", "ReasonCode"]

V5 = 5
"""The protocol level that brought properties and reasons."""


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


def disconnect_with_will() -> ReasonCode:
    """Reason 0x04: the server publishes the Will although the client says goodbye."""
    return ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")


def publish_properties(user: UserProperties) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    made.UserProperty = list(user)
    return made


def user_properties(publish: Properties | None) -> UserProperties:
    """The user properties of a message that came in."""
    found = getattr(publish, "UserProperty", ())
    return tuple((str(name), str(value)) for name, value in found)
