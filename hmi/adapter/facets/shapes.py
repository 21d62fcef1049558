"""The facets of a component: what each holds, with its defaults and its rules.

A value that has passed is a plain object with the canonical camelCase keys, all of them, nothing else, and
JSON-able. Spans of time are texts (`hmi.adapter.facets.scalars.seconds` reads them). Values never stand in an
error: they may be secret.
"""

from __future__ import annotations

from typing import Annotated, Any, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from hmi.adapter.facets.addresses import fault as address_fault
from hmi.adapter.facets.scalars import OneOf, Span, Switch, Text, Whole, seconds

DEFAULT_PORT = 8883
_REFUSED_TLS = {"TLS": "1.0", "TLS11": "1.1"}

Host = Annotated[str, Field(max_length=500, description="A host name or IP address; a scheme is dropped")]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Protected = Annotated[str, Field(max_length=5000, json_schema_extra={"format": "password"})]
Thumbprint = Annotated[
    str, Field(max_length=200, description="SHA-1 of a certificate in the node's `certificates` folder")
]


class Facet(BaseModel):
    """An object that may be written with keys in any case; extra ones are the reader's to refuse."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    def kept(self) -> dict[str, Any]:
        """In the one spelling."""
        return self.model_dump(by_alias=True, mode="json")


class Connection(Facet):
    """What it takes to reach one MQTT server. A port of null is 8883 with TCP, the usual one with WS."""

    host_name_or_ip_address: Host
    port: Port | None = None
    protocol: Annotated[str, OneOf(("TCP", "WS"))] = "TCP"
    tls: Annotated[str, OneOf(("None", "TLS", "TLS11", "TLS12", "TLS13"))] = "TLS12"
    user_name: Text | None = None
    password: Protected | None = None
    client_certificate_thumbprint: Thumbprint | None = None
    client_certificate_password: Protected | None = None
    validate_server_certificate: Switch = True

    @model_validator(mode="before")
    @classmethod
    def _default_port(cls, raw: Any) -> Any:
        port, protocol = raw.get("port"), raw.get("protocol")
        websocket = isinstance(protocol, str) and protocol.strip().upper() == "WS"
        if port in (None, "") and not websocket and protocol not in (1, "1"):
            return {**raw, "port": DEFAULT_PORT}
        return {**raw, "port": None} if port == "" else raw

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if reason := address_fault(self.host_name_or_ip_address, websocket=self.protocol == "WS"):
            raise ValueError(f"hostNameOrIpAddress: {reason}")
        if self.tls in _REFUSED_TLS:
            version = _REFUSED_TLS[self.tls]
            raise ValueError(
                f"tls: TLS {version} is broken and no current server offers it: use TLS12 or TLS13"
            )
        if self.password and not self.user_name:
            raise ValueError("password: is not allowed without a userName")
        if self.client_certificate_password and not self.client_certificate_thumbprint:
            raise ValueError(
                "clientCertificatePassword: is not allowed without a clientCertificateThumbprint"
            )
        if self.client_certificate_thumbprint and self.tls == "None":
            raise ValueError("clientCertificateThumbprint: a certificate needs TLS, and tls is None")
        return self


class RedundantServer(Connection):
    """A further server of the component; the data source stays the first."""

    server_id: Annotated[Text, Field(max_length=100, pattern=r"^[^{}]*$")] = ""


class _DataSource(Connection):
    client_id: Annotated[Text, Field(max_length=200)] | None = None
    mqtt_version: Annotated[str, OneOf(("3.1.0", "3.1.1", "5.0.0"))] = "3.1.1"
    stream_id_prefix: Annotated[Text, Field(max_length=100)] | None = None


class DataSource(_DataSource):
    """The first server of an MQTT component, and what all its servers share."""

    default_stream_id_pattern: Text = "{Topic}.{ValueField}"
    time_zone: Text | None = None

    @model_validator(mode="after")
    def _zone(self) -> Self:
        if self.time_zone and self.time_zone not in available_timezones():
            raise ValueError("timeZone: is no time zone of the IANA database, such as Europe/Berlin")
        return self


class SparkplugDataSource(_DataSource):
    """The same for Sparkplug B. With a primary host id the component speaks STATE at each server."""

    default_stream_id_pattern: Text = "{BaseTopic}.{MetricName}"
    primary_host_id: Annotated[Text, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _host_id(self) -> Self:
        if self.primary_host_id is not None and set(self.primary_host_id) & set("+#/"):
            raise ValueError("primaryHostId: holds one of + # /")
        return self


class ClientSettings(Facet):
    """What all connections of the component share."""

    keep_alive_period: Annotated[str, Span(5.0, 65_535.0)] = "0:00:30"
    qos_level: Annotated[int, Field(ge=0, le=2)] = 2
    max_client_queue_size: Annotated[Whole, Field(ge=250, le=1_000_000)] = 1000

    @model_validator(mode="before")
    @classmethod
    def _level(cls, raw: Any) -> Any:
        if "qosLevel" in raw:
            try:
                return {**raw, "qosLevel": _QOS.names.index(_QOS.read(raw["qosLevel"]))}
            except ValueError as error:
                raise ValueError(f"qosLevel: {error}") from None
        return raw


_QOS = OneOf(("AtMostOnce", "AtLeastOnce", "ExactlyOnce"))


class Failover(Facet):
    """Our own: how the servers of a component stand in for each other. `failback` none: stay there."""

    mode: Annotated[str, OneOf(("failover", "all"))] = "failover"
    connect_timeout: Annotated[str, Span(0.1, 120.0)] = "0:00:05"
    failback: Annotated[str, OneOf(("none", "whenStable"))] = "whenStable"
    hold_off: Annotated[str, Span(0.0, 86_400.0)] = "0:00:10"
    first_pause: Annotated[str, Span(0.1, 600.0)] = "0:00:01"
    longest_pause: Annotated[str, Span(0.1, 3600.0)] = "0:00:30"

    @model_validator(mode="after")
    def _pauses(self) -> Self:
        if seconds(self.first_pause) > seconds(self.longest_pause):
            raise ValueError("firstPause: is longer than longestPause")
        return self


class Logging(Facet):
    """How much is logged, in files of which size, and how many of them. In force at once."""

    log_level: Annotated[
        str, OneOf(("Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"))
    ] = "Information"
    log_file_size_limit_bytes: Annotated[Whole, Field(ge=1000, le=2**53)] = 34_636_833
    log_file_count_limit: Annotated[Whole, Field(ge=1, le=100_000)] = 31
