"""What a session orders and reports. Orders are carried out by the shell, facts are passed on.

Order matters: the shell performs a list from front to back. `at` is ms UTC on this machine's clock
unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkplug.birth import Birth
from sparkplug.metric import Metric
from sparkplug.topic import EdgeNodeId

# --- orders


@dataclass(frozen=True, slots=True)
class Publish:
    """To be published: topic, bytes, QoS 0 or 1, retained or not."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Will:
    """Goes into the CONNECT; the broker publishes it if the connection breaks (specification 5.4, 5.14)."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Topic filters with the QoS asked for each."""

    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Close:
    """clean: with DISCONNECT, so that the broker forgets the Will. with_will: in MQTT 5 that DISCONNECT asks
    for the Will all the same (reason 0x04), as an edge node's must (specification 6.4.25).
    """

    clean: bool
    why: str
    with_will: bool = False


@dataclass(frozen=True, slots=True)
class Reopen:
    """Close and connect again, with a STATE timestamp above the highest seen."""

    why: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """An order of a host, which has several servers."""

    server: str
    publish: Publish


# --- facts of both


@dataclass(frozen=True, slots=True)
class Problem:
    """Somebody sent what should not be. kind: one of a few constants, to count by; detail: a sentence."""

    kind: str
    detail: str


# --- facts of an edge node


@dataclass(frozen=True, slots=True)
class BirthDue:
    """Answer with `EdgeSession.birth(...)` (specification 5.4, 5.17); no data goes out until then."""

    reason: str


@dataclass(frozen=True, slots=True)
class Online:
    """The births are out. `rebirth` if the session was online before."""

    rebirth: bool = False


@dataclass(frozen=True, slots=True)
class HostOffline:
    """The primary host left this server (specification 5.10); NDEATH and Close come before this. Go to the
    next server.
    """

    why: str


@dataclass(frozen=True, slots=True)
class HostSilent:
    """No valid STATE online came in time (specification 5.10). Go to the next server."""

    why: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """Values somebody wants written (NCMD, DCMD; specification 5.17): names, datatypes and ranges are the
    birth's. The answer is `EdgeSession.data` with the values as they then are.
    """

    device: str | None
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class NextServerAsked:
    """'Node Control/Next Server' was written: say goodbye and walk on."""


# --- facts of a host


@dataclass(frozen=True, slots=True)
class NodeBorn:
    """A node is online (specification 5.4). Its devices are stale until their DeviceBorn: DeviceDied was
    reported before.
    """

    edge: EdgeNodeId
    server: str
    bd_seq: int
    metrics: tuple[Metric, ...]
    at: int
    birth: Birth


@dataclass(frozen=True, slots=True)
class DeviceBorn:
    """A device is online (specification 5.6). `metrics` is all it will ever report, until its next birth."""

    edge: EdgeNodeId
    device: str
    metrics: tuple[Metric, ...]
    at: int
    birth: Birth


@dataclass(frozen=True, slots=True)
class Values:
    """Names and datatypes are the birth's, every timestamp is set. Historical ones are among them, marked."""

    edge: EdgeNodeId
    device: str | None
    metrics: tuple[Metric, ...]
    at: int


@dataclass(frozen=True, slots=True)
class NodeDied:
    """The node and all its devices are offline (specification 5.5). `at`: when this machine heard of it."""

    edge: EdgeNodeId
    server: str
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class DeviceDied:
    """`at`: the payload's timestamp (specification 5.7), or this machine's if it had none."""

    edge: EdgeNodeId
    device: str
    at: int
    why: str = "the edge node says so"


@dataclass(frozen=True, slots=True)
class NodeStale:
    """The server through which the node was known is lost: nobody knows how the node and its devices are."""

    edge: EdgeNodeId
    server: str
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class RebirthWanted:
    """The lease holder publishes `HostSession.rebirth(edge)`. Limited per node, repeated until it is born."""

    edge: EdgeNodeId
    server: str
    cause: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """How a host sees an edge node. `adopted`: its birth came from the peer, values may have been missed."""

    server: str
    bd_seq: int
    online: bool
    born_at: int
    devices: Mapping[str, bool] = field(default_factory=dict)
    adopted: bool = False


Effect = (
    Publish
    | Subscribe
    | Close
    | Reopen
    | Addressed
    | Problem
    | BirthDue
    | Online
    | HostOffline
    | HostSilent
    | Commanded
    | NextServerAsked
    | NodeBorn
    | DeviceBorn
    | Values
    | NodeDied
    | DeviceDied
    | NodeStale
    | RebirthWanted
)
