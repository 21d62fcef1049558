"""A person decides what becomes of edits that were made on both sides of a cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hmi.gateways.models import Server
from hmi.people.models import AuditRow, User
from hmi.replication import choices, conflicts, documents, journal, ledger, recorded
from hmi.replication.descent import Version
from hmi.replication.models import Conflict, Record
from hmi.replication.resources import Changes, spelled
from hmi.replication.store import DjangoStore
from hmi.tags.models import Tag
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.founded import TAG_1, become, browser, record_of

pytestmark = pytest.mark.django_db
TAG_KEY, SERVER_KEY = f"tag/{TAG_1}", "server/Far away"
PAGE, API = "/config/conflicts/", "/api/v1/configuration/conflicts"


@pytest.fixture
def kept(founded: FakeRuntime) -> Conflict:
    """This node had changed a tag and a server, and had deleted a dashboard; the other side won."""
    theirs = recorded.everything()
    mine: dict[str, str] = dict(theirs)
    changed = {TAG_KEY: {"unit": "<b>bar"}, SERVER_KEY: {"host": "other.example", "password": "sealed:x"}}
    for key, fields in changed.items():
        mine[key] = spelled(key, json.loads(mine[key]) | fields)
    del mine["dashboard/primary"], mine["dashboards"]
    conflicts.keep(mine, theirs, Version(99, 3, "f" * 64), "the-other-node")
    return Conflict.objects.get()


def bearer(name: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {name[::-1]}"}


def ask(user: str, **body: Any) -> Any:
    return Client().post(API, json.dumps(body), content_type="application/json", **bearer(user))


def test_what_was_kept_is_named_for_its_node_and_version_and_is_a_record_for_both(kept: Conflict) -> None:
    assert kept.name == f"primary-master {ledger.config_version()}"
    (row,) = Record.objects.filter(provider=ledger.CONFIG_CONFLICT)
    Conflict.objects.all().delete()
    DjangoStore().apply("peer", 1, [record_of(row.provider, row.key, bytes(row.body), epoch=100)])
    there = Conflict.objects.get()
    assert (there.name, there.items, there.own_only) == (kept.name, kept.items, False)


def test_the_difference_shows_both_sides_and_no_secret(kept: Conflict) -> None:
    found = {each.target: each for each in choices.compared(kept)}
    assert set(found) == {TAG_KEY, SERVER_KEY, "dashboard/primary", "dashboards"}
    assert (found[TAG_KEY].old, found[TAG_KEY].new) == ('{"unit": ""}', '{"unit": "<b>bar"}')
    assert json.loads(found[SERVER_KEY].new)["host"] == "other.example"
    assert "sealed" not in found[SERVER_KEY].new
    assert (found["dashboard/primary"].action, found["dashboard/primary"].new) == ("delete", "")


def test_every_page_tells_and_leads_to_the_choice(kept: Conflict, users: dict[str, User]) -> None:
    for page in ("/", "/status/redundancy/"):
        assert PAGE in browser(users["victor"]).get(page).content.decode()
    page = browser(users["alice"]).get(PAGE).content.decode()
    assert kept.name in page
    assert "&lt;b&gt;bar" in page
    assert "<b>bar" not in page


def test_monitoring_sees_what_waits_for_a_choice(kept: Conflict) -> None:
    assert "\ntandem_config_conflicts 1\n" in Client().get("/metrics").content.decode()
    Conflict.objects.filter(pk=kept.name).update(settled_at=kept.at)
    assert "\ntandem_config_conflicts 0\n" in Client().get("/metrics").content.decode()


@pytest.mark.parametrize("who", ["victor", "bob"])
def test_who_may_not_configure_may_neither_look_nor_choose(
    kept: Conflict, users: dict[str, User], who: str
) -> None:
    assert browser(users[who]).get(PAGE).status_code == 403
    posted = {"name": kept.name, "choice": "all", "reason": "because"}
    assert browser(users[who]).post(f"{PAGE}choose/", posted).status_code == 403
    assert ask(who, name=kept.name, take=None, reason="because").status_code == 403
    assert Client().get(API, **bearer(who)).status_code == 403
    assert conflicts.open_ones().exists()


def test_the_ticked_ones_come_into_force_and_the_rest_stays(kept: Conflict, users: dict[str, User]) -> None:
    before = ledger.config_version()
    posted = {"name": kept.name, "choice": "ticked", "take": [TAG_KEY], "reason": "it was measured"}
    page = browser(users["alice"]).post(f"{PAGE}choose/", posted, follow=True).content.decode()
    assert "Taken: 1" in page
    assert Tag.objects.get().unit == "<b>bar"
    assert Server.objects.get(name="Far away").host == "broker.example"
    assert documents.export()["dashboards"]
    assert ledger.config_version() > before
    assert not conflicts.open_ones().exists()
    row = AuditRow.objects.get(action="config.conflict")
    assert (row.who, row.target, row.new, row.reason) == (
        "alice",
        kept.name,
        "1 of 4 taken",
        "it was measured",
    )
    assert AuditRow.objects.filter(action="config.change", target=TAG_KEY, who="alice").exists()


def test_keeping_what_is_in_force_changes_nothing_and_is_on_record(
    kept: Conflict, users: dict[str, User]
) -> None:
    before = documents.export(), ledger.config_version()
    posted = {"name": kept.name, "choice": "none", "reason": "the other side was right"}
    browser(users["alice"]).post(f"{PAGE}choose/", posted)
    assert (documents.export(), ledger.config_version()) == before
    settled = Conflict.objects.get()
    assert (settled.settled_by, settled.taken) == ("alice", 0)
    assert settled.items == kept.items
    assert PAGE not in browser(users["victor"]).get("/").content.decode()
    assert "alice" in browser(users["alice"]).get(PAGE).content.decode()


def test_a_choice_reaches_the_other_node(kept: Conflict, users: dict[str, User]) -> None:
    held = ledger.current(ledger.CONFIG_CONFLICT, kept.name)
    choices.choose(kept.name, [], documents.Actor("alice"), "why not")
    decided = ledger.current(ledger.CONFIG_CONFLICT, kept.name)
    assert held is not None
    assert decided is not None
    assert decided.stamp > held.stamp
    Conflict.objects.update(settled_at=None)
    DjangoStore().apply("peer", 1, [record_of(decided.provider, decided.key, decided.body, epoch=100)])
    assert not conflicts.open_ones().exists()


def test_all_of_it_by_a_program(kept: Conflict, users: dict[str, User]) -> None:
    Conflict.objects.update(items={**(kept.items or {}), SERVER_KEY: recorded.everything()[SERVER_KEY]})
    (shown,) = Client().get(API, **bearer("alice")).json()
    assert shown["name"] == kept.name
    assert {each["target"] for each in shown["items"]} == {TAG_KEY, "dashboard/primary", "dashboards"}
    answer = ask("alice", name=kept.name, take=None, reason="all of it")
    assert (answer.status_code, answer.json()) == (200, {"taken": 4})
    assert documents.export()["dashboards"] == []
    assert Client().get(API, **bearer("alice")).json() == []
    assert recorded.edited() == {}


@pytest.mark.parametrize(
    ("take", "status"),
    [([SERVER_KEY], 409), (["tag/[default]Nobody's"], 409), (["dashboard/primary"], 200)],
)
def test_what_does_not_fit_is_refused_and_the_conflict_waits(
    kept: Conflict, users: dict[str, User], take: list[str], status: int
) -> None:
    """The server's password here is sealed with no key of this pair."""
    before = documents.export()
    answer = ask("alice", name=kept.name, take=take, reason="try")
    assert answer.status_code == status
    if status != 200:
        assert documents.export() == before
        assert conflicts.open_ones().exists()


def test_there_is_no_choosing_twice_nor_without_a_reason(kept: Conflict, users: dict[str, User]) -> None:
    assert ask("alice", name=kept.name, take=[], reason="").status_code == 422
    assert ask("alice", name=kept.name, take=[], reason="ok").status_code == 200
    assert ask("alice", name=kept.name, take=[], reason="again").status_code == 404
    posted = {"name": kept.name, "choice": "none", "reason": ""}
    assert browser(users["alice"]).post(f"{PAGE}choose/", posted).status_code == 422


def test_a_standby_shows_conflicts_and_decides_none(
    kept: Conflict, users: dict[str, User], founded: FakeRuntime
) -> None:
    become(founded, "Standby", peer="Active")
    assert kept.name in browser(users["alice"]).get(PAGE).content.decode()
    assert ask("alice", name=kept.name, take=[], reason="here").status_code == 409
    assert conflicts.open_ones().exists()


def test_too_much_to_travel_stays_where_it_is_and_is_told_on_the_other_node(
    founded: FakeRuntime, users: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflicts, "MAX_BODY", 10)
    theirs = recorded.everything()
    mine: Changes = {key: body for key, body in theirs.items() if key != TAG_KEY}
    conflicts.keep({k: b for k, b in mine.items() if b}, theirs, Version(99, 3, "f" * 64), "peer")
    assert Conflict.objects.get().items == {TAG_KEY: None}
    (row,) = Record.objects.filter(provider=ledger.CONFIG_CONFLICT)
    Conflict.objects.all().delete()
    DjangoStore().apply("peer", 1, [record_of(row.provider, row.key, bytes(row.body), epoch=100)])
    assert Conflict.objects.get().items is None
    assert "too many to travel" in browser(users["alice"]).get(PAGE).content.decode()
    assert ask("alice", name=row.key, take=None, reason="blind").status_code == 409
    assert journal.version() is not None


def test_the_openapi_document_has_the_choice(founded: FakeRuntime) -> None:
    assert set(Client().get("/api/openapi.json").json()["paths"][API]) == {"get", "post"}
