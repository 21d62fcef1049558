"""A node's own file, `node.json`: who the node is before any database opens.

Written with mode 0600, because it holds the plant's key. It is read by the node's processes and by
the witness, so it knows nothing of Django.

Shape (addresses are "host:port"; url, peer, witness, serve_witness, mqtt, link_tls and bind_interface may
be null; without a url it is found from http, link and the machine's name):

    {"gateway": "Primary", "node": "primary-master", "role": "Master",
     "link": "127.0.0.1:8060", "http": "127.0.0.1:8088", "url": "http://127.0.0.1:8088",
     "mqtt": "127.0.0.1:1883", "witness": "127.0.0.1:8070", "serve_witness": null,
     "peer": {"node": "primary-backup", "link": "127.0.0.1:8061", "url": "http://127.0.0.1:8089"},
     "plant_key": "<hex>", "secret_key": "<text, the pair's>",
     "link_tls": {"ca": "/.../ca.pem", "certificate": "/.../primary-master.pem", "key": "/.../....key"},
     "bind_interface": "10.0.0.5",
     "redundancy": {"profile": "own", "standby": "Warm", "failover_timeout": 2.0, ...}}
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from redundancy import whole_file
from redundancy.config import (
    ConfigError,
    Endpoint,
    LinkTls,
    NodeConfig,
    Peer,
    Recovery,
    RedundancySettings,
    Role,
    Standby,
)
from redundancy.profiles import Profile, filled

FILE = "node.json"
ANYWHERE = ("0.0.0.0", "[::]", "::")
"""Hosts of a listener that nobody could dial."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What `node.json` says: the node's configuration and the pair's signing key for the web."""

    node: NodeConfig
    secret_key: str = field(repr=False)


def load(folder: Path) -> Identity:
    """Read `folder/node.json`. Raises ConfigError naming the field, also when the file is missing."""
    path = folder / FILE
    if not folder.is_dir():
        raise ConfigError("dir", f"the data folder {folder} does not exist")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("dir", f"{path} does not exist: the node was never set up") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(FILE, f"is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(FILE, "must hold one object")
    return parse(raw)


def save(folder: Path, raw: dict[str, Any]) -> Identity:
    """Check `raw` and write it whole or not at all; answers what was written."""
    identity = parse(raw)
    whole_file.replace(folder / FILE, json.dumps(raw, indent=1).encode())
    return identity


def parse(raw: dict[str, Any]) -> Identity:
    """Turn the file's object into frozen values. Raises ConfigError with the field's name."""
    peer = raw.get("peer")
    link, http = endpoint(_text(raw, "link"), "link"), endpoint(_text(raw, "http"), "http")
    witness, serve, mqtt = raw.get("witness"), raw.get("serve_witness"), raw.get("mqtt")
    node = NodeConfig(
        gateway=_text(raw, "gateway"),
        node=_text(raw, "node"),
        role=_choice(Role, raw, "role"),
        link=link,
        http=http,
        url=_text(raw, "url") if raw.get("url") else found_url(http, link),
        plant_key=_key(raw),
        peer=None if peer is None else _peer(peer),
        witness=None if witness is None else endpoint(witness, "witness"),
        mqtt=None if mqtt is None else endpoint(mqtt, "mqtt"),
        serve_witness=None if serve is None else endpoint(serve, "serve_witness"),
        redundancy=_redundancy(raw.get("redundancy", {})),
        link_tls=link_tls(raw.get("link_tls")),
        bind_interface=_text(raw, "bind_interface") if raw.get("bind_interface") else "",
    )
    return Identity(node, _text(raw, "secret_key"))


def endpoint(text: Any, name: str) -> Endpoint:
    """`host:port` to an Endpoint; `name` is the field that an error names."""
    host, _, port = str(text).rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(name, f"{text!r} is not host:port")
    try:
        return Endpoint(host, int(port))
    except ConfigError as error:
        raise ConfigError(name, error.reason) from None


def found_url(http: Endpoint, link: Endpoint) -> str:
    """Where browsers find a node that doesn't say (Auto-detect HTTP Address)."""
    hosts = (http.host, link.host, socket.gethostname())
    host = next(host for host in hosts if host not in ANYWHERE)
    return f"http://{host}:{http.port}"


def link_tls(raw: Any) -> LinkTls | None:
    """The files for TLS on the links; None where they are without. Raises ConfigError."""
    if raw is None:
        return None
    if not isinstance(raw, dict) or not all(isinstance(path, str) for path in raw.values()):
        raise ConfigError("link_tls", "must be an object with ca, certificate and key, each a file's path")
    unknown = sorted(set(raw) - {"ca", "certificate", "key"})
    if unknown:
        raise ConfigError(f"link_tls.{unknown[0]}", "is not a setting")
    return LinkTls(raw.get("ca", ""), raw.get("certificate", ""), raw.get("key", ""))


def _peer(raw: Any) -> Peer:
    if not isinstance(raw, dict):
        raise ConfigError("peer", "must be an object with node, link and url")
    return Peer(_text(raw, "node"), endpoint(_text(raw, "link"), "peer.link"), _text(raw, "url"))


def _redundancy(raw: Any) -> RedundancySettings:
    if not isinstance(raw, dict):
        raise ConfigError("redundancy", "must be an object")
    unknown = set(raw) - {field.name for field in fields(RedundancySettings)}
    if unknown:
        raise ConfigError(f"redundancy.{sorted(unknown)[0]}", "is not a setting")
    values = filled(raw)
    if "profile" in values:
        values["profile"] = _choice(Profile, values, "profile")
    if "standby" in values:
        values["standby"] = _choice(Standby, values, "standby")
    if "recovery" in values:
        values["recovery"] = _choice(Recovery, values, "recovery")
    for name in ("failover_timeout", "startup_allowance", "dwell", "sync_timeout"):
        if name in values and (isinstance(values[name], bool) or not isinstance(values[name], int | float)):
            raise ConfigError(f"redundancy.{name}", "must be a number of seconds")
    return RedundancySettings(**values)


def _choice(kind: Any, raw: dict[str, Any], name: str) -> Any:
    try:
        return kind(raw.get(name))
    except ValueError:
        choices = ", ".join(member.value for member in kind)
        raise ConfigError(name, f"{raw.get(name)!r} is none of {choices}") from None


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(name, "is missing")
    return value


def _key(raw: dict[str, Any]) -> bytes:
    try:
        return bytes.fromhex(_text(raw, "plant_key"))
    except ValueError:
        raise ConfigError("plant_key", "is not hexadecimal") from None
