"""The page of the pair, the report of a changeover, and the orders that only some may give."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hmi.people.models import AuditRow, User
from hmi.replication import ledger
from hmi.replication.store import DjangoStore
from redundancy.replication.reconciler import Standing
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.live_node import signed_in
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db

REPORT = {
    "id": "c-1",
    "cause": "primary-backup fell silent",
    "from": "primary-backup",
    "to": "primary-master",
    "epoch": 12,
    "started": 1_700_000_000_000,
    "active_after_ms": 1900,
    "mqtt_after_ms": 2000,
    "edges_online_after_ms": 3000,
    "replayed": 25,
    "lost": None,
    "duplicates": 0,
    "repeated": 4,
    "finished": True,
    "steps": [["last heartbeat of primary-backup", 0], ["Group 1/Edge 1 is online", 3000]],
    "edges": {"Group 1/Edge 1": {"online_after_ms": 3000, "gap_ms": 3120, "replayed": 25}},
    "awaited": [],
    "commands": [{"metric": "Group 1/Edge 1/Device 1/Tag 1", "value": 42, "outcome": "unknown"}],
}


def reported(**changes: Any) -> None:
    body = json.dumps(REPORT | changes).encode()
    DjangoStore().append(ledger.CHANGEOVER, "c-1", body, 12)


class TestForce:
    def test_only_administrators_may(self, node: FakeRuntime, people: dict[str, User]) -> None:
        asked = {"reason": "it burns", "confirm": "primary-master"}
        for role, status in (("engineer", 403), ("operator", 403), ("administrator", 302)):
            assert signed_in(people[role]).post("/status/redundancy/force/", asked).status_code == status, (
                role
            )
        assert [order for order, _ in node.asked] == ["failover"]
        assert node.asked[0][1]["even_if_silent"] is True

    @pytest.mark.parametrize("typed", ["", "primary-backup", "PRIMARY-MASTER"])
    def test_the_nodes_name_must_be_typed(
        self, node: FakeRuntime, people: dict[str, User], typed: str
    ) -> None:
        asked = {"reason": "it burns", "confirm": typed}
        response = signed_in(people["administrator"]).post("/status/redundancy/force/", asked)
        assert response.status_code == 422
        assert "primary-master" in response.content.decode()
        assert not node.asked

    def test_it_is_offered_where_the_peer_is_silent_and_nowhere_else(
        self, node: FakeRuntime, people: dict[str, User]
    ) -> None:
        client = signed_in(people["administrator"])
        assert 'data-opens="force"' not in client.get("/status/redundancy/").content.decode()
        node.become("Candidate", 12, "Active")
        node.lose_peer()
        wait_for(
            lambda: 'data-opens="force"' in client.get("/status/redundancy/").content.decode(), "offered"
        )
        engineer = signed_in(people["engineer"]).get("/status/redundancy/").content.decode()
        assert 'data-opens="force"' not in engineer
        assert 'id="force"' not in engineer


def test_maintenance_is_begun_and_ended_with_a_reason_and_on_record(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    client = signed_in(people["engineer"])
    client.post("/status/redundancy/maintenance/", {"on": "1", "reason": "a new disk"})
    client.post("/status/redundancy/maintenance/", {"on": "0", "reason": "done"})
    assert node.asked == [
        ("maintenance", {"on": True, "by": "egon", "reason": "a new disk"}),
        ("maintenance", {"on": False, "by": "egon", "reason": "done"}),
    ]
    assert [row.reason for row in AuditRow.objects.order_by("at")] == ["a new disk", "done"]
    assert client.post("/status/redundancy/maintenance/", {"on": "1"}).status_code == 422
    assert (
        signed_in(people["operator"])
        .post("/status/redundancy/maintenance/", {"on": "1", "reason": "x"})
        .status_code
        == 403
    )


def test_the_page_shows_settings_providers_a_timeline_and_what_a_lost_witness_means(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    page = signed_in(people["viewer"]).get("/status/redundancy/").content.decode()
    for text in (
        "Failover Timeout",
        "Redundancy providers",
        "bdseq",
        "the audit trail",
        "The last 15 minutes",
    ):
        assert text in page, text
    assert "the next failure of one of them needs a person" in page
    assert "not compared yet" in page


def test_the_page_says_whether_the_two_histories_are_equal(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    def seen(**standing: Any) -> str:
        node.exchange.standing = Standing(**standing)
        page = signed_in(people["viewer"]).get("/parts/redundancy/").content.decode()
        return " ".join(re.sub("<[^>]*>", " ", page).split())

    now = node.clock.now().wall
    apart = seen(taken=40, here=1200, there=1240, differing=3, compared=now)
    for text in ("Histories differ , 3 minutes to catch up here", "1200 / 1240", "other node 40"):
        assert text in apart, text
    equal = seen(taken=40, here=1240, there=1240, compared=now, equal_since=now - 180_000)
    assert "Histories equal, for 3 min" in equal


def test_a_changeover_has_a_page_and_a_download(node: FakeRuntime, people: dict[str, User]) -> None:
    reported()
    client = signed_in(people["viewer"])
    assert "/status/redundancy/changeovers/c-1/" in client.get("/status/redundancy/").content.decode()
    page = client.get("/status/redundancy/changeovers/c-1/").content.decode()
    for text in ("last heartbeat of primary-backup", "3120", "Group 1/Edge 1/Device 1/Tag 1", "unknown"):
        assert text in page, text
    saved = client.get("/status/redundancy/changeovers/c-1/json")
    assert "attachment" in saved["Content-Disposition"]
    assert json.loads(saved.content)["edges"] == REPORT["edges"]
    assert client.get("/status/redundancy/changeovers/none/").status_code == 404


def test_a_report_of_an_older_release_is_shown_as_far_as_it_goes(
    node: FakeRuntime, people: dict[str, User]
) -> None:
    old = {name: REPORT[name] for name in list(REPORT)[:12]}
    DjangoStore().append(ledger.CHANGEOVER, "c-1", json.dumps(old).encode(), 12)
    page = signed_in(people["viewer"]).get("/status/redundancy/changeovers/c-1/").content.decode()
    assert "older release" in page


def test_names_in_a_report_are_text_and_nothing_else(node: FakeRuntime, people: dict[str, User]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    reported(commands=[{"metric": evil, "value": evil, "outcome": "unknown"}], steps=[[evil, 1]])
    page = signed_in(people["viewer"]).get("/status/redundancy/changeovers/c-1/").content.decode()
    assert evil not in page
