"""The audit trail: complete, the same on both nodes, and nobody's to change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.utils import timezone

from hmi.people import audit
from hmi.people.models import AuditRow, User
from hmi.replication import ledger
from tests.hmi.founded import browser

pytestmark = pytest.mark.django_db


def test_a_row_says_who_what_when_where_old_new_and_outcome(node: Any, users: dict[str, User]) -> None:
    before = timezone.now()
    row = audit.record(
        users["bob"],
        "write",
        "[default]A",
        old=10,
        new=20.5,
        outcome="confirmed",
        reason="test",
        address="10.0.0.7",
    )
    row.refresh_from_db()
    assert (row.who, row.role, row.address, row.node) == ("bob", "operator", "10.0.0.7", "primary-master")
    assert (row.action, row.target, row.old, row.new) == ("write", "[default]A", "10", "20.5")
    assert (row.outcome, row.reason) == ("confirmed", "test")
    assert before <= row.at <= timezone.now()


def test_every_row_is_a_record_for_the_other_node(node: Any) -> None:
    row = audit.record("alice", "failover", "redundancy")
    assert ledger.current("audit", str(row.pk)) is not None


@pytest.mark.parametrize(
    "value", [None, "", {"a": 1}, [1], True, 2**70, float("nan"), "x" * 100_000, "\x00\ud7ff"]
)
def test_any_value_can_be_put_down(node: Any, value: Any) -> None:
    row = audit.record("bob", "write", "t" * 5000, old=value, new=value, outcome="o" * 900)
    row.refresh_from_db()
    assert len(row.new) <= 8000
    assert len(row.target) == 1000


def test_rows_are_found_by_who_what_where_and_when(node: Any) -> None:
    audit.record("alice", "config.change", "tag/[default]A")
    audit.record("bob", "write", "[default]A")
    late = timezone.now() + timedelta(minutes=1)
    assert [row.who for row in audit.search()] == ["bob", "alice"]
    assert [row.who for row in audit.search(who="alice")] == ["alice"]
    assert [row.who for row in audit.search(action="config")] == ["alice"]
    assert [row.who for row in audit.search(target="default]a", action="write")] == ["bob"]
    assert list(audit.search(since=late)) == []
    assert len(audit.search(until=late)) == 2


def test_a_question_with_sql_in_it_finds_nothing_and_harms_nothing(node: Any) -> None:
    audit.record("alice", "write", "a")
    assert not audit.search(who="' OR 1=1 --").exists()
    assert AuditRow.objects.count() == 1


def test_the_admin_site_has_no_page_for_the_trail(node: Any, users: dict[str, User]) -> None:
    assert not admin.site.is_registered(AuditRow)
    assert browser(users["ada"]).get("/admin/people/auditrow/").status_code == 404


def test_a_forwarded_address_that_anybody_can_write_is_not_believed(users: dict[str, User]) -> None:
    given = {"username": "bob", "password": "wrong"}
    browser(None).post("/login/", given, headers={"X-Forwarded-For": "1.2.3.4"}, REMOTE_ADDR="10.0.0.9")
    assert AuditRow.objects.get(action="sign-in").address == "10.0.0.9"
