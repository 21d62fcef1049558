"""Certificates for the links of a plant: one authority, and a certificate made out to each node.

    D/ca.pem, D/ca.key                     the authority; its key stays where it was made
    D/NODE/{ca,certificate,key}.pem        what one node needs, and nothing else

Run again with the same folder it keeps the authority and makes new certificates: that is how they are
renewed before they expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from redundancy import whole_file
from redundancy.config import ConfigError, LinkTls

_LONGEST_NAME = 64  # of a common name in X.509
_CA_DAYS = 7300
_EARLY = timedelta(days=1)  # machines' clocks differ


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make(folder: Path, nodes: list[str], days: int) -> dict[str, LinkTls]:
    """Certificates for `nodes`, good for `days`. Answers each node's files. Raises ConfigError."""
    for node in nodes:
        _check_name(node)
    if not 1 <= days <= _CA_DAYS:
        raise ConfigError("days", f"must be between 1 and {_CA_DAYS}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(folder)
    return {node: _node(folder / node, node, authority, days) for node in nodes}


def _check_name(node: str) -> None:
    if not node or not node.isprintable() or len(node) > _LONGEST_NAME:
        raise ConfigError("node", f"{node!r} is no name of 1 to {_LONGEST_NAME} characters")
    if "/" in node or node.startswith(".") or node in ("ca.pem", "ca.key"):
        raise ConfigError("node", f"{node!r} can't be the name of a folder")


def _authority(folder: Path) -> _Authority:
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if certificate.exists() != key.exists():
        there, missing = (certificate, key) if certificate.exists() else (key, certificate)
        raise ConfigError("dir", f"there is {there} without {missing.name}: an authority is both")
    if not certificate.exists():
        made = _new_authority()
        _write(key, _private(made.key), 0o600)
        _write(certificate, _pem(made.certificate), 0o644)
        return made
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError("dir", f"the authority in {folder} can't be read: {error}") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found.public_key():
        raise ConfigError("dir", f"{key} is not the key of {certificate}")
    return _Authority(found, private)


def _new_authority() -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tandem links")])
    builder = _builder(name, name, key.public_key(), timedelta(days=_CA_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _node(folder: Path, node: str, authority: _Authority, days: int) -> LinkTls:
    folder.mkdir(mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    issuer = authority.certificate.subject
    builder = _builder(name, issuer, key.public_key(), timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    # A node is both: it waits for the other one, and calls it.
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(both), critical=False)
    public = authority.key.public_key()
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
    certificate = builder.add_extension(signer, critical=False).sign(authority.key, hashes.SHA256())
    files = [(folder / f"{name}.pem").resolve() for name in ("ca", "certificate", "key")]
    _write(files[0], _pem(authority.certificate), 0o644)
    _write(files[1], _pem(certificate), 0o644)
    _write(files[2], _private(key), 0o600)
    return LinkTls(*map(str, files))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all: a running node may read it at any moment."""
    whole_file.replace(path, content, mode)
