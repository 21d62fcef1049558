"""Where a server is: a host, bare or written as a URL, whose scheme says nothing and is dropped."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

_SCHEMES = frozenset({"mqtt", "mqtts", "tcp", "ssl", "tls", "ws", "wss"})


def host_and_path(text: str) -> tuple[str, str]:
    """The host, and the path of a WebSocket ("" if none is said). Raises ValueError.

    The text itself never stands in an error: it might carry a password.
    """
    text = text.strip()
    scheme, mark, rest = text.partition("://")
    if not mark:
        rest = text
    elif scheme.lower() not in _SCHEMES:
        raise ValueError("has a scheme that is none of mqtt, mqtts, tcp, ssl, tls, ws, wss")
    if _is_address(rest):
        return rest, ""
    try:
        where = urlsplit(f"//{rest}")
        port = where.port
    except ValueError:
        raise ValueError("is no host name or IP address") from None
    if where.username is not None or where.password is not None:
        raise ValueError("carries a user name or password: those have properties of their own")
    if port is not None:
        raise ValueError("carries a port: that has a property of its own")
    if where.query or where.fragment:
        raise ValueError("has a query or a fragment, which no server has")
    host = where.hostname or ""
    if not host or not host.isprintable() or " " in host:
        raise ValueError("is no host name or IP address")
    return host, "" if where.path == "/" else where.path


def fault(text: str, *, websocket: bool) -> str:
    """Why this is no place of a server; empty if it is one."""
    try:
        _, path = host_and_path(text)
    except ValueError as error:
        return str(error)
    if path and not websocket:
        return "has a path, which only a WebSocket has"
    if path and not (path.isascii() and path.isprintable() and " " not in path):
        return "has characters in its path that no URL has"
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
