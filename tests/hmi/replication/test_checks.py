"""Every wrong setting is refused, with the object, the field and the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmi.replication.checks import check
from hmi.replication.schema import ConfigDocument, Invalid, parse
from redundancy import identity
from tests.hmi.founded import HASH, TAG_1, config
from tests.hmi.live_node import NODE

Doc = dict[str, Any]


def problems(document: Doc) -> list[tuple[str, str]]:
    for group in document.get("server_sets", ()):
        for server in group["servers"]:
            server["password"] = ""
    try:
        check(parse(ConfigDocument, document), identity.parse(NODE).node)
    except Invalid as error:
        return [(each.where, each.field) for each in error.problems]
    return []


def changed(change: Callable[[Doc], Any]) -> Doc:
    document = config()
    change(document)
    return document


def test_the_whole_configuration_is_valid() -> None:
    assert problems(config()) == []


def _tag(**fields: Any) -> Callable[[Doc], Any]:
    return lambda d: d["tags"].append({"path": "[default]A", "datatype": "Int32"} | fields)


def _widget(**fields: Any) -> Callable[[Doc], Any]:
    return lambda d: d["dashboards"][0]["widgets"].append(
        {"kind": "value", "label": "x", "path": TAG_1} | fields
    )


def _node(number: int, **fields: Any) -> Callable[[Doc], Any]:
    return lambda d: d["nodes"][number].update(fields)


def _server(**fields: Any) -> Callable[[Doc], Any]:
    return lambda d: d["server_sets"][1]["servers"][0].update(fields)


def _transmitter(**fields: Any) -> Callable[[Doc], Any]:
    base = {"group": "G", "edge": "E"} | fields
    return lambda d: d["transmission"]["transmitters"].append(base)


def _user(**fields: Any) -> Callable[[Doc], Any]:
    return lambda d: d["broker_users"].append({"username": "new", "password_hash": HASH} | fields)


def _served_by_the_peer(document: Doc) -> None:
    _node(1, serve_witness="127.0.0.9:26071")(document)
    _node(0, witness="127.0.0.9:26071")(document)


FAR = "server/Far away"
MASTER, BACKUP = "node/primary-master", "node/primary-backup"
WRONG: dict[str, tuple[Callable[[Doc], Any], str, str]] = {
    "two masters": (_node(1, role="Master"), BACKUP, "role"),
    "an independent node in a pair": (_node(1, role="Independent"), BACKUP, "role"),
    "a node paired with itself": (_node(1, link="127.0.0.1:26060"), BACKUP, "link"),
    "one address for both nodes' pages": (_node(1, url="http://127.0.0.1:26088"), BACKUP, "url"),
    "two leases in one pair": (_node(1, failover_timeout=3.0), BACKUP, "failover_timeout"),
    "a lease that is no lease": (
        lambda d: [node.update(failover_timeout=0.01) for node in d["nodes"]],
        MASTER,
        "failover_timeout",
    ),
    "a link without a port": (_node(0, link="127.0.0.1"), MASTER, "link"),
    "a port that does not exist": (_node(0, mqtt="127.0.0.1:70000"), MASTER, "mqtt"),
    "one port for two listeners": (_node(0, http="127.0.0.1:26060"), MASTER, "http"),
    "a node that is its own witness": (_node(0, witness="127.0.0.1:26060"), MASTER, "witness"),
    "a witness at the other node of the pair": (_served_by_the_peer, MASTER, "witness"),
    "a witness's address that is taken": (_node(1, serve_witness="127.0.0.1:26061"), BACKUP, "serve_witness"),
    "an address that is no page": (_node(0, url="javascript:alert(1)"), MASTER, "url"),
    "an address with a password in it": (_node(0, url="http://me:pw@host"), MASTER, "url"),
    "a renamed node": (_node(1, name="somebody"), BACKUP, "name"),
    "another gateway": (lambda d: d["gateway"].update(name="Edge 1"), "gateway", "name"),
    "no nodes": (lambda d: d.update(nodes=[]), "gateway", "nodes"),
    "a master alone": (lambda d: d["nodes"].pop(), MASTER, "role"),
    "three nodes": (lambda d: d["nodes"].append(d["nodes"][0] | {"name": "third"}), "node/third", "name"),
    "names that differ in case only": (
        lambda d: d["server_sets"].append({"name": "BROKERS", "servers": []}),
        "server_set/BROKERS",
        "name",
    ),
    "a server twice": (
        lambda d: d["server_sets"][1]["servers"].append({"name": "chariot scada", "host": "a"}),
        "server/chariot scada",
        "name",
    ),
    "a server named like a folder": (_server(name="a/b"), "server/a/b", "name"),
    "a server without a host": (_server(host=""), "server_sets", "host"),
    "a server at no port": (_server(port=0), "server_sets", "port"),
    "an MQTT that never was": (_server(mqtt_version="3.0"), "", "mqtt_version"),
    "a WebSocket at no path": (_server(transport="websocket", path="mqtt"), "server_sets", "path"),
    "a certificate without its key": (
        _server(tls=True, certificate_file="a.pem"),
        "server_sets",
        "certificate_file",
    ),
    "files for TLS without TLS": (_server(ca_file="ca.pem"), "server_sets", "tls"),
    "a TLS door without a certificate": (_node(0, mqtts="127.0.0.1:26883"), MASTER, "tls_certificate"),
    "a WebSocket door without a Distributor": (_node(0, mqtt=None, mqtt_ws="h:26884"), MASTER, "mqtt_ws"),
    "a door that is another one's": (_node(0, mqtt_ws="127.0.0.1:26060"), MASTER, "mqtt_ws"),
    "a keep-alive of nothing": (_server(keep_alive=0), "server_sets", "keep_alive"),
    "an engine without a host id": (lambda d: d["engine"].update(host_id=""), "engine", "host_id"),
    "a host id with a wildcard": (lambda d: d["engine"].update(host_id="a/#"), "engine", "host_id"),
    "an engine without servers": (lambda d: d["server_sets"][0].update(servers=[]), "engine", "server_set"),
    "an engine of an unknown set": (lambda d: d["engine"].update(server_set="?"), "engine", "server_set"),
    "a transmission of an unknown set": (
        lambda d: d["transmission"].update(server_set="?"),
        "transmission",
        "server_set",
    ),
    "the other node's broker where there is none": (_node(1, mqtt=None), "server_sets", "target"),
    "a group called STATE": (_transmitter(group="STATE"), "transmitter/STATE/E", "group"),
    "a group with a slash": (_transmitter(group="a/b"), "transmitter/a/b/E", "group"),
    "an edge with a wildcard": (_transmitter(edge="+"), "transmitter/G/+", "edge"),
    "a device with a wildcard": (_transmitter(devices=["#"]), "transmitter/G/E", "devices"),
    "an edge node twice": (
        _transmitter(group="group 1", edge="edge 1"),
        "transmitter/group 1/edge 1",
        "edge",
    ),
    "a user with an ACL that is none": (_user(acl=["everything"]), "broker_user/new", "acl"),
    "a user with a plain hash": (_user(password_hash="changeme"), "broker_user/new", "password_hash"),
    "a user twice": (_user(username="Observer"), "broker_user/Observer", "username"),
    "a tag of another provider": (_tag(path="[MQTT Engine]A"), "tag/[MQTT Engine]A", "path"),
    "a tag without a provider": (_tag(path="A"), "tag/A", "path"),
    "a tag that is only a provider": (_tag(path="[default]"), "tag/[default]", "path"),
    "a tag spelled in two ways": (_tag(path="[default]/A"), "tag/[default]/A", "path"),
    "a tag twice": (_tag(path=TAG_1), f"tag/{TAG_1}", "path"),
    "a tag that differs in case only": (
        _tag(path=TAG_1.upper().replace("[DEFAULT]", "[default]")),
        "",
        "path",
    ),
    "a tag that is a folder too": (_tag(path=f"{TAG_1}/Below"), f"tag/{TAG_1}/Below", "path"),
    "a tag of no type": (_tag(datatype="Integer"), "tag/[default]A", "datatype"),
    "a tag of a type that is not for people": (_tag(datatype="Template"), "tag/[default]A", "datatype"),
    "a value out of range": (_tag(datatype="Int8", initial=128), "tag/[default]A", "initial"),
    "a text for a number": (_tag(initial="10"), "tag/[default]A", "initial"),
    "a list for a number": (_tag(initial=[1]), "tag/[default]A", "initial"),
    "a number for a list": (_tag(datatype="Int8Array", initial=1), "tag/[default]A", "initial"),
    "a list with a number out of range": (
        _tag(datatype="Int8Array", initial=[1, 128]),
        "tag/[default]A",
        "initial",
    ),
    "a table whose rows are too short": (
        _tag(datatype="DataSet", initial={"columns": ["a"], "types": ["Int8"], "rows": [[]]}),
        "tag/[default]A",
        "initial",
    ),
    "bytes that are not Base64": (_tag(datatype="Bytes", initial="%"), "tag/[default]A", "initial"),
    "a truth for a number": (_tag(initial=True), "tag/[default]A", "initial"),
    "limits upside down": (_tag(low=2, high=1), "tag/[default]A", "high"),
    "a counter of text": (_tag(kind="counter", datatype="String"), "tag/[default]A", "datatype"),
    "a counter that can be written": (
        _tag(kind="counter", datatype="Int64", writable=True),
        "tag/[default]A",
        "writable",
    ),
    "a value without a path": (_widget(path=""), "dashboard/primary", "widgets.2.path"),
    "a value of no provider": (_widget(path="[Other]A"), "dashboard/primary", "widgets.2.path"),
    "an indicator without states": (_widget(kind="indicator"), "dashboard/primary", "widgets.2.states"),
    "a label without a text": (
        _widget(kind="label", label="", path=""),
        "dashboard/primary",
        "widgets.2.label",
    ),
    "a dashboard twice": (
        lambda d: d["dashboards"].append(d["dashboards"][0] | {"slug": "PRIMARY"}),
        "dashboard/PRIMARY",
        "slug",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_refuses(name: str) -> None:
    change, where, field = WRONG[name]
    found = problems(changed(change))
    assert any(each[1] == field and (each[0] == where or not where) for each in found), found


SHAPELESS: dict[str, tuple[Callable[[Doc], Any], str, str]] = {
    "a setting nobody knows": (lambda d: d["engine"].update(hostid="x"), "engine", "hostid"),
    "a missing name": (lambda d: d["nodes"][0].pop("name"), "nodes.0", "name"),
    "a number as text": (_server(port="1883"), "server_sets.1.servers.0", "port"),
    "a truth as a number": (_server(port=True), "server_sets.1.servers.0", "port"),
    "a mode that is none": (_node(0, role="Slave"), "nodes.0", "role"),
    "a widget of an unknown kind": (_widget(kind="script"), "dashboards.0.widgets.1", "kind"),
    "a state of an unknown style": (
        _widget(kind="indicator", states=[{"value": 1, "label": "x", "style": "url(x)"}]),
        "dashboards.0.widgets.1.states.0",
        "style",
    ),
    "a slug that is no slug": (lambda d: d["dashboards"][0].update(slug="../x"), "dashboards.0", "slug"),
    "a name with a line break": (_transmitter(edge="a\nb"), "transmission.transmitters.1", "edge"),
    "a name with an override of direction": (_server(name="a\u202eb"), "server_sets.1.servers.0", "name"),
    "a name with a space at its end": (_server(name="a "), "server_sets.1.servers.0", "name"),
    "an endless wait": (lambda d: d["transmission"].update(state_wait=1e300), "transmission", "state_wait"),
    "a sample every nothing": (_tag(period_ms=0), "tags.1", "period_ms"),
    "a list in a list where a value belongs": (_tag(initial=[[1]]), "tags.1.initial", ""),
}


@pytest.mark.parametrize("name", SHAPELESS)
def test_it_is_out_of_shape(name: str) -> None:
    change, where, field = SHAPELESS[name]
    found = problems(changed(change))
    assert any(each[0].startswith(where) and (each[1] == field or not field) for each in found), found


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(number: float) -> None:
    with pytest.raises(Invalid):
        parse(ConfigDocument, config(tags=[{"path": "[default]A", "datatype": "Double", "low": number}]))


def test_all_problems_are_told_at_once() -> None:
    document = config(tags=[{"path": "A", "datatype": "x"}])
    document["nodes"][1]["role"] = "Master"
    document["engine"]["host_id"] = ""
    assert {where.split("/")[0] for where, _ in problems(document)} == {"node", "engine", "tag"}


def test_no_error_repeats_a_value_that_may_be_secret() -> None:
    document = config()
    document["server_sets"][0]["servers"][0]["password"] = ["hunter2"]
    with pytest.raises(Invalid) as refused:
        parse(ConfigDocument, document)
    assert "hunter2" not in str(refused.value)


def test_an_independent_gateway_needs_no_peer() -> None:
    alone = config()["nodes"][0] | {"role": "Independent", "name": "alone", "witness": None}
    sets = [{"name": "Brokers", "servers": [{"name": "Own", "target": "own"}]}]
    document = config(nodes=[alone], server_sets=sets, transmission=None)
    document["server_sets"][0]["servers"][0]["password"] = ""
    check(parse(ConfigDocument, document))


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(config())), _junk), st.binary(max_size=60))
def test_junk_is_refused_and_nothing_else_happens(parts: Doc, text: bytes) -> None:
    for raw in (config() | parts, text):
        with contextlib.suppress(Invalid):
            check(parse(ConfigDocument, raw))
