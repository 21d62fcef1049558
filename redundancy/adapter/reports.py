"""What a component tells: messages, metrics, and how its servers are. Frozen values.

`AdapterSink` is implemented by whoever runs the components (hmi.worker); everything is called on the loop
that runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sparkplug import EdgeNodeId, Metric


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a component of kind MQTT has received.

    `at` is when, in ms since 1970 UTC. `retain`: the server had it before we came, and said so.
    """

    component: str
    server: str
    topic: str
    payload: bytes
    qos: int
    retain: bool
    at: int


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server of a component.

    `connected`: a session stands there, be it only a probe; `since`: when that last changed, ms since 1970
    UTC, 0 if never. `target`: data come from it. `messages` it has sent since the start, duplicates included;
    `failovers`: how often data had to move away because it failed. `last_error`: "" if there was none.
    """

    id: str
    connected: bool = False
    target: bool = False
    since: int = 0
    messages: int = 0
    failovers: int = 0
    last_error: str = ""


class Condition(StrEnum):
    """How a component is, in one word."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    STANDBY = "Standby"
    NOT_CONFIGURED = "Not configured"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component. `why` is one sentence. `waiting` messages have not been taken by the sink yet.

    `switches`: how often data have moved to another server. `dropped`: messages at QoS 0 that the sink was
    too slow for. `duplicates`: second copies from another server (mode all).
    """

    component: str
    condition: Condition
    why: str
    servers: tuple[ServerStatus, ...] = ()
    switches: int = 0
    waiting: int = 0
    dropped: int = 0
    duplicates: int = 0


class NotTaken(Exception):
    """The sink can't take messages now; they are offered again in a second. Its text is the reason."""


class AdapterSink(Protocol):
    """Where components report."""

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Messages of one MQTT component, in order. They are safe once this returns: only then are they
        acknowledged to their server. Raises NotTaken."""

    def metrics(
        self, component: str, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int
    ) -> None:
        """Metrics of an MQTTSparkplugB component, with their names and types: a birth's, or later ones.
        `device` None: the edge node itself. `at` as in Arrival."""

    def stale(self, component: str, edge: EdgeNodeId, device: str | None, at: int, why: str) -> None:
        """The edge node (with all its devices) or the device is gone."""

    def component(self, status: ComponentStatus) -> None:
        """Something about the component has changed; counts at most once a second."""
