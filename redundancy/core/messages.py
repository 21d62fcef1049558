"""What the voters of a pair say to each other. Frozen, flat, JSON-able fields only.

`boot` is always the boot id of the node that *asked* (or speaks, in a heartbeat): an answer to an
older life of a node means nothing to its present one. No message carries a clock reading, only
durations, because no two clocks in a plant are the same.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, TypeAlias

WITNESS = "witness"
"""The name under which a node knows the third voter. No node may have it."""

_LONGEST_TEXT = 512
_LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Every 250 ms to the peer, and at once when something changes.

    `beat` rises by one, so that an overtaken heartbeat is known. `epoch` is the highest term that
    the sender knows to have had a holder. `active` says that the sender holds the role; `left` is
    then what remains of its lease in seconds. `config` orders configurations ("" = none yet).
    `able` says that the sender would take the role if it could have it; `leaving`, that its node stops for
    good, and the broker with it.
    """

    kind: ClassVar[str] = "heartbeat"
    boot: str
    beat: int
    role: str
    state: str
    epoch: int = 0
    active: bool = False
    left: float = 0.0
    took_over: bool = False
    config: str = ""
    healthy: bool = True
    able: bool = False
    edges: int = 0
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A candidate's or a holder's question to a voter. `attempt` tells the answers apart.

    `lease`: how long the asker's grants must live, in seconds. A voter set to a shorter one refuses,
    since it would let somebody else in while the asker still counts on its grant.
    """

    kind: ClassVar[str] = "request"
    boot: str
    epoch: int
    attempt: int
    lease: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """A vote, good for one lease. Echoes the request; the holder counts from when it asked."""

    kind: ClassVar[str] = "grant"
    boot: str
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """No vote. `promised` and `holder` say to whom it went; after `rest` seconds (0 = at once) a
    request with a higher epoch would be heard. `waiting`: this voter has restarted and votes for
    nobody, itself included, before `rest` has passed. `lease`: the voter's own, when it is too short
    for the asker; else 0.
    """

    kind: ClassVar[str] = "refuse"
    boot: str
    epoch: int
    attempt: int
    promised: int
    holder: str = ""
    rest: float = 0.0
    waiting: bool = False
    lease: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """The holder (or a candidate that gives up) needs the vote for `epoch` no more.

    With a `successor` it is a planned switch: that node campaigns at once. `by`, `reason` and
    `request` say whose wish it was.
    """

    kind: ClassVar[str] = "release"
    boot: str
    epoch: int
    successor: str = ""
    by: str = ""
    reason: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class SwitchAsked:
    """A standby passes on the wish for a planned switch, a person's or (Recovery Mode) its own."""

    kind: ClassVar[str] = "switch-asked"
    boot: str
    by: str
    reason: str
    request: str


@dataclass(frozen=True, slots=True)
class SwitchAnswer:
    """The active node's answer to SwitchAsked; `reason` is a sentence when it is refused."""

    kind: ClassVar[str] = "switch-answer"
    boot: str
    request: str
    accepted: bool
    reason: str = ""


Message: TypeAlias = Heartbeat | Request | Grant | Refuse | Release | SwitchAsked | SwitchAnswer

MESSAGES: dict[str, type[Message]] = {
    kind.kind: kind for kind in (Heartbeat, Request, Grant, Refuse, Release, SwitchAsked, SwitchAnswer)
}


def to_wire(message: Message) -> dict[str, Any]:
    """The message as one flat JSON object; `kind` names its type."""
    return {"kind": message.kind, **asdict(message)}


def from_wire(raw: Any) -> Message:
    """The reverse of to_wire. Raises ValueError naming the field that is wrong.

    Unknown fields are left aside, so that a newer node can talk to an older one during an upgrade.
    """
    if not isinstance(raw, dict):
        raise ValueError("message: is not an object")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise ValueError(f"kind: {str(kind)[:40]!r} is not a message of the pair")
    values: dict[str, Any] = {}
    for field in fields(MESSAGES[kind]):
        if field.name in raw:
            values[field.name] = _checked(field.name, str(field.type), raw[field.name])
        elif field.default is MISSING:
            raise ValueError(f"{field.name}: is missing in {kind}")
    return MESSAGES[kind](**values)


def _checked(name: str, type_: str, value: Any) -> str | int | float | bool:
    if type_ == "str" and isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise ValueError(f"{name}: is longer than {_LONGEST_TEXT} characters")
        return value
    if type_ == "bool" and isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: must be {type_}")
    if not 0 <= value <= _LARGEST_NUMBER:  # NaN is never between
        raise ValueError(f"{name}: is out of range")
    if type_ == "float":
        return float(value)
    if type_ == "int" and isinstance(value, int):
        return value
    raise ValueError(f"{name}: must be {type_}")
