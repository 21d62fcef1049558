"""The adapter's configuration is a part of the pair's: it travels, it waits as a conflict, it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from hmi.adapter.configuration import kept, session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.catalogue import Verb
from hmi.gateways import sealing
from hmi.people.audit import Actor
from hmi.replication import choices, documents
from hmi.replication.checks import check
from hmi.replication.models import Conflict
from hmi.replication.resources import split
from hmi.replication.schema import ConfigDocument, Invalid, parse
from hmi.replication.standing import Standing
from tests.hmi.founded import config
from tests.hmi.replication.two_nodes import TwoNode, TwoNodes, empty_databases

SOURCE = {"hostNameOrIpAddress": "broker", "userName": "u", "password": "a password"}


@pytest.fixture(scope="module")
def empty(django_db_blocker: Any) -> Iterator[Path]:
    with django_db_blocker.unblock(), empty_databases() as folder:
        yield folder


@pytest.fixture
def pair(empty: Path, tmp_path: Path) -> TwoNodes:
    pair = TwoNodes(tmp_path, empty)
    pair.master.install(config())
    pair.until_quiet()
    pair.master.epoch = 1
    return pair


def put(node: TwoNode, facet: str, body: Any, epoch: int | None = None) -> None:
    """What the API does on the active node."""

    def work(draft: Draft) -> None:
        component = draft.component("MQTT1")
        draft.change(component, draft.facet(component, facet), Verb.PUT, body, None)

    acting(node, lambda: session.change(Actor("alice"), "an edit", work), epoch)


def acting(node: TwoNode, work: Callable[[], Any], epoch: int | None = None) -> None:
    here = Standing(True, "Active", node.epoch if epoch is None else epoch, node.name)
    patched = [
        mock.patch.object(module, "standing", return_value=here) for module in (session, documents, choices)
    ]
    with node.here(), patched[0], patched[1], patched[2]:
        work()


def configured(node: TwoNode) -> list[dict[str, Any]]:
    with node.here():
        return kept.components()


def test_every_gateway_has_one_component_at_its_first_start_and_the_backup_gets_it(pair: TwoNodes) -> None:
    first = [{"id": "MQTT1", "type": "MQTT", "running": True}]
    assert configured(pair.master) == configured(pair.backup) == first
    pair.master.install(config(tags=[]))
    assert configured(pair.master) == first, "a document that says nothing of the adapter leaves it"
    pair.master.install(config(components=[]))
    assert configured(pair.master) == []


def test_components_and_secrets_reach_the_other_node_which_can_open_them(pair: TwoNodes) -> None:
    put(pair.master, "dataSource", SOURCE)
    put(pair.master, "redundantServers", [SOURCE | {"hostNameOrIpAddress": "other", "serverId": "2"}])
    pair.until_quiet()
    assert pair.master.version == pair.backup.version
    assert pair.master.contents == pair.backup.contents
    assert configured(pair.backup)[0]["dataSource"]["password"] == "{{MQTT1.DataSource.Password}}"
    with pair.backup.here():
        assert {sealing.unseal(each["sealed"]) for each in kept.secrets()} == {"a password"}
    before = pair.master.version
    put(pair.master, "dataSource", SOURCE)
    assert pair.master.version == before, "the same again is no change"


def test_edits_on_both_sides_of_a_cut_wait_for_a_choice(pair: TwoNodes) -> None:
    pair.cut()
    put(pair.master, "dataSource", SOURCE)
    put(pair.backup, "dataSource", {"hostNameOrIpAddress": "backups"}, epoch=2)
    pair.until_quiet()
    assert pair.master.contents == pair.backup.contents
    assert configured(pair.master)[0]["dataSource"]["hostNameOrIpAddress"] == "backups"
    with pair.backup.here():
        (conflict,) = Conflict.objects.filter(settled_at=None)
        shown = choices.compared(conflict)
    assert {each.target for each in shown} == {"component/MQTT1", "secret/MQTT1.DataSource.Password"}
    assert not any("sealed:" in each.new for each in shown)

    def alone() -> None:
        with pytest.raises(Invalid, match="there is no secret"):
            choices.choose(conflict.name, ["component/MQTT1"], Actor("alice"), "without its secret")

    acting(pair.backup, alone, epoch=2)
    acting(pair.backup, lambda: choices.choose(conflict.name, None, Actor("alice"), "all of it"), epoch=2)
    pair.until_quiet()
    assert configured(pair.master)[0]["dataSource"]["hostNameOrIpAddress"] == "broker"


@pytest.mark.django_db
def test_a_document_without_components_is_spelled_as_ever() -> None:
    document = parse(ConfigDocument, documents.stored_form(config()))
    assert not [key for key in split(document) if key.startswith(("component", "secret"))]


SERVER = {"hostNameOrIpAddress": "a"}
SEALED = {"id": "s", "sealed": "sealed:nothing"}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"components": [{"id": "a", "type": "MQTT"}, {"id": "A", "type": "MQTT"}]}, "is there twice"),
        ({"components": [{"id": "a/b", "type": "MQTT"}]}, "holds /"),
        ({"components": [{"id": "System", "type": "MQTT"}]}, "System is the id"),
        ({"components": [{"id": "a", "type": "OmfEgress"}]}, "type"),
        ({"components": [{"id": "a", "type": "MQTT", "dataSource": SERVER}]}, "is not spelled"),
        ({"components": [{"id": "a", "type": "MQTT", "dataSource": {"port": {}}}]}, "is required"),
        ({"components": [{"id": "a", "type": "MQTT", "redundantServers": [{}, {}]}]}, "is required"),
        ({"components": [{"id": "System", "type": "System", "dataSource": SERVER}]}, "is no facet of System"),
        ({"components": [{"id": "a", "type": "MQTT", "colour": 1}]}, "colour"),
        ({"secrets": [SEALED, SEALED]}, "is there twice"),
        ({"secrets": [SEALED]}, "another pair's key"),
        ({"secrets": [SEALED | {"sealed": "plain"}]}, "is not sealed"),
    ],
)
def test_what_another_node_sends_is_not_believed(parts: dict[str, Any], why: str) -> None:
    plain = config(server_sets=[], engine=None, transmission=None, **parts)
    with pytest.raises(Invalid, match=why):
        check(parse(ConfigDocument, plain))


def test_of_two_who_change_at_once_neither_undoes_the_other(pair: TwoNodes) -> None:
    """The first one's draft is worked out before the second one's change comes in between."""
    came: list[bool] = []

    def first(draft: Draft) -> None:
        component = draft.component("MQTT1")
        draft.change(component, draft.facet(component, "clientSettings"), Verb.PUT, {"qosLevel": 1}, None)
        if not came:
            came.append(True)
            put(pair.master, "dataFilters", [{"id": "small", "absoluteDeadband": 1}])

    acting(pair.master, lambda: session.change(Actor("bob"), "an edit", first))
    (component,) = configured(pair.master)
    assert component["clientSettings"]["qosLevel"] == 1
    assert [each["id"] for each in component["dataFilters"]] == ["small"]
