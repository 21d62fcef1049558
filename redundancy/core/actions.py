"""What a node of a pair can order. The shell performs a list in its order, one list after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from redundancy.core.messages import Message


@dataclass(frozen=True, slots=True)
class Promise:
    """What a voter must never forget, on disk before anything that follows from it leaves.

    `epoch` and `holder`: the last vote. `last_own`: the highest term this node itself has held.
    """

    epoch: int = 0
    holder: str = ""
    last_own: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """`to` is the peer's node name, or "witness". May be lost; never waited for."""

    to: str
    message: Message


@dataclass(frozen=True, slots=True)
class Persist:
    """Written and fsynced BEFORE the actions after it in the list are performed.

    If that fails: drop the rest of the list, and any list queued behind it, and report PersistFailed.
    StandDown and LetGo never come after a Persist, so standing down never waits for a disk.
    """

    promise: Promise


@dataclass(frozen=True, slots=True)
class Activate:
    """Act, under this epoch. `planned`: the role was handed over by `from_node`, whose sessions still stand.

    Answered by TookOver. After an unanswered planned StandDown an Activate may come without a LetGo
    between: the peer did not take over, so take up again what was held. `request` is the id of the
    wish behind a planned switch ("" for none).
    """

    epoch: int
    cause: str
    planned: bool = False
    from_node: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class StandDown:
    """Stop commanding, now; answered by StoodDown.

    `planned`: finish what is on its way, keep the STATE session open and silent until LetGo.
    `goodbye`: nobody follows; say it to the letter (STATE offline, NDEATH), then close.
    In both cases the lease is kept until StoodDown (at most one lease long).
    Neither: the lease is lost; close without a word, drop what is queued.
    """

    epoch: int
    why: str
    planned: bool = False
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class LetGo:
    """The peer has taken over (or this node stands by for good): close what a planned StandDown held."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The drain is over: the process may end."""


@dataclass(frozen=True, slots=True)
class FailoverAnswer:
    """The answer to FailoverAsked; `reason` is a sentence when it is refused."""

    request: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for the log and the audit trail."""

    sentence: str


Action: TypeAlias = Send | Persist | Activate | StandDown | LetGo | Stopped | FailoverAnswer | Note
