"""The configuration as one document: in whole, out whole, and never by halves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmi.dashboards.models import Dashboard, Widget
from hmi.gateways.models import BrokerUser, Gateway, Node, Server, ServerSet, Transmitter
from hmi.people.audit import Actor
from hmi.people.models import AuditRow
from hmi.replication import documents, ledger, recorded, rows
from hmi.replication.models import Change, Head, Record, Resource
from hmi.replication.resources import split
from hmi.replication.schema import ConfigDocument, Invalid, canonical, parse
from hmi.replication.standing import NotActive
from hmi.tags.models import Tag
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.founded import TAG_1, become, config

pytestmark = pytest.mark.django_db
TWO = {"tag/[default]A", "tag/[default]B"}
ALICE = Actor("alice", "engineer", "10.0.0.7")


def test_what_is_installed_comes_out_again(founded: FakeRuntime) -> None:
    out = documents.export()
    assert [node["name"] for node in out["nodes"]] == ["primary-backup", "primary-master"]
    assert [s["name"] for s in out["server_sets"][0]["servers"]] == ["Chariot SCADA", "Chariot SCADA Peer"]
    assert out["tags"][0]["initial"] == 10
    assert out["dashboards"][0]["widgets"][0]["path"] == TAG_1


def test_installing_the_same_twice_changes_nothing(founded: FakeRuntime) -> None:
    before = documents.export(), ledger.config_version(), Record.objects.count(), AuditRow.objects.count()
    documents.install(config())
    after = documents.export(), ledger.config_version(), Record.objects.count(), AuditRow.objects.count()
    assert before == after


def test_an_export_can_be_installed_and_is_the_same(founded: FakeRuntime) -> None:
    version = ledger.config_version()
    assert documents.install(documents.export()).version == version


def test_the_version_names_epoch_clock_and_contents(founded: FakeRuntime) -> None:
    epoch_and_clock, _, digest = ledger.config_version().partition("-")
    assert epoch_and_clock.startswith("0.")
    assert len(digest) == 8


def test_installing_replaces_the_whole(founded: FakeRuntime) -> None:
    kept = Server.objects.get(name="Chariot SCADA").pk
    sets = [{"name": "Brokers", "servers": [{"name": "Chariot SCADA", "target": "own"}]}]
    documents.install(config(server_sets=sets, transmission=None, broker_users=[], tags=[], dashboards=[]))
    assert list(ServerSet.objects.values_list("name", flat=True)) == ["Brokers"]
    assert Server.objects.get().pk == kept, "a row that stays keeps its id: pages that are open point at it"
    for model in (Transmitter, BrokerUser, Tag, Dashboard, Widget):
        assert not model.objects.exists()


def test_a_server_may_move_to_another_set(founded: FakeRuntime) -> None:
    sets = config()["server_sets"]
    sets[0]["servers"].append(sets.pop()["servers"][0])
    documents.install(config(server_sets=sets, transmission=None))
    assert Server.objects.get(name="Far away").server_set.name == "Brokers"


def test_a_refused_document_leaves_everything_as_it_was(founded: FakeRuntime) -> None:
    before, version = documents.export(), ledger.config_version()
    bad = config(tags=[{"path": "[default]New", "datatype": "Int32"}], gateway={"name": "Somebody else"})
    with pytest.raises(Invalid) as refused:
        documents.install(bad)
    assert refused.value.problems[0].where == "gateway"
    assert (documents.export(), ledger.config_version()) == (before, version)


def test_passwords_are_never_kept_or_shown_in_plain(founded: FakeRuntime) -> None:
    kept = [canonical(parse(ConfigDocument, documents.export())).decode()]
    kept += [bytes(row.body).decode(errors="replace") for row in Record.objects.all()]
    kept += [row.old + row.new for row in AuditRow.objects.all()]
    kept += list(Server.objects.values_list("password", flat=True))
    assert not any("secret 1" in text for text in kept)


def test_a_plain_broker_password_is_hashed_and_stays_when_given_again(founded: FakeRuntime) -> None:
    given = config(broker_users=[{"username": "observer", "password": "observing", "acl": ["R #"]}])
    documents.install(given)
    hashed = BrokerUser.objects.get().password_hash
    assert "observing" not in hashed
    documents.install(given)
    assert BrokerUser.objects.get().password_hash == hashed


def test_an_edit_is_recorded_with_who_old_and_new(founded: FakeRuntime) -> None:
    AuditRow.objects.all().delete()
    version = ledger.config_version()
    with documents.change(ALICE, "finer"):
        Tag.objects.filter(path=TAG_1).update(initial=20, unit="bar")
    row = AuditRow.objects.get()
    assert (row.who, row.role, row.address, row.node) == ("alice", "engineer", "10.0.0.7", "primary-master")
    assert (row.action, row.target, row.outcome, row.reason) == (
        "config.change",
        f"tag/{TAG_1}",
        "done",
        "finer",
    )
    assert json.loads(row.old) == {"initial": 10, "unit": ""}
    assert json.loads(row.new) == {"initial": 20, "unit": "bar"}
    assert ledger.config_version() != version
    assert ledger.config_version().startswith("12."), "an edit carries the epoch in which it was made"


def test_a_changed_secret_is_told_but_masked(founded: FakeRuntime) -> None:
    AuditRow.objects.all().delete()
    sets = config()["server_sets"]
    sets[0]["servers"][0]["password"] = "another secret"
    documents.install(config(server_sets=sets), by="alice")
    row = AuditRow.objects.get()
    assert row.target == "server/Chariot SCADA"
    assert set(json.loads(row.new)) == {"password"}
    assert "another" not in row.new
    assert "sealed" not in row.old


def test_an_edit_that_spoils_the_whole_is_undone(founded: FakeRuntime) -> None:
    with pytest.raises(Invalid) as refused, documents.change(ALICE):
        Node.objects.update(role="Master")
    assert [each.field for each in refused.value.problems] == ["role"]
    assert sorted(Node.objects.values_list("role", flat=True)) == ["Backup", "Master"]


@pytest.mark.parametrize("state", ["Standby", "Fenced", "Candidate", "Draining", "Maintenance"])
def test_on_a_node_that_does_not_act_no_edit_is_kept(founded: FakeRuntime, state: str) -> None:
    become(founded, state, peer="Active")
    with pytest.raises(NotActive) as refused, documents.change(ALICE):
        Tag.objects.update(unit="bar")
    assert refused.value.standing.active_node == "primary-backup"
    assert Tag.objects.get().unit == ""


def test_a_lease_that_ran_out_is_no_ground_to_edit_on(founded: FakeRuntime) -> None:
    become(founded, "Active", shown="Fenced", lease_until=1.0)
    with pytest.raises(NotActive) as refused, documents.change(ALICE):
        Tag.objects.update(unit="bar")
    assert refused.value.standing.state == "Fenced"


def test_without_any_gateway_there_is_no_document(node: FakeRuntime) -> None:
    assert rows.read() is None
    assert documents.export() == {}


def test_an_edit_before_the_first_configuration_is_refused(node: FakeRuntime) -> None:
    with pytest.raises(Invalid), documents.change(ALICE):
        pass
    assert not Gateway.objects.exists()


def test_a_document_of_many_tags_is_taken_and_a_second_one_changes_only_what_differs(
    founded: FakeRuntime,
) -> None:
    many = [{"path": f"[default]Line {n}", "datatype": "Int32"} for n in range(3_000)]
    documents.install(config(tags=many))
    assert Tag.objects.count() == 3_000
    kept = Tag.objects.get(path="[default]Line 7").pk
    AuditRow.objects.all().delete()
    documents.install(config(tags=[*many[:-1], {"path": "[default]Other", "datatype": "Int32"}]))
    assert Tag.objects.get(path="[default]Line 7").pk == kept
    assert sorted((row.action, row.target) for row in AuditRow.objects.all()) == [
        ("config.create", "tag/[default]Other"),
        ("config.delete", "tag/[default]Line 2999"),
    ]


def test_a_database_of_before_versions_gets_its_first_one_from_its_rows(founded: FakeRuntime) -> None:
    for model in (Record, Resource, Head, Change):
        model.objects.all().delete()
    ledger.append("config", "config", b"{}", 7)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER touched_by_delete")
    assert ledger.config_version() == ""
    documents.adopt()
    version = ledger.config_version()
    assert version.startswith("7.1-")
    assert recorded.everything() == split(parse(ConfigDocument, documents.export()))
    assert ledger.current("config", "config") is None
    documents.adopt()
    assert ledger.config_version() == version


def test_an_empty_database_has_nothing_to_adopt(node: FakeRuntime) -> None:
    documents.adopt()
    assert ledger.config_version() == ""


def test_a_change_of_very_many_objects_is_one_row_of_the_trail(founded: FakeRuntime) -> None:
    AuditRow.objects.all().delete()
    documents.install(config(tags=[{"path": f"[default]T{n}", "datatype": "Int32"} for n in range(300)]))
    assert AuditRow.objects.get().new == "301 objects"


def test_the_runtime_is_told_once_and_only_of_what_is_through(
    node: FakeRuntime, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as hooks, pytest.raises(Invalid):
        documents.install(config(nodes=[]))
    assert not hooks
    with django_capture_on_commit_callbacks() as hooks:
        documents.install(config())
    assert len(hooks) == 1


def rename(path: str, to: str) -> None:
    Tag.objects.filter(path=path).update(path=to)


def make_anew(path: str) -> None:
    fields = Tag.objects.filter(path=path).values().get()
    Tag.objects.filter(path=path).delete()
    Tag.objects.create(**{name: value for name, value in fields.items() if name != "id"})


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda: rename(TAG_1, "[default]New"), {f"tag/{TAG_1}", "tag/[default]New"}),
        (lambda: make_anew(TAG_1), set()),
        (lambda: Tag.objects.update(unit=""), set()),
        (lambda: Tag.objects.all().delete(), {f"tag/{TAG_1}"}),
        (lambda: (make_anew(TAG_1), Tag.objects.all().delete()), {f"tag/{TAG_1}"}),
        (lambda: Tag.objects.bulk_create([Tag(path="[default]B"), Tag(path="[default]A")]), TWO),
        (lambda: Dashboard.objects.update(title="Other"), {"dashboard/primary"}),
    ],
)
def test_whatever_way_rows_were_edited_just_what_changed_is_recorded(
    founded: FakeRuntime, edit: Any, told: set[str]
) -> None:
    AuditRow.objects.all().delete()
    with documents.change(ALICE):
        edit()
    assert set(AuditRow.objects.values_list("target", flat=True)) == told
    assert recorded.edited() == {}
    assert recorded.everything() == split(parse(ConfigDocument, documents.export()))
    with documents.change(ALICE):
        Tag.objects.all().delete()
    assert recorded.everything() == split(parse(ConfigDocument, documents.export()))


def test_without_the_database_s_own_notes_all_tags_are_compared(founded: FakeRuntime) -> None:
    """As after a migration that makes the table of tags anew, and its triggers are gone."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER touched_by_update")
    with documents.change(ALICE):
        Tag.objects.update(unit="bar")
    assert '"unit":"bar"' in recorded.everything()[f"tag/{TAG_1}"]
    with documents.change(ALICE):
        Tag.objects.update(unit="m")
    assert '"unit":"m"' in recorded.everything()[f"tag/{TAG_1}"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"{TAG_1}/Inside", "can't be a folder"),
        ("[default]Edge Nodes/Group 1", "can't be a folder"),
        ("[default]EDGE nodes/group 1", "can't be a folder"),
        (TAG_1.upper().replace("[DEFAULT]", "[default]"), "only in upper and lower case"),
        ("[MQTT Engine]Mine", "only"),
    ],
)
def test_a_tag_that_fits_not_among_the_others_is_refused_like_in_a_whole_document(
    founded: FakeRuntime, path: str, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason), documents.change(ALICE):
        Tag.objects.create(path=path)
    with pytest.raises(Invalid, match=reason):
        documents.install(config(tags=[*config()["tags"], {"path": path, "datatype": "Int32"}]))
    assert recorded.edited() == {}


_paths = st.text("abcXYZ ÄÖ1", min_size=1, max_size=8).map(str.strip).filter(bool).map("[default]T/{}".format)
_tags = st.lists(
    st.fixed_dictionaries(
        {"path": _paths, "datatype": st.just("Double")},
        optional={
            "initial": st.floats(allow_nan=False, allow_infinity=False),
            "writable": st.booleans(),
            "unit": st.sampled_from(["", "bar", "°C", "<b>"]),
            "low": st.floats(-1e9, 0),
            "high": st.floats(1, 1e9),
        },
    ),
    unique_by=lambda tag: tag["path"].casefold(),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_tags, _tags)
def test_whatever_was_there_before_only_the_last_document_counts(
    node: FakeRuntime, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    documents.install(config(tags=first))
    documents.install(config(tags=second))
    wanted = parse(ConfigDocument, documents.stored_form(config(tags=second)))
    found = rows.read()
    assert found is not None
    assert {tag.path: tag for tag in found.tags} == {tag.path: tag for tag in wanted.tags}
    assert recorded.edited() == {}
    assert recorded.everything() == split(found)
