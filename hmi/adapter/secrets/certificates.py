"""A node's folder of certificates: `certificates/` in its data folder, found by thumbprint.

    NAME.pfx, NAME.p12      a client certificate with its key, PKCS#12
    NAME.pem, NAME.crt      a client certificate; its key in the same file or in NAME.key
    ca.pem                  the authorities that servers are verified against, instead of the system's

The folder is the node's own and never replicated: each node of a pair has what it presents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

FOLDER = "certificates"
AUTHORITIES = "ca.pem"
_PKCS12 = frozenset({".pfx", ".p12"})
_PEM = frozenset({".pem", ".crt", ".cer"})


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Files of a certificate and its key; a PKCS#12 file has both, and no `key`."""

    certificate: str
    key: str = ""


def client_certificate(folder: Path, thumbprint: str, password: str) -> ClientCertificate | None:
    """The one with this SHA-1 thumbprint (hexadecimal, in any spelling); None if it is not there."""
    wanted = re.sub(r"[^0-9a-f]", "", thumbprint.lower())
    for path in sorted(folder.iterdir()) if wanted and folder.is_dir() else ():
        if _thumbprint(path, password) != wanted:
            continue
        if path.suffix.lower() in _PKCS12:
            return ClientCertificate(str(path))
        key = path.with_suffix(".key")
        return ClientCertificate(str(path), str(key if key.exists() else path))
    return None


def authorities(folder: Path) -> str:
    """The file of the authorities, "" for the system's."""
    path = folder / AUTHORITIES
    return str(path) if path.exists() else ""


def _thumbprint(path: Path, password: str) -> str:
    """ "" for what is no certificate, or is not opened by the password."""
    suffix = path.suffix.lower()
    if path.name == AUTHORITIES or suffix not in _PKCS12 | _PEM:
        return ""
    try:
        raw = path.read_bytes()
        if suffix in _PKCS12:
            found = pkcs12.load_pkcs12(raw, password.encode() or None).cert
            certificate = found.certificate if found else None
        else:
            certificate = x509.load_pem_x509_certificate(raw)
    except (OSError, ValueError):
        return ""
    return certificate.fingerprint(hashes.SHA1()).hex() if certificate else ""
