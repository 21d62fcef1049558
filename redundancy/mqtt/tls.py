"""TLS towards an MQTT server, and why a connection failed in plain words."""

from __future__ import annotations

import ssl

from redundancy.config import Tls


def client_context(tls: Tls) -> ssl.SSLContext:
    """Raises OSError or ValueError for files that are no certificates."""
    context = ssl.create_default_context(cafile=tls.ca or None)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def plain(error: OSError | ValueError) -> str:
    """The reason as a person would say it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error)).lower()
