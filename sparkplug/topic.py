"""Topics of the spBv1.0 namespace (specification 4.1). An illegal one cannot be built.

STATE is not a `Topic`: it has no edge node. `state_topic` and `state_host` are its two directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sparkplug.errors import LocalProtocolError, TopicError

NAMESPACE = "spBv1.0"
EVERYTHING = f"{NAMESPACE}/#"
_STATE = "STATE"
_FORBIDDEN = frozenset("+/#\0")
# MQTT allows 65,535 bytes for the whole topic; a quarter of that is beyond any plant's naming.
_MAX_ID_BYTES = 16_000


class MessageType(StrEnum):
    """The third level of a topic."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"

    @property
    def of_device(self) -> bool:
        return self.value[0] == "D"


_TYPES = {str(kind): kind for kind in MessageType}


def _why_not(text: str) -> str | None:
    """What is wrong with one level of a topic, or None."""
    if not text:
        return "is empty"
    if not _FORBIDDEN.isdisjoint(text):
        return "contains one of + / # or NUL"
    try:
        if len(text.encode()) > _MAX_ID_BYTES:
            return f"is longer than {_MAX_ID_BYTES} bytes"
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return None


def check_id(what: str, text: str) -> str:
    """`text` if it may be one level of a topic, else LocalProtocolError naming `what`."""
    if reason := _why_not(text):
        raise LocalProtocolError(f"{what} {reason}: {text[:80]!r}")
    return text


class EdgeNodeId(NamedTuple):
    """Group and edge node: unique over the whole plant. `str()` is the edge node descriptor."""

    group: str
    edge: str

    def __str__(self) -> str:
        return f"{self.group}/{self.edge}"

    @classmethod
    def checked(cls, group: str, edge: str) -> EdgeNodeId:
        """Refuses what MQTT forbids, and a group called STATE: its topics would look like host states."""
        check_id("group id", group)
        check_id("edge node id", edge)
        if group == _STATE:
            raise LocalProtocolError("a group may not be called STATE")
        return cls(group, edge)


@dataclass(frozen=True, slots=True)
class Topic:
    """spBv1.0/<group>/<type>/<edge>[/<device>]; `device` is there exactly for the D types."""

    type: MessageType
    edge: EdgeNodeId
    device: str | None = None

    def __post_init__(self) -> None:
        if self.type.of_device != (self.device is not None):
            raise LocalProtocolError(
                f"{self.type} {'needs' if self.device is None else 'has no'} device level"
            )

    def __str__(self) -> str:
        base = f"{NAMESPACE}/{self.edge.group}/{self.type}/{self.edge.edge}"
        return base if self.device is None else f"{base}/{self.device}"

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Raises TopicError, for STATE topics too."""
        levels = text.split("/")
        if levels[0] != NAMESPACE or not 4 <= len(levels) <= 5:
            raise TopicError(f"not an edge node's topic: {text[:120]!r}")
        kind = _TYPES.get(levels[2])
        if kind is None:
            raise TopicError(f"unknown message type: {text[:120]!r}")
        if kind.of_device != (len(levels) == 5):
            raise TopicError(f"{kind} with {len(levels)} levels: {text[:120]!r}")
        if levels[1] == _STATE:
            raise TopicError("a group called STATE")
        for level in (levels[1], *levels[3:]):
            if reason := _why_not(level):
                raise TopicError(f"an id {reason}: {text[:120]!r}")
        return cls(kind, EdgeNodeId(levels[1], levels[3]), levels[4] if len(levels) == 5 else None)


def state_topic(host_id: str) -> str:
    """Where a host application says whether it is online (specification 4.2.3)."""
    return f"{NAMESPACE}/{_STATE}/{check_id('host id', host_id)}"


def legacy_state_topic(host_id: str) -> str:
    """Where hosts before 3.0 said ONLINE and OFFLINE in plain text; outside the namespace (see legacy.py)."""
    return f"{_STATE}/{check_id('host id', host_id)}"


def state_host(text: str) -> str | None:
    """The host id of a STATE topic, or None for any other topic."""
    levels = text.split("/")
    if len(levels) != 3 or levels[0] != NAMESPACE or levels[1] != _STATE or not levels[2]:
        return None
    return levels[2]
