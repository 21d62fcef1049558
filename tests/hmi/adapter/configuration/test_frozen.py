"""Documents become what the sessions are told; a node's certificates are found by their thumbprint."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from hmi.adapter.configuration import frozen
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.catalogue import Verb
from hmi.adapter.facets.scalars import seconds, span
from hmi.adapter.secrets.certificates import FOLDER, client_certificate
from hmi.replication.schema import ComponentDocument, ConfigDocument, parse
from redundancy.adapter.config import ComponentConfig, FailoverSettings, Kind, Mode, derived_client_id
from redundancy.config import ConfigError, Tls, TlsVersion
from tests.hmi.founded import config

PASSWORD = "of the certificate"


def document(component_type: str = "MQTT", **facets: Any) -> ConfigDocument:
    draft = Draft([ComponentDocument(id="C", type=component_type)], [])  # type: ignore[arg-type]
    for name, body in facets.items():
        component = draft.component("C")
        draft.change(component, draft.facet(component, name), Verb.PUT, body, None)
    plain = config(server_sets=[], engine=None, transmission=None, broker_users=[], tags=[], dashboards=[])
    return parse(ConfigDocument, plain | draft.documents())


def one(component_type: str = "MQTT", folder: Path | None = None, **facets: Any) -> ComponentConfig:
    (found,) = frozen.components(document(component_type, **facets), folder)
    return found


def test_the_documents_minimal_payload_works_as_it_stands() -> None:
    found = one(
        dataSource={"HostNameOrIpAddress": "a"}, redundantServers=[{"HostNameOrIpAddress": "125.1.1.1"}]
    )
    first, second = found.servers
    assert (first.id, first.server.host, second.server.host) == ("dataSource", "a", "125.1.1.1")
    assert second.server.port == 8883
    assert second.server.tls == Tls(least=TlsVersion.V12, most=TlsVersion.V12)
    assert (second.server.version, second.server.keep_alive, second.server.path) == (4, 30, None)
    assert found.failover == FailoverSettings(Mode.FAILOVER, 5.0, 10.0, 1.0, 30.0)
    assert found.client_id == derived_client_id("Primary", "C")
    assert (found.kind, found.queue, found.running, found.filters) == (Kind.MQTT, 1000, True, ())


def test_every_setting_arrives() -> None:
    heat = {"topic": "plant/+/heat", "valueField": "$", "dataType": "String", "streamId": "1"}
    found = one(
        dataSource={
            "hostNameOrIpAddress": "wss://a/ws",
            "protocol": "WS",
            "tls": "TLS13",
            "userName": "u",
            "password": "p",
            "clientId": "me",
            "mqttVersion": "5.0.0",
        },
        redundantServers=[
            {"hostNameOrIpAddress": "mqtt://b", "tls": "None", "port": "1883", "serverId": "x"}
        ],
        clientSettings={"keepAlivePeriod": 12, "qosLevel": 1, "maxClientQueueSize": 250},
        failover={"mode": "all", "failback": "none", "connectTimeout": 2, "firstPause": 3, "longestPause": 4},
        dataSelection=[
            heat,
            heat | {"streamId": "2"},
            heat | {"streamId": "3", "topic": "no", "selected": False},
        ],
    )
    first, second = (each.server for each in found.servers)
    assert (first.host, first.port, first.path, first.username, first.password) == ("a", 443, "/ws", "u", "p")
    assert first.tls is not None
    assert (first.tls.least, first.version, second.version) == (TlsVersion.V13, 5, 5)
    assert (second.host, second.port, second.tls, second.path, second.keep_alive) == (
        "b",
        1883,
        None,
        None,
        12,
    )
    assert found.failover == FailoverSettings(Mode.ALL, 2.0, None, 3.0, 4.0)
    assert (found.client_id, found.queue, found.filters) == ("me", 250, (("plant/+/heat", 1),))
    assert "password" not in repr(found)


def test_a_sparkplug_component_subscribes_by_its_specification() -> None:
    stream = {"topic": "spBv1.0/G/NDATA/E", "metricName": "Speed"}
    source = {"hostNameOrIpAddress": "a", "primaryHostId": "Primary"}
    found = one("MQTTSparkplugB", dataSource=source, dataSelection=[stream])
    assert (found.kind, found.primary_host_id, found.filters) == (Kind.SPARKPLUG, "Primary", ())


def test_without_a_data_source_there_are_no_servers_and_the_same_place_twice_is_refused() -> None:
    assert one(redundantServers=[{"hostNameOrIpAddress": "a"}]).servers == ()
    with pytest.raises(ConfigError, match="twice"):
        one(dataSource={"hostNameOrIpAddress": "a"}, redundantServers=[{"hostNameOrIpAddress": "A"}])


@pytest.fixture
def presented(tmp_path: Path) -> tuple[Path, str]:
    """A node's folder with one certificate, as PKCS#12, as two files and as one; and its thumbprint."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin.replace(year=2090))
    made = builder.sign(key, hashes.SHA256())
    sealed = BestAvailableEncryption(PASSWORD.encode())
    (folder / "client.pfx").write_bytes(pkcs12.serialize_key_and_certificates(b"c", key, made, None, sealed))
    (folder / "broken.pfx").write_bytes(b"no certificate")
    (folder / "other.pem").write_text("no certificate either")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "pair.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "pair.key").write_bytes(private)
    return tmp_path, made.fingerprint(hashes.SHA1()).hex(":").upper()


def test_a_client_certificate_is_found_by_its_thumbprint(presented: tuple[Path, str]) -> None:
    folder, thumbprint = presented
    certificates = folder / FOLDER
    found = client_certificate(certificates, thumbprint, PASSWORD)
    assert found is not None
    assert found.certificate.endswith("client.pfx")
    found = client_certificate(certificates, thumbprint, "another")
    assert found is not None, "the files without a password are found all the same"
    assert (Path(found.certificate).name, Path(found.key).name) == ("pair.crt", "pair.key")
    assert client_certificate(certificates, "00" * 20, PASSWORD) is None
    assert client_certificate(folder / "missing", thumbprint, PASSWORD) is None
    (certificates / "ca.pem").write_text("authorities")
    source = {
        "hostNameOrIpAddress": "a",
        "clientCertificateThumbprint": thumbprint,
        "clientCertificatePassword": PASSWORD,
    }
    tls = one(folder=folder, dataSource=source).servers[0].server.tls
    assert tls is not None
    assert (Path(tls.certificate).name, tls.key, tls.password) == ("client.pfx", "", PASSWORD)
    assert tls.ca.endswith("ca.pem")


def test_what_is_doubtful_is_said_as_a_warning(tmp_path: Path) -> None:
    source = {"hostNameOrIpAddress": "a", "validateServerCertificate": False}
    server = {"hostNameOrIpAddress": "b", "serverId": "2", "clientCertificateThumbprint": "1A2B"}
    made = document(dataSource=source, redundantServers=[server])
    first, second = frozen.warnings(made, tmp_path)
    assert "C dataSource: the server's certificate is not verified" in first
    assert "C 2: no certificate in" in second
    plain = document(dataSource=source | {"tls": "None"})
    assert frozen.warnings(plain, tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("00:00:30", 30, "0:00:30"),
        ("1.02:03:04.5", 93784.5, "1:2:03:04.5"),
        ("1:02:03:04.5", 93784.5, "1:2:03:04.5"),
        ("23:59", 86340, "23:59:00"),
        ("0:00:00.0000001", 1e-7, "0:00:00.0000001"),
    ],
)
def test_a_span_of_time_has_one_spelling(text: str, length: float, kept: str) -> None:
    assert seconds(text) == pytest.approx(length)
    assert span(seconds(text)) == kept
    assert seconds(kept) == pytest.approx(length)


@pytest.mark.parametrize("text", ["24:00:00", "00:60:00", "1:2:3", "-00:00:01", "", "soon"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"has more|is not a span"):
        seconds(text)
