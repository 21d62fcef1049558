"""What one component of the adapter is told: frozen values, checked when they are made.

A wrong setting raises `ConfigError` (redundancy.config), which names the field of the value made here and
the reason. All times in seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from redundancy.config import ConfigError, Server
from redundancy.distributor.topics import filter_fault

DATA_SOURCE = "dataSource"
"""The id of server 0, the preferred one."""

_DAY = 86_400.0
_NOT_IN_A_HOST_ID = "+#/"
_LEGACY_CLIENT_ID = 23  # characters that every server takes, and the most that MQTT 3.1 allows
PROBE = "-probe"
"""What the client id of a probe ends with."""


class Kind(StrEnum):
    """The two types of component, as configurations name them."""

    MQTT = "MQTT"
    SPARKPLUG = "MQTTSparkplugB"


class Mode(StrEnum):
    """How an MQTT component uses its servers: one at a time, or all at once with duplicates dropped."""

    FAILOVER = "failover"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server of a component. `id` is unique in it whatever the case, `dataSource` for the preferred one.

    `Server.keep_alive` is the configured keep-alive; `Server.connect_timeout` gives way to that of the
    component's FailoverSettings.
    """

    id: str
    server: Server

    def __post_init__(self) -> None:
        if not self.id.strip():
            raise ConfigError("id", "a server needs an id")


@dataclass(frozen=True, slots=True)
class FailoverSettings:
    """When which server is tried.

    `failback`: so long the preferred server must have been reachable without a break before data come from
    it again; None: they stay where they are until that server fails. `first_pause` is how long a server that
    has failed is left alone; it doubles with every failure up to `longest_pause`, and begins anew only once
    a session there has lasted.
    """

    mode: Mode = Mode.FAILOVER
    connect_timeout: float = 5.0
    failback: float | None = 10.0
    first_pause: float = 1.0
    longest_pause: float = 30.0

    def __post_init__(self) -> None:
        _between("connect_timeout", self.connect_timeout, 0.1, 300.0)
        _between("first_pause", self.first_pause, 0.05, 3600.0)
        _between("longest_pause", self.longest_pause, 0.05, 3600.0)
        if self.failback is not None:
            _between("failback", self.failback, 0.0, _DAY)
        if self.longest_pause < self.first_pause:
            raise ConfigError("longest_pause", f"is shorter than the first pause, {self.first_pause:g} s")


@dataclass(frozen=True, slots=True)
class ComponentConfig:
    """One component: from which servers it reads what.

    `servers` in order, the preferred one first; none is allowed, and then nothing is read. `client_id` is
    the same at every server and on both nodes of a pair (`derived_client_id` makes one). `filters` are topic
    filters with their QoS, for kind MQTT; MQTTSparkplugB subscribes to what its specification says.
    `primary_host_id` makes an MQTTSparkplugB component the primary host, with STATE at every server; with ""
    it listens only. `queue` is how many messages may wait for the sink (maxClientQueueSize): with QoS 0 the
    oldest are dropped and counted beyond it, others wait at the server. `running` is what Start and Stop set.
    """

    id: str
    kind: Kind = Kind.MQTT
    servers: tuple[ServerConfig, ...] = ()
    client_id: str = ""
    filters: tuple[tuple[str, int], ...] = ()
    failover: FailoverSettings = field(default_factory=FailoverSettings)
    primary_host_id: str = ""
    queue: int = 1000
    running: bool = True

    def __post_init__(self) -> None:
        if not self.id:
            raise ConfigError("id", "a component needs an id")
        self._check_servers()
        self._check_filters()
        if self.primary_host_id and self.kind is not Kind.SPARKPLUG:
            raise ConfigError("primary_host_id", f"only a component of type {Kind.SPARKPLUG} is a host")
        if any(char in self.primary_host_id for char in _NOT_IN_A_HOST_ID):
            raise ConfigError("primary_host_id", f"{self.primary_host_id!r} may not hold any of + # /")
        if not 1 <= self.queue <= 1_000_000:
            raise ConfigError("queue", "must be between 1 and 1000000 messages")

    def _check_servers(self) -> None:
        if again := _twice(server.id.lower() for server in self.servers):
            raise ConfigError("servers", f"two servers have the id {again!r}")
        if again := _twice(_place(server.server) for server in self.servers):
            raise ConfigError("servers", f"{again} is there twice")
        if not self.servers:
            return
        if not self.client_id or "\0" in self.client_id or len(self.client_id.encode()) > 0xFFFF:
            raise ConfigError("client_id", "must have at least one and at most 65535 bytes, and no NUL")
        old = any(each.server.version == 3 for each in self.servers)
        longest = _LEGACY_CLIENT_ID - len(PROBE)
        if old and len(self.client_id) > longest:
            reason = f"{self.client_id!r} is longer than {longest}, all that MQTT 3.1 leaves beside a probe's"
            raise ConfigError("client_id", reason)

    def _check_filters(self) -> None:
        if self.filters and self.kind is Kind.SPARKPLUG:
            raise ConfigError("filters", f"a component of type {Kind.SPARKPLUG} takes none")
        for topic, qos in self.filters:
            if fault := filter_fault(topic):
                raise ConfigError("filters", f"{topic!r}: {fault}")
            if qos not in (0, 1, 2):
                raise ConfigError("filters", f"{topic!r}: QoS {qos} is not 0, 1 or 2")
        if again := _twice(topic for topic, _ in self.filters):
            raise ConfigError("filters", f"{again!r} is there twice")

    def dialled(self) -> tuple[ServerConfig, ...]:
        """The servers with the connect time-out that holds for this component."""
        patience = self.failover.connect_timeout
        return tuple(
            replace(each, server=replace(each.server, connect_timeout=patience)) for each in self.servers
        )


def derived_client_id(gateway: str, component: str) -> str:
    """A client id where none is given: the same on both nodes and after every start, and short enough for
    MQTT 3.1."""
    digest = hashlib.sha256(f"{gateway}\0{component}".encode()).hexdigest()
    return f"tandem-{digest[:10]}"


def _place(server: Server) -> str:
    return f"{server.address.lower()}{server.path or ''}"


def _between(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(name, f"{value:g} s is not between {least:g} and {most:g} s")


def _twice(names: Iterable[str]) -> str:
    """The first name that has been there before, "" if none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
