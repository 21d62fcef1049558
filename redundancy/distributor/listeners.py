"""Where the Distributor listens besides its plain address: with TLS, in WebSockets, or both.

    {"listen": "0.0.0.0:8883", "certificate": "server.pem", "key": "server.key", "client_ca": "clients.pem"}
    {"listen": "0.0.0.0:8083", "websocket": true}

Files are PEM. With `client_ca`, only clients get in that show a certificate of that authority; they still
need their password.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from redundancy.config import ConfigError

_FIELDS = {"listen", "certificate", "key", "client_ca", "websocket"}


@dataclass(frozen=True, slots=True)
class Listener:
    """One address. Without a certificate it is an open wire."""

    host: str
    port: int
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    websocket: bool = False

    def context(self, where: str) -> ssl.SSLContext | None:
        """The TLS of this address, None without. Raises ConfigError for files that don't serve."""
        if not self.certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{where}.certificate", f"does not serve with its key: {_plain(error)}"
            ) from None
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise ConfigError(f"{where}.client_ca", f"cannot be used: {_plain(error)}") from None
        return context


def address(value: Any, where: str = "listen") -> tuple[str, int]:
    """`host:port`; port 0 takes any free one. Raises ConfigError."""
    host, _, port = str(value).rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(where, f"{value!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listeners(raw: Any) -> tuple[Listener, ...]:
    """The field `listeners`. Raises ConfigError with the field and the reason; files are tried, too."""
    if not isinstance(raw, list):
        raise ConfigError("listeners", "must be a list")
    return tuple(_listener(entry, f"listeners[{index}]") for index, entry in enumerate(raw))


def _listener(raw: Any, where: str) -> Listener:
    if not isinstance(raw, dict):
        raise ConfigError(where, "must be an object with listen")
    unknown = sorted(set(raw) - _FIELDS)
    if unknown:
        raise ConfigError(f"{where}.{unknown[0]}", "is not a setting")
    files = {name: raw.get(name, "") for name in ("certificate", "key", "client_ca")}
    for name, file in files.items():
        if not isinstance(file, str):
            raise ConfigError(f"{where}.{name}", "must be the name of a file")
    websocket = raw.get("websocket", False)
    if not isinstance(websocket, bool):
        raise ConfigError(f"{where}.websocket", "must be true or false")
    if files["certificate"] and not files["key"]:
        raise ConfigError(f"{where}.key", "is missing: a certificate serves only with its key")
    if not files["certificate"] and (files["key"] or files["client_ca"]):
        raise ConfigError(f"{where}.certificate", "is missing: without it there is no TLS")
    if not files["certificate"] and not websocket:
        raise ConfigError(where, "is a plain address: that is what listen is for")
    host, port = address(raw.get("listen"), f"{where}.listen")
    listener = Listener(host, port, **files, websocket=websocket)
    listener.context(where)
    return listener


def _plain(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
