"""The shape of the two documents that a pair exchanges: its configuration and its people.

Shape only: types, lengths, known words. What must fit together is in `checks`. Read strictly and from
JSON only, because the reader of a document is never its writer. Values never appear in an error, since
some are secret.

On input, and only there, a broker user may carry `password` instead of `password_hash`, a server's
`password` may be plain text, a person may carry `password` instead of `password_hash` and a token
`token` instead of `hash`; `documents` and `people` turn them into what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from redundancy.config import Recovery, Role, Standby
from redundancy.profiles import Profile, filled


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where: an object's key ("server/Chariot SCADA"), its field, one plain sentence."""

    where: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.reason}" if self.field else f"{self.where}: {self.reason}"


class Invalid(ValueError):
    """A document that cannot be used as a whole; nothing of it was applied."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems[:5]))
        self.problems = problems


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return value


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if value != value.strip():
        raise ValueError("begins or ends with a space")
    return _text(value)


Text = Annotated[str, Field(max_length=500), AfterValidator(_text)]
Name = Annotated[str, Field(max_length=100), AfterValidator(_name)]
Id = Annotated[str, Field(max_length=200), AfterValidator(_name)]
Address = Annotated[str, Field(max_length=260)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
# A database may keep -0.0 as 0.0, and then its rows would differ from what is on record.
Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(lambda number: number + 0.0)]
Scalar = str | bool | int | float | None
# Whether a tag's type takes it is a question for `checks`: lists are arrays, objects are tables.
TagEntry = Scalar | list[Scalar] | dict[str, Any]


class Strict(BaseModel):
    """An object that knows all its properties."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


File = Annotated[str, Field(max_length=500), AfterValidator(_text)]


class GatewayDocument(Strict):
    name: Name
    description: Text = ""


class NodeDocument(Strict):
    """Ignition's names where it has them. A profile decides the times that are left open.

    A node that detects its HTTP address needs no `url`; one that detects its interface no `bind_interface`.
    `master_address` and `master_port` are where a Backup finds its Master, if not at that one's `link`.
    """

    name: Name
    role: Role
    link: Address
    http: Address
    url: Annotated[str, Field(max_length=300)] = ""
    auto_detect_http: bool = False
    auto_detect_interface: bool = True
    bind_interface: Address = ""
    master_address: Annotated[str, Field(max_length=255), AfterValidator(_text)] = ""
    master_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    link_ca: File = ""
    link_certificate: File = ""
    link_key: File = ""
    mqtt: Address | None = None
    mqtts: Address | None = None
    mqtt_ws: Address | None = None
    mqtt_wss: Address | None = None
    tls_certificate: File = ""
    tls_key: File = ""
    tls_client_ca: File = ""
    witness: Address | None = None
    serve_witness: Address | None = None
    profile: Profile = Profile.OWN
    standby: Standby = Standby.WARM
    failover_timeout: Seconds = 2.0
    startup_allowance: Seconds = 10.0
    recovery: Recovery = Recovery.MANUAL
    dwell: Seconds = 30.0
    sync_timeout: Seconds = 60.0

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, raw: Any) -> Any:
        return filled(raw) if isinstance(raw, dict) else raw


class ServerDocument(Strict):
    """`target` own: this node's Distributor; peer: the other node's; address: `host` and `port`.

    `backup` holds fields that the Backup reads instead (hmi.replication.overrides)."""

    name: Name
    target: Literal["address", "own", "peer"] = "address"
    host: Annotated[str, Field(max_length=255), AfterValidator(_text)] = ""
    port: int = 1883
    username: Annotated[str, Field(max_length=200), AfterValidator(_text)] = ""
    password: Annotated[str, Field(max_length=5000)] = ""
    keep_alive: int = 5
    connect_timeout: Seconds = 1.0
    mqtt_version: Literal["3.1.1", "5"] = "3.1.1"
    transport: Literal["tcp", "websocket"] = "tcp"
    path: Annotated[str, Field(max_length=200), AfterValidator(_text)] = "/mqtt"
    tls: bool = False
    ca_file: File = ""
    certificate_file: File = ""
    key_file: File = ""
    verify: bool = True
    backup: dict[str, Scalar] = {}


class ServerSetDocument(Strict):
    name: Name
    description: Text = ""
    servers: list[ServerDocument]


class EngineDocument(Strict):
    enabled: bool = True
    host_id: Annotated[str, Field(max_length=200)] = ""
    server_set: str
    reorder_timeout: Seconds = 2.0
    block_commands: bool = False
    legacy_state: bool = False


class TransmitterDocument(Strict):
    group: Id
    edge: Id
    devices: list[Id] = []
    use_aliases: bool = False


class TransmissionDocument(Strict):
    """An empty `host_id` waits for no host."""

    enabled: bool = True
    host_id: Annotated[str, Field(max_length=200)] = ""
    server_set: str
    state_wait: Seconds = 3.0
    history_limit: Annotated[int, Field(ge=0, le=100_000_000)] = 100_000
    rolling_window: Seconds = 15.0
    startup_delay: Seconds = 0.0
    legacy_state: bool = False
    transmitters: list[TransmitterDocument] = []


class BrokerUserDocument(Strict):
    username: Id
    password_hash: Annotated[str, Field(max_length=300)]
    acl: list[Annotated[str, Field(max_length=1000)]] = []
    client_ids: list[Id] = []


class TagDocument(Strict):
    path: Annotated[str, Field(max_length=500)]
    kind: Literal["memory", "counter"] = "memory"
    datatype: str
    initial: TagEntry = None
    writable: bool = False
    stored: bool = False
    period_ms: Annotated[int, Field(ge=10, le=86_400_000)] = 100
    unit: Annotated[str, Field(max_length=30), AfterValidator(_text)] = ""
    low: Number | None = None
    high: Number | None = None
    description: Text = ""


class StateDocument(Strict):
    """One state of an indicator: shown while the tag equals `value`."""

    value: Scalar
    label: Annotated[str, Field(max_length=100), AfterValidator(_text)]
    style: Literal["normal", "attention", "alarm", "off"] = "normal"


class WidgetDocument(Strict):
    kind: Literal["label", "value", "indicator"]
    label: Annotated[str, Field(max_length=200), AfterValidator(_text)]
    path: Annotated[str, Field(max_length=1000)] = ""
    states: list[StateDocument] = []
    unit: Annotated[str, Field(max_length=30), AfterValidator(_text)] = ""
    low: Number | None = None
    high: Number | None = None
    writable: bool = False


class DashboardDocument(Strict):
    slug: Annotated[str, Field(max_length=100, pattern=r"^[-a-zA-Z0-9_]+$")]
    title: Annotated[str, Field(max_length=200), AfterValidator(_name)]
    widgets: list[WidgetDocument] = []


class ComponentDocument(Strict):
    """A component of the adapter: its facets by their own names, as `hmi.adapter.facets.catalogue` has them.

    Here they are only JSON; `hmi.adapter.configuration.fitting` judges them. `System` is no component, and
    holds what belongs to none of them.
    """

    id: Annotated[str, Field(max_length=99), AfterValidator(_name)]
    type: Literal["MQTT", "MQTTSparkplugB", "System"]
    running: bool = True
    dataSource: dict[str, Any] | None = None
    redundantServers: list[dict[str, Any]] = []
    dataSelection: list[dict[str, Any]] = []
    clientSettings: dict[str, Any] | None = None
    dataFilters: list[dict[str, Any]] = []
    failover: dict[str, Any] | None = None
    logging: dict[str, Any] | None = None


class SecretDocument(Strict):
    """What a facet refers to as `{{id}}`. `made_by`: the facet whose plain value it was, "" for a person's.

    On input, and only there, `value` may be given instead of `sealed`.
    """

    id: Annotated[str, Field(max_length=600, pattern=r"^[^{}]+$"), AfterValidator(_name)]
    description: Text = ""
    expiration_date: Annotated[str, Field(max_length=40), AfterValidator(_text)] = ""
    sealed: Annotated[str, Field(max_length=20_000)]
    made_by: Annotated[str, Field(max_length=200), AfterValidator(_text)] = ""


class ConfigDocument(Strict):
    """A gateway's whole configuration. The order of servers, widgets and dashboards is that of the lists."""

    gateway: GatewayDocument
    nodes: list[NodeDocument]
    server_sets: list[ServerSetDocument] = []
    engine: EngineDocument | None = None
    transmission: TransmissionDocument | None = None
    broker_users: list[BrokerUserDocument] = []
    tags: list[TagDocument] = []
    dashboards: list[DashboardDocument] = []
    components: list[ComponentDocument] = []
    secrets: list[SecretDocument] = []


class TokenDocument(Strict):
    """`created` is ISO 8601 UTC."""

    name: Name
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created: str


class PersonDocument(Strict):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    username: Annotated[str, Field(max_length=150, pattern=r"^[\w.@+-]+$")]
    full_name: Annotated[str, Field(max_length=200), AfterValidator(_text)] = ""
    role: Literal["viewer", "operator", "engineer", "administrator"]
    is_active: bool = True
    password_hash: Annotated[str, Field(max_length=300)]
    tokens: list[TokenDocument] = []


class PeopleDocument(Strict):
    users: list[PersonDocument]


Shape = TypeVar("Shape", bound=Strict)


def parse(shape: type[Shape], raw: Mapping[str, Any] | bytes) -> Shape:
    """A document from JSON text or from a plain object. Raises Invalid that names every field at fault."""
    try:
        text = raw if isinstance(raw, bytes) else json.dumps(raw, allow_nan=False).encode()
        return shape.model_validate_json(text)
    except ValidationError as error:
        problems = [_problem(each["loc"], each["msg"]) for each in error.errors(include_url=False)]
        raise Invalid(problems) from None
    except (TypeError, ValueError) as error:
        raise Invalid([Problem("document", "", f"is not JSON: {error}")]) from None


def canonical(document: Strict) -> bytes:
    """The one spelling of a document: sorted keys, no spaces, UTF-8."""
    plain = document.model_dump(mode="json")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _problem(location: tuple[int | str, ...], message: str) -> Problem:
    *path, last = location or ("",)
    where = ".".join(str(part) for part in path) or "document"
    return Problem(where, str(last), message.removeprefix("Value error, ").strip())
