"""What must fit together in a configuration, beyond the shape of its parts.

Every check looks at the whole document and yields problems; none stops at the first, so that a person
sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from hmi.adapter.configuration import fitting
from hmi.gateways import frozen
from hmi.gateways.sealing import Unsealable
from hmi.replication import overrides
from hmi.replication.schema import ConfigDocument, Invalid, NodeDocument, Problem, ServerSetDocument
from hmi.replication.tag_checks import boards, tags
from redundancy import identity
from redundancy.config import ConfigError, NodeConfig, Role
from redundancy.distributor import access, passwords
from sparkplug.errors import LocalProtocolError
from sparkplug.topic import EdgeNodeId, check_id, state_topic

_ANY_KEY = "00" * 32


def check(document: ConfigDocument, node: NodeConfig | None = None) -> None:
    """Raise Invalid unless the document can be used as a whole, on every node that it names.

    `node` is the node that asks: its gateway, its own name and its peer's are given when it is set up,
    and a document that says otherwise belongs to another pair.
    """
    problems = [*_nodes(document), *_belongs(document, node), *_sets(document), *_modules(document)]
    problems += [*_broker_users(document), *tags(document), *boards(document), *fitting.problems(document)]
    if not problems:
        problems += _as_each_node_sees_it(document)
    if problems:
        raise Invalid(problems)


def differ(kind: str, field: str, names: Iterable[str]) -> Iterator[Problem]:
    """Names of one kind must differ, and by more than upper and lower case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        seen[name.casefold()] = name
        if other is None:
            continue
        why = "is there twice" if other == name else f"differs from {other!r} only in upper and lower case"
        yield Problem(f"{kind}/{name}", field, f"{name!r} {why}")


def _nodes(document: ConfigDocument) -> Iterator[Problem]:
    nodes = document.nodes
    yield from differ("node", "name", (node.name for node in nodes))
    roles = sorted(node.role.value for node in nodes)
    if not nodes:
        yield Problem("gateway", "nodes", "a gateway needs at least one node")
    elif len(nodes) > 2:
        yield Problem(f"node/{nodes[2].name}", "name", "a gateway has at most two nodes")
    elif len(nodes) == 1 and roles != [Role.INDEPENDENT]:
        yield Problem(f"node/{nodes[0].name}", "role", f"a {roles[0]} needs a second node")
    elif len(nodes) == 2:
        yield from _pair(nodes[0], nodes[1])
    for node in nodes:
        yield from _addresses(node)


def _pair(one: NodeDocument, other: NodeDocument) -> Iterator[Problem]:
    where = f"node/{other.name}"
    if one.role == other.role:
        yield Problem(where, "role", f"both nodes are {one.role}: a pair is one Master and one Backup")
    elif Role.INDEPENDENT in (one.role, other.role):
        yield Problem(where, "role", "a node of a pair is Master or Backup, not Independent")
    if one.link == other.link:
        yield Problem(where, "link", f"both nodes listen on {one.link}: a node can't be paired with itself")
    yield from _urls(one, other)
    own = {one.serve_witness, other.serve_witness} - {None}
    for node in (one, other):
        if node.witness in own:
            reason = f"{node.witness} is a node of this pair and can't be its third vote"
            yield Problem(f"node/{node.name}", "witness", reason)
    if one.failover_timeout != other.failover_timeout:
        yield Problem(where, "failover_timeout", "is the pair's lease and must be the same on both nodes")
    if bool(one.link_ca) != bool(other.link_ca):
        plain = one if other.link_ca else other
        reason = "the other node's link has TLS: it would refuse this one, so both need it"
        yield Problem(f"node/{plain.name}", "link_ca", reason)


def _urls(one: NodeDocument, other: NodeDocument) -> Iterator[Problem]:
    """The two nodes send browsers to each other, so each must have an address that both can tell."""
    found = []
    for node in (one, other):
        try:
            everywhere = all(
                identity.endpoint(text, "http").host in identity.ANYWHERE for text in (node.http, node.link)
            )
            found.append(frozen.url_of(node))
        except ConfigError:
            return  # said where addresses are looked at
        if node.auto_detect_http and everywhere:
            reason = "can't be detected: web server and pair link both listen everywhere"
            yield Problem(f"node/{node.name}", "url", reason)
    if found[0] == found[1]:
        yield Problem(f"node/{other.name}", "url", f"{found[0]} can't lead to both nodes")


def _addresses(node: NodeDocument) -> Iterator[Problem]:
    where = f"node/{node.name}"
    listeners: dict[int, tuple[str, str]] = {}
    for field in ("link", "http", "mqtt", "mqtts", "mqtt_ws", "mqtt_wss", "serve_witness", "witness"):
        text = getattr(node, field)
        try:
            address = None if text is None else identity.endpoint(text, field)
        except ConfigError as error:
            yield Problem(where, field, error.reason)
            continue
        if address is None:
            continue
        other = listeners.setdefault(address.port, (field, address.host))
        if other[0] != field and (field != "witness" or other[1] == address.host):
            yield Problem(where, field, f"port {address.port} is already the one of {other[0]}")
    yield from _doors(node)
    yield from _link(node)
    if node.auto_detect_http:
        return
    parts = urlsplit(node.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.username:
        yield Problem(where, "url", f"{node.url!r} is not http://host:port or https://host:port")


def _link(node: NodeDocument) -> Iterator[Problem]:
    where = f"node/{node.name}"
    if not node.auto_detect_interface and not node.bind_interface:
        yield Problem(where, "bind_interface", "is empty, and the interface is not to be detected")
    elif node.bind_interface:
        try:
            ip_address(node.bind_interface)
        except ValueError:
            yield Problem(
                where, "bind_interface", f"{node.bind_interface!r} is no IP address of this machine"
            )
    if node.role is not Role.BACKUP:
        for field in ("master_address", "master_port"):
            if getattr(node, field):
                yield Problem(where, field, f"is where a Backup finds its Master, and {node.name} is none")


def _doors(node: NodeDocument) -> Iterator[Problem]:
    where = f"node/{node.name}"
    for field in ("mqtts", "mqtt_ws", "mqtt_wss"):
        if getattr(node, field) is not None and node.mqtt is None:
            yield Problem(where, field, "the Distributor needs its plain address, too")
    if (node.mqtts or node.mqtt_wss) and not (node.tls_certificate and node.tls_key):
        yield Problem(where, "tls_certificate", "TLS needs a certificate and its key")


def _belongs(document: ConfigDocument, node: NodeConfig | None) -> Iterator[Problem]:
    if node is None:
        return
    if document.gateway.name != node.gateway:
        reason = f"this node belongs to {node.gateway!r}; a gateway's name is given when its nodes are set up"
        yield Problem("gateway", "name", reason)
    known = {node.node} | ({node.peer.node} if node.peer else set())
    for name in known - {each.name for each in document.nodes}:
        reason = f"{name!r} is a node of this gateway and can't be left out or renamed"
        yield Problem(f"node/{name}", "name", reason)


def _sets(document: ConfigDocument) -> Iterator[Problem]:
    yield from differ("server_set", "name", (entry.name for entry in document.server_sets))
    servers = [server for entry in document.server_sets for server in entry.servers]
    yield from differ("server", "name", (server.name for server in servers))
    for server in servers:
        if "/" in server.name:
            yield Problem(f"server/{server.name}", "name", "holds a slash, and is a name in tag paths")
        yield from (Problem(f"server/{server.name}", "backup", fault) for fault in overrides.faults(server))


def _modules(document: ConfigDocument) -> Iterator[Problem]:
    sets = {entry.name: entry for entry in document.server_sets}
    engine, transmission = document.engine, document.transmission
    if engine is not None:
        yield from _served("engine", engine.server_set, sets)
        if engine.host_id or engine.enabled:
            yield from _host_id("engine", engine.host_id)
    if transmission is not None:
        yield from _served("transmission", transmission.server_set, sets)
        if transmission.host_id:
            yield from _host_id("transmission", transmission.host_id)
        yield from _transmitters(document)


def _served(module: str, name: str, sets: dict[str, ServerSetDocument]) -> Iterator[Problem]:
    if name not in sets:
        yield Problem(module, "server_set", f"there is no server set {name!r}")
    elif not sets[name].servers:
        yield Problem(module, "server_set", f"server set {name!r} is empty: there is no server to connect to")


def _host_id(module: str, host_id: str) -> Iterator[Problem]:
    try:
        state_topic(host_id)
    except LocalProtocolError as error:
        yield Problem(module, "host_id", str(error))
        return
    if host_id != host_id.strip() or not host_id.isprintable():
        yield Problem(module, "host_id", "begins or ends with a space or can't be printed")


def _transmitters(document: ConfigDocument) -> Iterator[Problem]:
    assert document.transmission is not None
    transmitters = document.transmission.transmitters
    yield from differ("transmitter", "edge", (f"{each.group}/{each.edge}" for each in transmitters))
    for each in transmitters:
        where = f"transmitter/{each.group}/{each.edge}"
        if each.group.upper() == "STATE":
            yield Problem(where, "group", "a group can't be called STATE: its topics would be those of hosts")
            continue
        try:
            EdgeNodeId.checked(each.group, each.edge)
        except LocalProtocolError as error:
            yield Problem(where, "group" if str(error).startswith("group") else "edge", str(error))
        yield from differ(where, "devices", each.devices)
        for device in each.devices:
            try:
                check_id("device id", device)
            except LocalProtocolError as error:
                yield Problem(where, "devices", str(error))


def _broker_users(document: ConfigDocument) -> Iterator[Problem]:
    yield from differ("broker_user", "username", (user.username for user in document.broker_users))
    for user in document.broker_users:
        where = f"broker_user/{user.username}"
        if fault := passwords.fault(user.password_hash):
            yield Problem(where, "password_hash", fault)
        for entry in user.acl:
            if fault := access.entry_fault(entry):
                yield Problem(where, "acl", fault)


def _as_each_node_sees_it(document: ConfigDocument) -> Iterator[Problem]:
    """The last word is the runtime's: the very values that it will be given are made once."""
    for node in document.nodes:
        try:
            identity.parse(frozen.node_file(document, node.name, _ANY_KEY, _ANY_KEY))
        except ConfigError as error:
            field = error.field.removeprefix("redundancy.").replace("link_tls.", "link_")
            yield Problem(f"node/{node.name}", field, error.reason)
        try:
            frozen.freeze(document, node.name, "")
        except ConfigError as error:
            yield Problem("server_sets", error.field, error.reason)
            return
        except Unsealable as error:
            yield Problem("server_sets", "password", str(error))
            return
    yield from fitting.last_word(document)
