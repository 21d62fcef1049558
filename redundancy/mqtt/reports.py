"""What a connection reports to its owner, and how a session that the server keeps is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

UserProperties: TypeAlias = tuple[tuple[str, str], ...]
"""MQTT 5's user properties, in order; always empty with 3.1 and 3.1.1."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that the server keeps for `expiry` seconds after the connection has ended.

    What comes in at QoS 1 and 2 meanwhile waits there. With MQTT 3 a server keeps it as long as it likes.
    `by_hand`: a message counts as taken when `Connection.acknowledge` says so, and not when it was reported;
    until then the server sends it again to every new connection. Connections that share a `Receipts` report
    it once all the same.
    """

    expiry: int = 3600
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """CONNACK: the session stands.

    `resumed`: the server had kept it. `receive_maximum`: so many unacknowledged messages it takes at a time.
    `largest`: so many bytes a packet may have.
    """

    resumed: bool = field(default=False, compare=False)
    receive_maximum: int = field(default=65535, compare=False)
    largest: int = field(default=268_435_460, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """There will be no session: no server, no answer in time, or CONNACK with a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The session is over, without having been closed from here."""

    why: str


@dataclass(frozen=True, slots=True)
class Message:
    """A PUBLISH from the server. `mid` is its packet's number in this session, 0 with QoS 0.

    `again`: the server has sent it before and knows no answer; whether it arrived then, nobody knows.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int = field(default=0, compare=False)
    user: UserProperties = ()
    again: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Acked:
    """A publish of one's own was acknowledged (QoS 1 and 2), or written to the socket (QoS 0).

    `code` is MQTT 5's reason: 0 for success, 16 where nobody has subscribed to it, 128 and above where the
    server has refused the message; sending that one again would be refused again.
    """

    mid: int
    code: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK: for each filter the granted QoS, or 128 and above for a refusal."""

    mid: int
    granted: tuple[int, ...]


Report: TypeAlias = Opened | Refused | Lost | Message | Acked | Subscribed
