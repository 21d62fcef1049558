"""From documents to frozen values: what the adapter's sessions are told, and what they take out.

Both nodes of a pair hold the same documents. What is the node's own are its certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmi.adapter.facets.addresses import host_and_path
from hmi.adapter.facets.catalogue import SPARKPLUG, SYSTEM
from hmi.adapter.facets.scalars import seconds
from hmi.adapter.facets.shapes import ClientSettings, Failover
from hmi.adapter.secrets import vault
from hmi.adapter.secrets.certificates import FOLDER, authorities, client_certificate
from hmi.adapter.selection.selections import Selection, selections
from hmi.gateways import sealing
from hmi.replication.schema import ComponentDocument, ConfigDocument
from redundancy.adapter.config import (
    DATA_SOURCE,
    ComponentConfig,
    FailoverSettings,
    Kind,
    Mode,
    ServerConfig,
    derived_client_id,
)
from redundancy.config import Server, Tls, TlsVersion

_VERSIONS = {"3.1.0": 3, "3.1.1": 4, "5.0.0": 5}
_TLS = {"TLS12": TlsVersion.V12, "TLS13": TlsVersion.V13}
_WEBSOCKET_PORTS = {False: 80, True: 443}
_PATH = "/mqtt"
Unseal = Callable[[str], str]
Fields = Mapping[str, Any]
Fault = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class _Place:
    """What servers of all components are made with."""

    certificates: Path | None
    secrets: Mapping[str, str]
    unseal: Unseal

    def secret(self, value: str | None) -> str:
        """What a `{{id}}` stands for. Raises Unsealable."""
        asked = vault.reference(value)
        return "" if asked is None else self.unseal(self.secrets.get(asked.casefold(), ""))


def components(
    document: ConfigDocument, folder: Path | None, unseal: Unseal = sealing.unseal
) -> tuple[ComponentConfig, ...]:
    """The components as the sessions need them; `folder` is the node's data folder, None to do without.

    A component without a data source has no servers. Raises ConfigError, Unsealable.
    """
    secrets = {each.id.casefold(): each.sealed for each in document.secrets}
    place = _Place(folder / FOLDER if folder else None, secrets, unseal)
    gateway = document.gateway.name
    return tuple(_component(each, gateway, place) for each in document.components if each.type != SYSTEM)


def streams(component: ComponentDocument, fault: Fault) -> tuple[Selection, ...]:
    """What the component takes out of its messages; `fault(stream id, reason)` for what can't be read."""
    return selections(component.model_dump(), fault)


def warnings(document: ConfigDocument, folder: Path, unseal: Unseal = sealing.unseal) -> tuple[str, ...]:
    """What a person should know of a configuration that is valid, in sentences for the gateway's warnings."""
    secrets = {each.id.casefold(): each.sealed for each in document.secrets}
    place = _Place(folder / FOLDER, secrets, unseal)
    return tuple(
        sentence
        for component in document.components
        for identity, server in _servers(component)
        for sentence in _doubts(f"{component.id} {identity}", server, place)
    )


def _doubts(name: str, server: Fields, place: _Place) -> Iterator[str]:
    if server["tls"] == "None":
        return
    if not server["validateServerCertificate"]:
        yield f"{name}: the server's certificate is not verified, so that anybody could stand in for it."
    if server["clientCertificateThumbprint"] and not _certificate(server, place)["certificate"]:
        yield f"{name}: no certificate in {place.certificates} has its thumbprint and its password."


def _component(component: ComponentDocument, gateway: str, place: _Place) -> ComponentConfig:
    source = component.dataSource or {}
    settings = component.clientSettings or ClientSettings().kept()
    sparkplug = component.type == SPARKPLUG
    topics = {item["topic"]: settings["qosLevel"] for item in component.dataSelection if item["selected"]}
    return ComponentConfig(
        id=component.id,
        kind=Kind(component.type),
        servers=tuple(
            ServerConfig(identity, _server(f"{component.id} {identity}", server, source, settings, place))
            for identity, server in _servers(component)
        ),
        client_id=source.get("clientId") or derived_client_id(gateway, component.id),
        filters=() if sparkplug else tuple(sorted(topics.items())),
        failover=_failover(component.failover or Failover().kept()),
        primary_host_id=source.get("primaryHostId") or "",
        queue=settings["maxClientQueueSize"],
        running=component.running,
    )


def _servers(component: ComponentDocument) -> list[tuple[str, Fields]]:
    """The data source first. Without it the others wait: it says what they share."""
    if component.dataSource is None:
        return []
    further = [(server["serverId"], server) for server in component.redundantServers]
    return [(DATA_SOURCE, component.dataSource), *further]


def _server(name: str, server: Fields, source: Fields, settings: Fields, place: _Place) -> Server:
    host, path = host_and_path(server["hostNameOrIpAddress"])
    websocket, secure = server["protocol"] == "WS", server["tls"] != "None"
    return Server(
        name=name,
        host=host,
        port=server["port"] or _WEBSOCKET_PORTS[secure],
        username=server["userName"] or "",
        password=place.secret(server["password"]),
        keep_alive=int(seconds(settings["keepAlivePeriod"])),
        version=_VERSIONS[source["mqttVersion"]],
        path=(path or _PATH) if websocket else None,
        tls=_tls(server, place) if secure else None,
    )


def _tls(server: Fields, place: _Place) -> Tls:
    version = _TLS[server["tls"]]
    return Tls(
        ca=authorities(place.certificates) if place.certificates else "",
        verify=server["validateServerCertificate"],
        least=version,
        most=version,
        **_certificate(server, place),
    )


def _certificate(server: Fields, place: _Place) -> dict[str, str]:
    """A certificate that is not here is told in `warnings`; the server judges a client without one."""
    password = place.secret(server["clientCertificatePassword"])
    thumbprint = server["clientCertificateThumbprint"] or ""
    found = client_certificate(place.certificates, thumbprint, password) if place.certificates else None
    if found is None:
        return {"certificate": "", "key": "", "password": ""}
    return {"certificate": found.certificate, "key": found.key, "password": password}


def _failover(facet: Fields) -> FailoverSettings:
    stable = facet["failback"] == "whenStable"
    return FailoverSettings(
        mode=Mode(facet["mode"]),
        connect_timeout=seconds(facet["connectTimeout"]),
        failback=seconds(facet["holdOff"]) if stable else None,
        first_pause=seconds(facet["firstPause"]),
        longest_pause=seconds(facet["longestPause"]),
    )
