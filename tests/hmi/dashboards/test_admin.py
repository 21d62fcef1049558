"""The admin page of dashboards and their widgets."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hmi.dashboards.models import Dashboard, Widget
from hmi.people.models import User
from hmi.replication import documents
from tests.hmi.founded import TAG_1, browser

pytestmark = pytest.mark.django_db
BOARD = {"title": "Hall", "slug": "hall", "order": "1"}
NONE = {"widgets-TOTAL_FORMS": "0", "widgets-INITIAL_FORMS": "0"}


def widget(**fields: str) -> dict[str, str]:
    base = {"order": "0", "kind": "value", "label": "Tag 1", "path": TAG_1, "states": "[]"} | fields
    return {f"widgets-0-{name}": value for name, value in base.items()} | NONE | {"widgets-TOTAL_FORMS": "1"}


@pytest.fixture
def alice(founded: Any, users: dict[str, User]) -> Client:
    return browser(users["alice"])


def test_a_dashboard_is_made_with_its_widgets(alice: Client) -> None:
    states = '[{"value": true, "label": "Connected"}]'
    made = widget(kind="indicator", states=states, path="[MQTT Engine]A/Online")
    assert alice.post("/admin/dashboards/dashboard/add/", BOARD | made).status_code == 302
    board = next(b for b in documents.export()["dashboards"] if b["slug"] == "hall")
    assert board["widgets"][0]["states"] == [{"value": True, "label": "Connected", "style": "normal"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "script"},
        {"path": ""},
        {"path": "[Other]A"},
        {"kind": "indicator"},
        {"kind": "indicator", "states": '[{"value": 1, "label": "x", "style": "red; background: url(x)"}]'},
        {"kind": "indicator", "states": '{"value": 1}'},
        {"kind": "indicator", "states": "nonsense"},
        {"low": "2", "high": "1"},
    ],
)
def test_a_widget_that_makes_no_sense_spoils_the_edit(alice: Client, fields: dict[str, str]) -> None:
    answer = alice.post("/admin/dashboards/dashboard/add/", BOARD | widget(**fields))
    assert answer.status_code == 200
    assert not Dashboard.objects.filter(slug="hall").exists()
    assert Widget.objects.count() == 1


def test_two_dashboards_do_not_share_an_address(alice: Client) -> None:
    answer = alice.post("/admin/dashboards/dashboard/add/", BOARD | NONE | {"slug": "PRIMARY"})
    assert "is there twice" in answer.content.decode()
    assert Dashboard.objects.count() == 1
