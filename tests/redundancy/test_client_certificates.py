"""TLS towards a server that wants a certificate: files with passwords, PKCS#12, bounds for the version."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from redundancy.config import Tls, TlsVersion
from redundancy.mqtt import Opened, Refused
from redundancy.mqtt.tls import client_context
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.certificates import Certificates
from tests.redundancy.test_mqtt import connect
from tests.waiting import until

PASSWORD = "open sesame"


class Papers:
    """The client's certificate in every form in which it may be handed in."""

    def __init__(self, folder: Path) -> None:
        self.office = Certificates(folder)
        certificate = load_pem_x509_certificate(Path(self.office.client.certificate).read_bytes())
        key = load_pem_private_key(Path(self.office.client.key).read_bytes(), None)
        self.folder = folder / "Certificates"
        self.folder.mkdir()
        self.pfx = self.folder / "client.pfx"
        sealed = BestAvailableEncryption(PASSWORD.encode())
        self.pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"me", key, certificate, None, sealed))
        self.sealed_key = folder / "sealed.key"
        self.sealed_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module", params=KINDS)
def broker(
    request: pytest.FixtureRequest, papers: Papers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    office = papers.office
    folder = tmp_path_factory.mktemp("broker")
    with running(request.param, folder, tls=office.server, client_ca=office.ca) as server:
        yield server


async def outcome(broker: Broker, tls: Tls) -> Opened | Refused:
    connection, log = connect(broker.server(wire="tls", tls=tls, connect_timeout=5.0), "client")
    await until(lambda: log.reports)
    connection.close()
    await connection.wait_ended()
    return log.reports[0]


async def test_a_certificate_comes_as_pem_with_a_password_or_as_pkcs12(
    broker: Broker, papers: Papers
) -> None:
    ca, client = papers.office.ca, papers.office.client
    for tls in (
        Tls(ca, client.certificate, client.key),
        Tls(ca, client.certificate, str(papers.sealed_key), password=PASSWORD),
        Tls(ca, str(papers.pfx), password=PASSWORD),
        Tls("", str(papers.pfx), password=PASSWORD, verify=False),
        Tls(ca, str(papers.pfx), password=PASSWORD, most=TlsVersion.V12),
        Tls(ca, str(papers.pfx), password=PASSWORD, least=TlsVersion.V13),
    ):
        assert isinstance(await outcome(broker, tls), Opened), tls


async def test_a_wrong_password_is_a_refusal_that_does_not_repeat_it(broker: Broker, papers: Papers) -> None:
    ca, client = papers.office.ca, papers.office.client
    for tls in (
        Tls(ca, client.certificate, str(papers.sealed_key), password="sesame"),
        Tls(ca, client.certificate, str(papers.sealed_key)),
        Tls(ca, str(papers.pfx), password="sesame"),
        Tls(ca, str(papers.pfx)),
    ):
        refused = await outcome(broker, tls)
        assert isinstance(refused, Refused)
        assert refused.why
        assert "sesame" not in refused.why


def test_the_bounds_of_the_version_are_those_of_the_settings() -> None:
    context = client_context(Tls(most=TlsVersion.V12))
    assert (context.minimum_version, context.maximum_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_2,
    )
    assert client_context(Tls(least=TlsVersion.V13)).minimum_version is ssl.TLSVersion.TLSv1_3
