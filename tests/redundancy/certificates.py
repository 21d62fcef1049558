"""Certificates for tests: an authority, what it has signed, and what it has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Pem:
    """A certificate and its key, as files."""

    certificate: str
    key: str


class Certificates:
    """Made in `folder`; everything here is for 127.0.0.1 except `elsewhere`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority, self._stranger = trustme.CA(), trustme.CA()
        self.ca = self._written("ca.pem", self._authority)
        self.other_ca = self._written("other-ca.pem", self._stranger)
        self.server = self._pem("server", self._authority.issue_cert("127.0.0.1"))
        self.elsewhere = self._pem("elsewhere", self._authority.issue_cert("192.0.2.1"))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        self.expired = self._pem("expired", self._authority.issue_cert("127.0.0.1", not_after=yesterday))
        self.client = self._pem("client", self._authority.issue_cert("edge@plant.example"))
        self.foreign_client = self._pem("foreign", self._stranger.issue_cert("edge@plant.example"))

    def _written(self, name: str, authority: trustme.CA) -> str:
        path = self._folder / name
        authority.cert_pem.write_to_path(path)
        return str(path)

    def _pem(self, name: str, issued: trustme.LeafCert) -> Pem:
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return Pem(str(certificate), str(key))
