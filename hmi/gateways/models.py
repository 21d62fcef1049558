"""The gateway as an engineer configures it. Field names follow Ignition's settings where they exist.

Rows are never judged one by one: `hmi.replication.documents` reads them as one document, and that is
valid as a whole or refused as a whole. The same document reaches the other node of the pair.
"""

from __future__ import annotations

from enum import StrEnum

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from redundancy.config import Recovery, Role, Standby
from redundancy.profiles import Profile


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(member.value, member.value) for member in kind]


class Gateway(models.Model):
    """The logical gateway. There is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "gateway"

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """One of the two nodes and where it listens: what its own `node.json` says. Times in seconds.

    `failover_timeout` is the lease (Failover Timeout), `startup_allowance` Ignition's Startup Connection
    Allowance, `url` its HTTP address for clients, `link` the Gateway Network's address.
    """

    name = models.CharField(max_length=100, unique=True)
    role = models.CharField("mode", max_length=20, choices=_choices(Role))
    link = models.CharField(
        "pair link", max_length=260, help_text="host:port at which the peer finds this node"
    )
    http = models.CharField("web server", max_length=260, help_text="host:port at which the pages are served")
    auto_detect_http = models.BooleanField(
        "auto-detect HTTP address",
        default=False,
        help_text="where the web server listens, or, if that is everywhere, at the pair link",
    )
    url = models.CharField(
        "HTTP address",
        max_length=300,
        blank=True,
        help_text="http://host:port, where browsers find this node, if it is not detected",
    )
    auto_detect_interface = models.BooleanField(
        "auto-detect network interface",
        default=True,
        help_text="on: the link listens at its own address and dials as the system likes",
    )
    bind_interface = models.CharField(
        "network bind interface",
        max_length=260,
        blank=True,
        help_text="IP address of this machine that the pair link listens at and dials from, if not detected",
    )
    master_address = models.CharField(
        "master node address",
        max_length=255,
        blank=True,
        help_text="Backup only: host at which it finds the master; empty: that of the master's pair link",
    )
    master_port = models.PositiveIntegerField(
        "port",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text="Backup only; empty: that of the master's pair link",
    )
    link_ca = models.CharField(
        "link's CA",
        max_length=500,
        blank=True,
        help_text="PEM file on this node; with CA, certificate and key all links of the node are TLS",
    )
    link_certificate = models.CharField(
        "link's certificate", max_length=500, blank=True, help_text="PEM file, made out to this node's name"
    )
    link_key = models.CharField("link's key", max_length=500, blank=True, help_text="PEM file")
    mqtt = models.CharField(
        "Distributor", max_length=260, blank=True, help_text="host:port; empty: no Distributor"
    )
    mqtts = models.CharField("Distributor, TLS", max_length=260, blank=True, help_text="host:port")
    mqtt_ws = models.CharField("Distributor, WebSocket", max_length=260, blank=True, help_text="host:port")
    mqtt_wss = models.CharField(
        "Distributor, WebSocket with TLS", max_length=260, blank=True, help_text="host:port"
    )
    tls_certificate = models.CharField(
        "Distributor's certificate", max_length=500, blank=True, help_text="PEM file on this node"
    )
    tls_key = models.CharField("Distributor's key", max_length=500, blank=True, help_text="PEM file")
    tls_client_ca = models.CharField(
        "clients' CA", max_length=500, blank=True, help_text="PEM file; only clients with a certificate of it"
    )
    witness = models.CharField(max_length=260, blank=True, help_text="host:port of the pair's third vote")
    serve_witness = models.CharField(
        "serve as witness",
        max_length=260,
        blank=True,
        help_text="host:port at which this node gives the third vote to pairs of other gateways",
    )
    profile = models.CharField(
        max_length=10,
        choices=_choices(Profile),
        default=Profile.OWN.value,
        help_text="fast: a silent node is replaced after 2 s; classic: after 10 s, as Ignition does; "
        "own: the times below. The same on both nodes",
    )
    standby = models.CharField(
        "standby activity level", max_length=10, choices=_choices(Standby), default="Warm"
    )
    failover_timeout = models.FloatField(
        default=2.0, help_text="seconds, 0.2 to 60; the lease, the same on both nodes and at the witness"
    )
    startup_allowance = models.FloatField(
        "startup connection allowance",
        default=10.0,
        help_text="seconds, 0 to 600, that a starting node waits to hear the other one",
    )
    sync_timeout = models.FloatField(
        default=60.0,
        help_text="seconds, 1 to 3600, that a pull of records may make no progress before it is begun anew",
    )
    recovery = models.CharField("recovery mode", max_length=10, choices=_choices(Recovery), default="Manual")
    dwell = models.FloatField(default=30.0, help_text="seconds between two automatic changeovers, at least")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ServerSet(models.Model):
    """MQTT servers that serve the same plant: Engine uses all of them, Transmission one at a time."""

    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Server(models.Model):
    """One MQTT server. A pair shares its configuration, so a server can be "this node's own broker"."""

    class Transport(models.TextChoices):
        TCP = "tcp", "TCP"
        WEBSOCKET = "websocket", "WebSocket"

    class Target(models.TextChoices):
        ADDRESS = "address", "the address below"
        OWN = "own", "this node's own Distributor"
        PEER = "peer", "the other node's Distributor"

    server_set = models.ForeignKey(ServerSet, on_delete=models.CASCADE, related_name="servers")
    order = models.PositiveIntegerField(default=0, help_text="edge nodes walk the set in this order")
    name = models.CharField(max_length=100, unique=True)
    target = models.CharField(max_length=10, choices=Target, default=Target.ADDRESS)
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=1883)
    username = models.CharField(max_length=200, blank=True)
    password = models.TextField(blank=True, editable=False)
    keep_alive = models.PositiveIntegerField(default=5, help_text="seconds")
    connect_timeout = models.FloatField(default=1.0, help_text="seconds")
    mqtt_version = models.CharField(
        "MQTT version", max_length=5, choices=[(v, v) for v in ("3.1.1", "5")], default="3.1.1"
    )
    transport = models.CharField(max_length=10, choices=Transport, default=Transport.TCP)
    path = models.CharField(max_length=200, default="/mqtt", help_text="of the WebSocket")
    tls = models.BooleanField("TLS", default=False)
    ca_file = models.CharField(
        "CA file", max_length=500, blank=True, help_text="PEM, on each node; empty: the system's authorities"
    )
    certificate_file = models.CharField(
        max_length=500, blank=True, help_text="PEM, this client's own, where the server wants one"
    )
    key_file = models.CharField(max_length=500, blank=True)
    verify = models.BooleanField(
        "verify the server's certificate", default=True, help_text="off: anybody can be the server"
    )
    backup = models.JSONField(
        "on the Backup",
        default=dict,
        blank=True,
        help_text='fields that the Backup reads instead, such as {"host": "10.0.0.8"}',
    )

    class Meta:
        ordering = ["server_set", "order", "name"]

    def __str__(self) -> str:
        return self.name


class EngineSettings(models.Model):
    """MQTT Engine, the Sparkplug host application. At most one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    enabled = models.BooleanField(default=True)
    host_id = models.CharField("primary host ID", max_length=200, blank=True)
    server_set = models.ForeignKey(ServerSet, on_delete=models.PROTECT, related_name="+")
    reorder_timeout = models.FloatField("reordering timeout", default=2.0, help_text="seconds")
    block_commands = models.BooleanField("block node and device commands", default=False)
    legacy_state = models.BooleanField(
        "legacy STATE",
        default=False,
        help_text="also say ONLINE and OFFLINE on STATE/<host ID>, as before 3.0",
    )

    class Meta:
        verbose_name_plural = "engine settings"

    def __str__(self) -> str:
        return "MQTT Engine"


class TransmissionSettings(models.Model):
    """MQTT Transmission, the Sparkplug edge nodes. At most one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    enabled = models.BooleanField(default=True)
    host_id = models.CharField(
        "primary host ID", max_length=200, blank=True, help_text="empty: wait for no host"
    )
    server_set = models.ForeignKey(ServerSet, on_delete=models.PROTECT, related_name="+")
    state_wait = models.FloatField(default=3.0, help_text="seconds to wait for the host's STATE on a server")
    history_limit = models.PositiveIntegerField(
        "history max size", default=100_000, help_text="samples kept back"
    )
    rolling_window = models.FloatField("rolling history max age", default=15.0, help_text="seconds")
    startup_delay = models.FloatField(
        default=0.0, help_text="seconds at most; each edge node waits a random part of it after a start"
    )
    legacy_state = models.BooleanField(
        "legacy STATE", default=False, help_text="also believe ONLINE and OFFLINE on STATE/<host ID>"
    )

    class Meta:
        verbose_name_plural = "transmission settings"

    def __str__(self) -> str:
        return "MQTT Transmission"


class Transmitter(models.Model):
    """One edge node and the devices below it."""

    transmission = models.ForeignKey(
        TransmissionSettings, on_delete=models.CASCADE, related_name="transmitters"
    )
    group = models.CharField("group ID", max_length=200)
    edge = models.CharField("edge node ID", max_length=200)
    devices = models.JSONField("device IDs", default=list, blank=True)
    use_aliases = models.BooleanField("aliased tags", default=False)

    class Meta:
        ordering = ["group", "edge"]
        constraints = [
            models.UniqueConstraint(fields=["group", "edge"], name="one_transmitter_per_edge_node")
        ]

    def __str__(self) -> str:
        return f"{self.group}/{self.edge}"


class BrokerUser(models.Model):
    """Who may connect to this gateway's Distributor.

    `acl` is a list of "R filter", "W filter" or "RW filter", "-" in front denies. `client_ids` are patterns
    that only this user may connect with.
    """

    username = models.CharField(max_length=200, unique=True)
    password_hash = models.CharField(max_length=300, editable=False)
    acl = models.JSONField("ACL", default=list, blank=True)
    client_ids = models.JSONField("client IDs", default=list, blank=True)

    class Meta:
        verbose_name = "Distributor user"
        ordering = ["username"]

    def __str__(self) -> str:
        return self.username
