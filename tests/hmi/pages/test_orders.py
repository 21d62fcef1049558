"""Failover, re-sync, tags and accounts: each order by the book, and each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.desk import DeskError
from hmi.people.models import AuditRow, User
from hmi.tags.models import Tag
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.live_node import OTHER, signed_in

pytestmark = pytest.mark.django_db

TAG = {
    "path": "[default]Pump/Speed",
    "kind": "memory",
    "datatype": "Int32",
    "initial_value": "5",
    "period_ms": "100",
    "low": "0",
    "high": "100",
    "writable": "on",
    "unit": "rpm",
    "description": "",
}


def test_a_failover_is_asked_with_its_reason_and_kept_on_record(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    response = signed_in(people["engineer"]).post(
        "/status/redundancy/failover/", {"reason": "patch day"}, follow=True
    )
    assert "Failover asked for" in response.content.decode()
    assert node.asked == [("failover", {"reason": "patch day", "by": "egon"})]
    row = AuditRow.objects.get()
    assert (row.who, row.action, row.reason, row.new, row.outcome) == (
        "egon",
        "failover",
        "patch day",
        "changeover-1",
        "done",
    )


def test_a_resync_is_asked_and_kept_on_record_with_its_reason(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    signed_in(people["engineer"]).post("/status/redundancy/resync/", {"reason": "doubts"})
    assert node.asked == [("resync", {"by": "egon"})]
    assert AuditRow.objects.get().reason == "doubts"


@pytest.mark.parametrize("order", ["failover", "resync"])
def test_an_order_without_a_reason_is_not_given(
    node: FakeRuntime, people: dict[str, User], order: str
) -> None:
    assert (
        signed_in(people["engineer"]).post(f"/status/redundancy/{order}/", {"reason": " "}).status_code == 422
    )
    assert not node.asked


def test_a_refused_failover_says_why_and_is_on_record(node: FakeRuntime, people: dict[str, User]) -> None:
    node.refusal = DeskError(409, "failover refused", "The peer is down.", "Start it first.")
    response = signed_in(people["engineer"]).post("/status/redundancy/failover/", {"reason": "x"})
    assert response.status_code == 409
    assert "The peer is down." in response.content.decode()
    assert AuditRow.objects.get().outcome == "refused"


def test_a_failover_may_be_asked_on_the_standby(node: FakeRuntime, people: dict[str, User]) -> None:
    node.become("Standby", 12, "Active")
    assert (
        signed_in(people["engineer"]).post("/status/redundancy/failover/", {"reason": "x"}).status_code == 302
    )
    assert node.asked


def test_a_tag_is_made_changed_and_removed(node: FakeRuntime, boards: None, people: dict[str, User]) -> None:
    client = signed_in(people["engineer"])
    made = client.post("/tags/new/", TAG)
    assert made.status_code == 302, made.content.decode()
    tag = Tag.objects.get()
    assert (tag.path, tag.initial, tag.writable, tag.stored, tag.high) == (
        "[default]Pump/Speed",
        5,
        True,
        False,
        100.0,
    )
    assert client.post(f"/tags/{tag.pk}/", TAG | {"high": "200"}).status_code == 302
    assert Tag.objects.get().high == 200.0
    assert client.post(f"/tags/{tag.pk}/remove/").status_code == 302
    assert not Tag.objects.exists()
    assert AuditRow.objects.filter(who="egon", action__startswith="config.").count() >= 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"path": "Pump/Speed"}, "does not begin with a [Provider]"),
        ({"path": "[MQTT Engine]Pump"}, "under [default] only"),
        ({"path": ""}, "required"),
        ({"initial_value": "five"}, "not a whole number"),
        ({"low": "100", "high": "0"}, "not above the low limit"),
        ({"datatype": "Int8", "initial_value": "300"}, "300"),
        ({"datatype": "Nonsense"}, "valid choice"),
        ({"kind": "counter"}, "counter"),
    ],
)
def test_a_wrong_tag_is_refused_at_its_field(
    node: FakeRuntime, boards: None, people: dict[str, User], wrong: dict[str, Any], words: str
) -> None:
    response = signed_in(people["engineer"]).post("/tags/new/", TAG | wrong)
    assert response.status_code == 422
    text = response.content.decode()
    assert words in text
    assert 'class="problem"' in text or "message error" in text
    assert not Tag.objects.exists()


def test_on_a_standby_nothing_is_configured(node: FakeRuntime, boards: None, people: dict[str, User]) -> None:
    node.become("Standby", 13, "Active")
    for path, body in (("/tags/new/", TAG), ("/users/new/", {"username": "x"})):
        response = signed_in(people["administrator"]).post(path, body)
        assert response.status_code == 409
        assert OTHER in response.content.decode()
    assert not Tag.objects.exists()


def test_an_account_is_made_and_changed(node: FakeRuntime, people: dict[str, User]) -> None:
    client = signed_in(people["administrator"])
    fields = {"username": "nina", "full_name": "Nina", "role": "operator", "is_active": "on"}
    response = client.post("/users/new/", fields | {"new_password": "a rather long one"})
    assert response.status_code == 302, response.content.decode()
    nina = User.objects.get(username="nina")
    assert nina.check_password("a rather long one")
    assert client.post(f"/users/{nina.pk}/", fields | {"role": "viewer"}).status_code == 302
    assert User.objects.get(username="nina").role == "viewer"
    assert not AuditRow.objects.filter(new__contains="a rather long one").exists()


def test_the_last_administrator_can_t_step_down(node: FakeRuntime, people: dict[str, User]) -> None:
    anna = people["administrator"]
    fields = {"username": "anna", "full_name": "", "role": "viewer", "is_active": "on"}
    response = signed_in(anna).post(f"/users/{anna.pk}/", fields)
    assert response.status_code == 422
    assert "nobody would be left" in response.content.decode()
    assert User.objects.get(pk=anna.pk).role == "administrator"


@pytest.mark.parametrize(
    "query", ["who=egon", "action=fail", "target=redun", "since=2020-01-01", "until=2099-01-01"]
)
def test_the_audit_trail_is_narrowed_down(node: FakeRuntime, people: dict[str, User], query: str) -> None:
    client = signed_in(people["engineer"])
    client.post("/status/redundancy/failover/", {"reason": "findable"})
    assert "findable" in client.get(f"/audit/?{query}").content.decode()


@pytest.mark.parametrize("query", ["who=nobody", "since=2099-01-01", "until=2020-01-01"])
def test_what_does_not_fit_is_left_out(node: FakeRuntime, people: dict[str, User], query: str) -> None:
    client = signed_in(people["engineer"])
    client.post("/status/redundancy/failover/", {"reason": "findable"})
    assert "findable" not in client.get(f"/audit/?{query}").content.decode()


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=99", "since=2026-13-45", "since=;drop", "who=%00", "page=1&page=2"]
)
def test_odd_questions_to_the_audit_trail_do_no_harm(
    node: FakeRuntime, people: dict[str, User], query: str
) -> None:
    assert signed_in(people["engineer"]).get(f"/audit/?{query}").status_code == 200
