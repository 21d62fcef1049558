"""TLS towards an MQTT server, and why a connection failed in plain words."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)

from redundancy.config import PKCS12, Tls, TlsVersion

_VERSIONS = {TlsVersion.V12: ssl.TLSVersion.TLSv1_2, TlsVersion.V13: ssl.TLSVersion.TLSv1_3}


def client_context(tls: Tls) -> ssl.SSLContext:
    """Raises OSError or ValueError for files that are no certificates, or that the password does not open."""
    context = ssl.create_default_context(cafile=tls.ca or None)
    context.minimum_version = _VERSIONS[tls.least]
    if tls.most is not None:
        context.maximum_version = _VERSIONS[tls.most]
    if tls.certificate.lower().endswith(PKCS12):
        _load_pkcs12(context, tls)
    elif tls.certificate:
        # With any password at all OpenSSL never asks for one at the terminal.
        context.load_cert_chain(tls.certificate, tls.key, tls.password)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_pkcs12(context: ssl.SSLContext, tls: Tls) -> None:
    """By way of a PEM file, the only way in; the key is in it under a password that nobody ever sees."""
    data = Path(tls.certificate).read_bytes()
    found = pkcs12.load_pkcs12(data, tls.password.encode() if tls.password else None)
    if found.key is None or found.cert is None:
        raise ValueError(f"{tls.certificate} has no certificate with a key")
    chain = [found.cert, *found.additional_certs]
    once = secrets.token_bytes(32).hex().encode()
    key = found.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(once))
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key + b"".join(one.certificate.public_bytes(Encoding.PEM) for one in chain))
        context.load_cert_chain(name, password=once)
    finally:
        Path(name).unlink()


def plain(error: OSError | ValueError) -> str:
    """The reason as a person would say it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error)).lower()
