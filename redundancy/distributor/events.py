"""What the shell tells the broker, and what the broker orders. Connections are the shell's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from redundancy.distributor.access import Access
from redundancy.distributor.limits import Limits


class Connected(NamedTuple):
    """A client has opened a socket."""

    connection: int
    address: str


class Received(NamedTuple):
    connection: int
    data: bytes


class Lost(NamedTuple):
    """The socket is gone, whoever ended it."""

    connection: int
    why: str


class Drained(NamedTuple):
    """What was sent with `report` has left this process, or nearly."""

    connection: int


class Verified(NamedTuple):
    """The answer to Verify."""

    connection: int
    right: bool


class Tick(NamedTuple):
    """The deadline has come."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration file has changed."""

    access: Access
    limits: Limits
    lease: float


class Stop(NamedTuple):
    """The process is about to end."""


Event = Connected | Received | Lost | Drained | Verified | Tick | Reconfigured | Stop


class Send(NamedTuple):
    """With `report`, answer Drained once the bytes are nearly gone."""

    connection: int
    data: bytes
    report: bool


class Close(NamedTuple):
    """After what was sent before. The broker has already forgotten the connection."""

    connection: int
    why: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Check the password away from the loop and answer Verified."""

    connection: int
    password_hash: str = field(repr=False)
    password: bytes = field(repr=False)


class Note(NamedTuple):
    """A sentence for the log, already kept from repeating itself."""

    text: str


Effect = Send | Close | Verify | Note
