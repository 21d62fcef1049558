"""TLS in plain words: how a server is verified, how one proves oneself, and why it failed."""

from __future__ import annotations

import ssl
from pathlib import Path

from redundancy.config import ConfigError, Tls

# What OpenSSL calls it -> what the engineer has to know.
_WORDS = {
    "CERTIFICATE_REQUIRED": "the server wants a client certificate",
    "UNKNOWN_CA": "the server does not know the authority of the client certificate",
    "ALERT_CERTIFICATE_EXPIRED": "the client certificate has expired",
    "WRONG_VERSION_NUMBER": "the server does not speak TLS at this port",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS at this port",
    "PEM lib": "it is no PEM file of that kind",
    "UNEXPECTED_EOF": "the server hung up in the TLS handshake; perhaps it does not speak TLS at this port",
}


def client_context(tls: Tls) -> ssl.SSLContext:
    """How a client of `tls` meets its server. Raises ConfigError for a file that doesn't serve."""
    # The default context believes the system's authorities, the other one nobody yet.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if tls.ca else ssl.create_default_context()
    try:
        if tls.ca:
            believe(context, tls.ca)
    except ValueError as error:
        raise ConfigError("ca_file", str(error)) from None
    try:
        if tls.certificate:
            show(context, tls.certificate, tls.key)
    except ValueError as error:
        raise ConfigError("certificate_file", str(error)) from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def believe(context: ssl.SSLContext, ca: str) -> None:
    """Certificates of this authority, and of no other one. Raises ValueError with the file and the reason."""
    try:
        context.load_verify_locations(ca)
    except (OSError, ValueError) as error:
        raise ValueError(f"{ca} cannot be used: {plain(error)}") from None


def show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """One's own certificate. Raises ValueError with the file and the reason."""
    try:
        # A node starts alone: OpenSSL must not ask a terminal for a passphrase.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = plain(error)
        if _encrypted(key):
            reason = f"{key} has a passphrase, and nobody is there to type it"
        raise ValueError(f"{certificate} does not serve with its key {key}: {reason}") from None


def plain(error: OSError | ValueError | str) -> str:
    """One line for people."""
    if isinstance(error, ConfigError):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    text = str(error)
    for name, words in _WORDS.items():
        if name in text:
            return words
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or text}".replace("_", " ").lower().replace("tls", "TLS", 1)
    return ((error.strerror if isinstance(error, OSError) else None) or text).lower()


def hung_up(why: str, trouble: str, tls: Tls | None) -> str:
    """Why a server closed before it answered CONNECT; `trouble` is what the socket said.

    With TLS 1.3 a server judges the client's certificate only after the client's part of the handshake.
    """
    if "SSL" in trouble:
        return plain(trouble)
    if tls is None:
        return "it hung up; perhaps this port wants TLS" if "unspecified" in why else f"it hung up: {why}"
    return f"it hung up; perhaps it {'rejects' if tls.certificate else 'wants'} a client certificate"


def _encrypted(key: str) -> bool:
    try:
        return "ENCRYPTED" in Path(key).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
