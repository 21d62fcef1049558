"""The admin page of tags."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hmi.people.models import AuditRow, User
from hmi.replication import ledger
from hmi.tags.models import Tag
from tests.hmi.founded import TAG_1, browser

pytestmark = pytest.mark.django_db
NEW = {"path": "[default]Hall/Pressure", "kind": "memory", "datatype": "Double", "period_ms": "100"}


@pytest.fixture
def alice(founded: Any, users: dict[str, User]) -> Client:
    return browser(users["alice"])


def test_a_tag_is_added_and_replicated(alice: Client) -> None:
    version = ledger.config_version()
    added = alice.post("/admin/tags/tag/add/", NEW | {"initial": "1.5", "writable": "on", "unit": "bar"})
    assert added.status_code == 302
    tag = Tag.objects.get(path=NEW["path"])
    assert (tag.initial, tag.writable, tag.stored, tag.unit) == (1.5, True, False, "bar")
    assert ledger.config_version() != version
    assert AuditRow.objects.get(action="config.create").target == f"tag/{NEW['path']}"


@pytest.mark.parametrize(
    ("datatype", "initial", "held"),
    [
        ("Int16Array", "[1, -2]", [1, -2]),
        ("Bytes", '"AP8="', "AP8="),
        (
            "DataSet",
            '{"columns":["a"],"types":["Int8"],"rows":[[1]]}',
            {"columns": ["a"], "types": ["Int8"], "rows": [[1]]},
        ),
    ],
)
def test_a_tag_may_hold_a_list_a_table_or_bytes(
    alice: Client, datatype: str, initial: str, held: Any
) -> None:
    added = alice.post("/admin/tags/tag/add/", NEW | {"datatype": datatype, "initial": initial})
    assert added.status_code == 302
    assert Tag.objects.get(path=NEW["path"]).initial == held


@pytest.mark.parametrize(
    ("entry", "datatype", "held"),
    [("[1, 2]", "Int8Array", [1, 2]), ("2.5", "Double", 2.5), ("", "Int8Array", None)],
)
def test_the_page_s_own_form_takes_a_list_and_shows_it_again(
    alice: Client, entry: str, datatype: str, held: Any
) -> None:
    saved = alice.post("/tags/new/", NEW | {"datatype": datatype, "initial_value": entry})
    assert saved.status_code == 302
    tag = Tag.objects.get(path=NEW["path"])
    assert tag.initial == held
    assert f'value="{entry}"' in alice.get(f"/tags/{tag.pk}/").content.decode() or not entry
    wrong = alice.post(f"/tags/{tag.pk}/", NEW | {"datatype": "Int8Array", "initial_value": "[1, 300]"})
    assert wrong.status_code == 422
    assert "element 1: 300 is out of range for Int8" in wrong.content.decode()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"path": "Hall/Pressure"}, "path"),
        ({"path": "[MQTT Engine]Hall"}, "path"),
        ({"path": TAG_1.swapcase().replace("[DEFAULT]", "[default]")}, "path"),
        ({"path": f"{TAG_1}/Below"}, "path"),
        ({"datatype": "Int8", "initial": "300"}, "initial"),
        ({"initial": '"text"'}, "initial"),
        ({"initial": "{not json"}, "initial"),
        ({"datatype": "Template"}, "datatype"),
        ({"low": "2", "high": "1"}, "high"),
        ({"kind": "counter", "datatype": "Int64", "writable": "on"}, "writable"),
    ],
)
def test_a_wrong_tag_is_refused_at_its_field(alice: Client, fields: dict[str, str], field: str) -> None:
    answer = alice.post("/admin/tags/tag/add/", NEW | fields)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert Tag.objects.count() == 1


def test_several_tags_are_deleted_as_one_edit(alice: Client) -> None:
    alice.post("/admin/tags/tag/add/", NEW)
    before = AuditRow.objects.count()
    chosen = {
        "action": "delete_selected",
        "post": "yes",
        "_selected_action": [t.pk for t in Tag.objects.all()],
    }
    alice.post("/admin/tags/tag/", chosen)
    assert not Tag.objects.exists()
    assert AuditRow.objects.count() == before + 2


@pytest.mark.parametrize("name", ["bob", "victor"])
def test_who_may_not_configure_adds_nothing(founded: Any, users: dict[str, User], name: str) -> None:
    browser(users[name]).post("/admin/tags/tag/add/", NEW)
    assert Tag.objects.count() == 1
