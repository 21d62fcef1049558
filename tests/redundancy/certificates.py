"""Certificates for tests: an authority, what it has signed, and what it has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from redundancy.config import LinkTls


@dataclass(frozen=True)
class Pem:
    """A certificate and its key, as files."""

    certificate: str
    key: str


class Desk:
    """One node's three files for its links, in a folder of their own. What is in them can be replaced."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.files = LinkTls(*(str(folder / name) for name in ("ca.pem", "node.pem", "node.key")))

    def put(self, authority: trustme.CA, issued: trustme.LeafCert) -> None:
        """As a person with `mv` does it: one file after the other, each whole."""
        self._put(self.files.ca, authority.cert_pem)
        self._put(self.files.certificate, issued.cert_chain_pems[0])
        self._put(self.files.key, issued.private_key_pem)

    def _put(self, path: str, blob: trustme.Blob) -> None:
        blob.write_to_path(f"{path}.new")
        Path(f"{path}.new").replace(path)


class Office:
    """The authority of a plant's links, and one of another plant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority, self._stranger = trustme.CA(), trustme.CA()

    def desk(self, node: str) -> Desk:
        """A node with everything in order."""
        desk = Desk(self._folder / node)
        self.mend(desk, node)
        return desk

    def mend(self, desk: Desk, node: str) -> None:
        desk.put(self._authority, _issued(self._authority, node))

    def expire(self, desk: Desk, node: str) -> None:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        desk.put(self._authority, _issued(self._authority, node, yesterday))

    def wear_out(self, desk: Desk, node: str, days: int) -> None:
        """It is good for this many days more."""
        until = datetime.now(UTC) + timedelta(days=days, hours=1)
        desk.put(self._authority, _issued(self._authority, node, until))

    def swap_certificate(self, desk: Desk, node: str) -> None:
        """Its own certificate is of another authority."""
        desk.put(self._authority, _issued(self._stranger, node))

    def swap_ca(self, desk: Desk, node: str) -> None:
        """Its CA file is another authority's."""
        desk.put(self._stranger, _issued(self._authority, node))

    def misname(self, desk: Desk, node: str) -> None:
        desk.put(self._authority, _issued(self._authority, f"not-{node}"))


def _issued(authority: trustme.CA, node: str, until: datetime | None = None) -> trustme.LeafCert:
    """Made out to the node as a host's name, or where it can't be one, as a common name."""
    if " " in node:
        return authority.issue_cert(common_name=node, not_after=until)
    return authority.issue_cert(node, not_after=until)


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
