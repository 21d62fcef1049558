"""What a node is told: frozen values, checked when they are made.

The composition root turns database rows and the node's own file into these once; nothing in this
package ever sees a row. A wrong setting raises `ConfigError`, which names the field and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

from redundancy.profiles import Profile, clash


class ConfigError(ValueError):
    """A setting that cannot be used. `field` is the setting's name, `reason` one plain sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Role(StrEnum):
    """Ignition's `Mode`: configured, never changes by itself."""

    MASTER = "Master"
    BACKUP = "Backup"
    INDEPENDENT = "Independent"


class Standby(StrEnum):
    """Ignition's `Standby Activity Level`."""

    WARM = "Warm"
    COLD = "Cold"


class Recovery(StrEnum):
    """Ignition's `Recovery Mode`: what a master does that finds its backup active."""

    MANUAL = "Manual"
    AUTOMATIC = "Automatic"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address. Port 0 is refused: a plant's addresses are known before it starts."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not self.host:
            raise ConfigError("host", "is empty")
        if not 1 <= self.port <= 65535:
            raise ConfigError("port", f"port {self.port} is not between 1 and 65535")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedundancySettings:
    """A node's redundancy settings, by Ignition's names. All times in seconds.

    `failover_timeout` is the lease: how long a silent holder keeps the role (Failover Timeout).
    `startup_allowance` is how long a starting node waits to hear its peer once before it campaigns
    (Startup Connection Allowance). `dwell` keeps an automatic fail-back from flapping. `sync_timeout` is
    how long a pull of records may make no progress before its connection is begun anew (Sync Timeout).
    `profile` names where the first two come from.
    """

    standby: Standby = Standby.WARM
    failover_timeout: float = 2.0
    startup_allowance: float = 10.0
    recovery: Recovery = Recovery.MANUAL
    dwell: float = 30.0
    sync_timeout: float = 60.0
    profile: Profile = Profile.OWN

    def __post_init__(self) -> None:
        if not 0.2 <= self.failover_timeout <= 60.0:
            raise ConfigError("failover_timeout", "must be between 0.2 and 60 seconds")
        if not 0.0 <= self.startup_allowance <= 600.0:
            raise ConfigError("startup_allowance", "must be between 0 and 600 seconds")
        if not 0.0 <= self.dwell <= 3600.0:
            raise ConfigError("dwell", "must be between 0 and 3600 seconds")
        if not 1.0 <= self.sync_timeout <= 3600.0:
            raise ConfigError("sync_timeout", "must be between 1 and 3600 seconds")
        if fault := clash(self.profile, self):
            raise ConfigError(*fault)


@dataclass(frozen=True, slots=True)
class LinkTls:
    """A node's PEM files for its links: the plant's authority, its own certificate, and that one's key.

    With them, every link of the node is TLS with certificates at both ends, and none is ever without.
    """

    ca: str
    certificate: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("ca", "certificate", "key"):
            path = getattr(self, name)
            if not path:
                raise ConfigError(f"link_tls.{name}", "is missing: TLS takes a CA, a certificate and its key")
            if not path.startswith("/"):
                raise ConfigError(f"link_tls.{name}", f"{path!r} is not a whole path, from / on")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other node of the pair: where this node dials its link, and where browsers find its pages.

    On a Backup, `link` is Ignition's Master Node Address and Port.
    """

    node: str
    link: Endpoint
    url: str


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One node: who it is, where it listens, whom it knows. Never replicated.

    `witness` is where the pair's third vote is asked for, `serve_witness` where this node gives one to the
    pairs of other gateways. `bind_interface` is the local address that the pair link listens at and dials
    from (Network Bind Interface); "": it listens where the peer finds it, and dials as the system likes.
    """

    gateway: str
    node: str
    role: Role
    link: Endpoint
    http: Endpoint
    url: str
    plant_key: bytes = field(repr=False)
    peer: Peer | None = None
    witness: Endpoint | None = None
    mqtt: Endpoint | None = None
    serve_witness: Endpoint | None = None
    redundancy: RedundancySettings = RedundancySettings()
    link_tls: LinkTls | None = None
    bind_interface: str = ""

    def __post_init__(self) -> None:
        if self.role is Role.INDEPENDENT and self.peer is not None:
            raise ConfigError("role", "an Independent node has no peer")
        if self.role is not Role.INDEPENDENT and self.peer is None:
            raise ConfigError("peer", f"a {self.role.value} needs the address of its peer")
        if self.peer is not None and (self.peer.node == self.node or self.peer.link == self.link):
            raise ConfigError("peer", f"{self.node} is paired with itself")
        if self.witness is not None and self.witness in (self.link, self.serve_witness):
            raise ConfigError("witness", f"{self.node} cannot be its own witness")
        if self.serve_witness is not None and self.serve_witness in (self.link, self.http, self.mqtt):
            raise ConfigError("serve_witness", f"{self.node} listens on {self.serve_witness} already")
        if len(self.plant_key) < 16:
            raise ConfigError("plant_key", "is shorter than 16 bytes")
        if self.bind_interface:
            try:
                ip_address(self.bind_interface)
            except ValueError:
                reason = f"{self.bind_interface!r} is no IP address of this machine"
                raise ConfigError("bind_interface", reason) from None

    @property
    def listens(self) -> Endpoint:
        """Where the pair link is listened for."""
        return Endpoint(self.bind_interface, self.link.port) if self.bind_interface else self.link


class TlsVersion(StrEnum):
    """The versions of TLS that are any good: 1.0 and 1.1 were withdrawn (RFC 8996)."""

    V12 = "TLS12"
    V13 = "TLS13"


PKCS12 = (".pfx", ".p12")
"""Endings of files that hold a certificate together with its key."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server is told to be the right one. Files are PEM; `ca` "": the system's authorities.

    `certificate` and `key` are this client's own, where the server wants one; a certificate in a PKCS#12 file
    (.pfx, .p12) brings its key along. `password` opens that file or the key. `least` and `most` bound the
    version; None: as high as both ends can. Without `verify` anybody can be the server: for a trial, never
    for a plant.
    """

    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    verify: bool = True
    password: str = field(default="", repr=False)
    least: TlsVersion = TlsVersion.V12
    most: TlsVersion | None = None

    def __post_init__(self) -> None:
        if self.certificate.lower().endswith(PKCS12):
            if self.key:
                raise ConfigError("certificate_file", "a PKCS#12 file has its key inside, and takes no other")
        elif bool(self.certificate) != bool(self.key):
            raise ConfigError("certificate_file", "a certificate needs its key, and a key its certificate")
        if self.password and not self.certificate:
            raise ConfigError("password", "there is no certificate that it could open")
        if self.most is not None and self.most < self.least:
            raise ConfigError("most", f"{self.most} is older than {self.least}, the least")


_PATH = "/mqtt"  # of a WebSocket, if none is said (MQTT 5.0 section 6 leaves it open; brokers agree)
# Scheme of a URL -> WebSocket?, TLS?, port where none is said.
_SCHEMES = {
    "mqtt": (False, False, 1883),
    "mqtts": (False, True, 8883),
    "ws": (True, False, 80),
    "wss": (True, True, 443),
}


@dataclass(frozen=True, slots=True)
class Server:
    """One MQTT server of a set. `keep_alive` is the configured one in seconds, before the client's 3/4.

    `version` is the protocol level as MQTT counts it: 3 is 3.1, 4 is 3.1.1, 5 is 5.0. `path` is that of the
    WebSocket, None for plain TCP; `tls` None for an open wire. `node` is the node of the pair whose
    Distributor it is, "" for a broker that stops when nobody of ours does.
    """

    name: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    keep_alive: int = 5
    connect_timeout: float = 1.0
    version: int = 4
    path: str | None = None
    tls: Tls | None = None
    node: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("name", "a server needs a name")
        if self.version not in (3, 4, 5):
            raise ConfigError("version", f"server {self.name}: MQTT is 3.1, 3.1.1 or 5")
        if self.path is not None and not self.path.startswith("/"):
            raise ConfigError("path", f"server {self.name}: {self.path!r} does not begin with a slash")
        if self.path is not None and not (
            self.path.isascii() and self.path.isprintable() and " " not in self.path
        ):
            raise ConfigError("path", f"server {self.name}: {self.path!r} has characters that no URL has")
        if not self.host:
            raise ConfigError("url", f"server {self.name} has no host")
        if not 1 <= self.port <= 65535:
            raise ConfigError("url", f"server {self.name}: port {self.port} is not between 1 and 65535")
        if not 2 <= self.keep_alive <= 65535:
            raise ConfigError("keep_alive", f"server {self.name}: must be between 2 and 65535 seconds")

    @classmethod
    def from_url(cls, url: str, *, tls: Tls | None = None, **settings: Any) -> Self:
        """`mqtt://host:1883`, `mqtts://host:8883`, `ws://host:80/mqtt` or `wss://host:443/mqtt`.

        Ports and path as here, if none is said. `tls` says how the server of a mqtts or wss URL is
        verified (by default against the system's authorities); `settings` are further fields, `name` is
        host:port if it is not one of them. Raises ConfigError.
        """
        host, port, path, secure = _parts(url)
        if tls is not None and not secure:
            raise ConfigError("tls", f"{url!r} is not mqtts:// or wss://")
        settings.setdefault("name", f"{host}:{port}")
        return cls(host=host, port=port, path=path, tls=(tls or Tls()) if secure else None, **settings)

    @property
    def address(self) -> str:
        """What both nodes of a pair call this server, whatever each of them names it."""
        return f"{self.host}:{self.port}"


def _parts(url: str) -> tuple[str, int, str | None, bool]:
    """Host, port, path of the WebSocket or None, TLS?"""
    shown = repr(url) if "@" not in url else "it"  # what might be a password is not repeated
    try:
        where = urlsplit(url)
        port = where.port
    except ValueError as error:
        raise ConfigError("url", f"{shown}: {error}") from None
    if where.username is not None or where.password is not None:
        raise ConfigError("url", "carries a user name or password: those have settings of their own")
    if where.scheme not in _SCHEMES or not where.hostname:
        raise ConfigError("url", f"{shown} is not mqtt://host:port, mqtts://, ws:// or wss://")
    websocket, secure, usual = _SCHEMES[where.scheme]
    if where.query or where.fragment:
        raise ConfigError("url", f"{shown}: a server has no query and no fragment")
    if where.path.strip("/") and not websocket:
        raise ConfigError("url", f"{shown}: only a WebSocket has a path")
    return (
        where.hostname,
        usual if port is None else port,
        (where.path or _PATH) if websocket else None,
        secure,
    )


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """MQTT Engine: the Sparkplug host application. Connects to every server at once.

    legacy_state: say ONLINE and OFFLINE on STATE/<host id>, too, as hosts did before Sparkplug 3.0.
    `client_id` is what its client ids begin with; "": the host id.
    """

    host_id: str
    servers: tuple[Server, ...]
    reorder_timeout: float = 2.0
    block_commands: bool = False
    legacy_state: bool = False
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Transmitter:
    """One edge node of MQTT Transmission and the devices below it."""

    group: str
    edge: str
    devices: tuple[str, ...]
    use_aliases: bool = False


@dataclass(frozen=True, slots=True)
class TransmissionConfig:
    """MQTT Transmission: edge nodes, each on one server of the set at a time. Times in seconds.

    startup_delay: each edge node waits a random part of it after the node's start, so that a plant that gets
    its power back does not connect all at once. legacy_state: believe STATE/<host id>, too.
    """

    host_id: str | None
    servers: tuple[Server, ...]
    transmitters: tuple[Transmitter, ...]
    state_wait: float = 3.0
    history_limit: int = 100_000
    rolling_window: float = 15.0
    startup_delay: float = 0.0
    legacy_state: bool = False


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The logical gateway, as both of its nodes know it. `version` orders configurations."""

    name: str
    version: str
    engine: EngineConfig | None = None
    transmission: TransmissionConfig | None = None
