"""What can happen to a node of a pair. The shell turns the world into these, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from redundancy.core.messages import Message


@dataclass(frozen=True, slots=True)
class Tick:
    """`deadline()` has come. Harmless at any other time."""


@dataclass(frozen=True, slots=True)
class Received:
    """An authenticated message. `sender` is the peer's node name, or "witness"."""

    sender: str
    message: Message


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The connection to `node` (the peer's name, or "witness") stands."""

    node: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection to `node` is gone. It proves nothing about the node: no vote is freed by it."""

    node: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ConfigKnown:
    """This node has this configuration now. Versions order like numbers inside text: "2.9-x" < "2.10-a"."""

    version: str


@dataclass(frozen=True, slots=True)
class Healthy:
    """The end-to-end canary's verdict. A node counts as healthy until told otherwise."""

    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class EdgeSessions:
    """How many edge nodes are online through this node: decides who stays after a heal without witness."""

    count: int


@dataclass(frozen=True, slots=True)
class FailoverAsked:
    """A person wants the role moved. `request` is an id: asking twice with the same one is one wish.

    Answered by exactly one FailoverAnswer with that id (on a standby after the active has spoken).
    `even_if_silent`: take the role here although neither the peer nor a witness can be asked.
    """

    by: str
    reason: str
    request: str
    even_if_silent: bool = False


@dataclass(frozen=True, slots=True)
class MaintenanceAsked:
    """Maintenance on: hand over and do not campaign. Off: take part again."""

    on: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGTERM: hand over if the peer can take it, then Stopped. Never longer than 5 s."""


@dataclass(frozen=True, slots=True)
class StoodDown:
    """What StandDown ordered is done: no command of this node is on its way any more."""


@dataclass(frozen=True, slots=True)
class TookOver:
    """What Activate ordered is done wherever it can be done: STATE online, or births sent."""


@dataclass(frozen=True, slots=True)
class PersistFailed:
    """A Persist could not be written. The shell has dropped the actions after it, and every list of
    actions made between that Persist and this event."""

    why: str


@dataclass(frozen=True, slots=True)
class Intruder:
    """Somebody answers at the peer's place who cannot be the peer: same name, same role, wrong pair."""

    why: str


@dataclass(frozen=True, slots=True)
class IntruderGone:
    """The peer's place is taken by the right one, or empty, again."""


Event: TypeAlias = (
    Tick
    | Received
    | LinkUp
    | LinkDown
    | ConfigKnown
    | Healthy
    | EdgeSessions
    | FailoverAsked
    | MaintenanceAsked
    | StopAsked
    | StoodDown
    | TookOver
    | PersistFailed
    | Intruder
    | IntruderGone
)
