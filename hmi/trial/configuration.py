"""The configuration of a node that is only tried: the documents which any gateway has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hmi.trial.tags import COUNTER
from hmi.trial.wishes import EdgeWishes, HostWishes, TagWish, Wishes
from redundancy import identity
from redundancy.config import ConfigError, Endpoint, Server

SERVERS = "Servers"
ADMINISTRATOR = "admin"
_COUNTER_PERIOD = 1_000
# The pages answer only under the name that they know of themselves.
_ANYWHERE = ("0.0.0.0", "::", "[::]")
_MOST_WIDGETS = 50


def names(wishes: Wishes) -> tuple[str, str]:
    """What the gateway and its only node are called."""
    return ("Trial host", "trial-host") if isinstance(wishes, HostWishes) else ("Trial edge", "trial-edge")


def node(wishes: Wishes) -> dict[str, Any]:
    """The node as the document has it: Independent, without peer, witness and Distributor."""
    http = identity.endpoint(wishes.http, "http")
    if http.host in _ANYWHERE:
        raise ConfigError("http", f"{http.host} is no address for a browser; say the one it will use")
    # A link is named, and listened on only by a node that has a peer.
    link = Endpoint(http.host, http.port - 1 if http.port > 1 else 2)
    return {
        "name": names(wishes)[1],
        "role": "Independent",
        "link": str(link),
        "http": str(http),
        "url": f"http://{http}",
        "startup_allowance": 0.2,
    }


def node_file(wishes: Wishes, plant_key: str, secret_key: str) -> dict[str, Any]:
    """What `node.json` says (see redundancy.identity)."""
    told = node(wishes)
    return {
        "gateway": names(wishes)[0],
        "node": told["name"],
        **{name: told[name] for name in ("role", "link", "http", "url")},
        "plant_key": plant_key,
        "secret_key": secret_key,
        "redundancy": {"startup_allowance": told["startup_allowance"]},
    }


def config(wishes: Wishes) -> dict[str, Any]:
    """The whole configuration, with the password in plain. Raises ConfigError."""
    servers = [_server(url, wishes) for url in wishes.servers]
    _check_files(wishes)
    document: dict[str, Any] = {
        "gateway": {"name": names(wishes)[0]},
        "nodes": [node(wishes)],
        "server_sets": [{"name": SERVERS, "servers": servers}],
    }
    return document | (_host(wishes) if isinstance(wishes, HostWishes) else _edge(wishes))


def people(password: str) -> dict[str, Any]:
    """The one account."""
    return {"users": [{"username": ADMINISTRATOR, "password": password, "role": "administrator"}]}


def _host(wishes: Wishes) -> dict[str, Any]:
    assert isinstance(wishes, HostWishes)
    return {
        "engine": {
            "host_id": wishes.host_id,
            "server_set": SERVERS,
            "reorder_timeout": wishes.reorder_timeout,
            "legacy_state": wishes.legacy_state,
        }
    }


def _edge(wishes: Wishes) -> dict[str, Any]:
    assert isinstance(wishes, EdgeWishes)
    tags = list(_tags(wishes))
    transmitters = [
        {"group": wishes.group, "edge": edge, "devices": wishes.device, "use_aliases": wishes.aliases}
        for edge in wishes.edge
    ]
    return {
        "transmission": {
            "host_id": wishes.host_id,
            "server_set": SERVERS,
            "state_wait": wishes.state_wait,
            "startup_delay": wishes.startup_delay,
            "legacy_state": wishes.legacy_state,
            "transmitters": transmitters,
        },
        "tags": tags,
        "dashboards": [_dashboard(tags)],
    }


def _tags(wishes: EdgeWishes) -> Iterator[dict[str, Any]]:
    for number, tag in enumerate(wishes.tag):
        for name, known in (("edge", wishes.edge), ("device", wishes.device)):
            asked = getattr(tag, name)
            if asked is not None and asked not in known:
                raise ConfigError(f"tag.{number}.{name}", f"{tag.name}: there is no {name} {asked!r}")
        for edge in wishes.edge if tag.edge is None else [tag.edge]:
            for device in wishes.device if tag.device is None else [tag.device]:
                yield _tag(f"[default]Edge Nodes/{wishes.group}/{edge}/{device}/{tag.name}", tag)


def _tag(path: str, tag: TagWish) -> dict[str, Any]:
    told = {"path": path, "unit": tag.unit, "description": tag.description, "stored": True}
    if tag.type == COUNTER:
        return told | {"kind": "counter", "datatype": "Int64", "period_ms": _COUNTER_PERIOD}
    limits = {"low": tag.low, "high": tag.high}
    return told | limits | {"datatype": tag.type, "initial": tag.value, "writable": tag.writable}


def _dashboard(tags: list[dict[str, Any]]) -> dict[str, Any]:
    """The tags on one page, so that something can be seen and written at once."""
    prefix = "[default]Edge Nodes/"
    widgets = [
        {
            "kind": "value",
            "label": tag["path"].removeprefix(prefix)[:200],
            "path": tag["path"],
            "writable": tag.get("writable", False),
        }
        for tag in tags[:_MOST_WIDGETS]
    ]
    return {"slug": "trial", "title": "Trial", "widgets": widgets}


def _server(url: str, wishes: Wishes) -> dict[str, Any]:
    told = Server.from_url(url)
    server = {
        "name": told.name,
        "host": told.host,
        "port": told.port,
        "username": wishes.username,
        "password": wishes.password,
        "keep_alive": wishes.keep_alive,
        "mqtt_version": wishes.mqtt_version,
        "transport": "tcp" if told.path is None else "websocket",
        "path": told.path or "/mqtt",
        "tls": told.tls is not None,
    }
    return server | ({f"{name}_file": path for name, path in _files(wishes).items()} if told.tls else {})


def _files(wishes: Wishes) -> dict[str, str]:
    """The PEM files by their whole paths: the node's processes run elsewhere."""
    found = {}
    for name in ("ca", "certificate", "key"):
        told = getattr(wishes, name)
        if told is None:
            continue
        path = Path(told).resolve()
        if not os.access(path, os.R_OK) or not path.is_file():
            raise ConfigError(name, f"{path} can't be read")
        found[name] = str(path)
    return found


def _check_files(wishes: Wishes) -> None:
    """Nothing that was asked for may quietly be left out."""
    if not any(Server.from_url(url).tls for url in wishes.servers):
        for name in _files(wishes):
            raise ConfigError(name, "is for TLS, and no server is mqtts:// or wss://")
