"""After an edit the worker reads what changed, and holds the same as if it had read everything."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.conf import settings

from hmi.people.audit import Actor
from hmi.replication import documents
from hmi.tags.models import Tag
from hmi.worker import configuration
from tests.hmi.founded import TAG_1, cheap, config, founded, node, redis_url

__all__ = ["cheap", "founded", "node", "redis_url"]
pytestmark = pytest.mark.django_db
TAGS = [{"path": f"[default]T{n}", "datatype": "Int32"} for n in range(5)]


@pytest.mark.parametrize(
    "edit",
    [
        lambda: Tag.objects.filter(path="[default]T1").update(unit="bar"),
        lambda: Tag.objects.filter(path="[default]T1").update(path="[default]Renamed"),
        lambda: Tag.objects.filter(path__endswith="2").delete(),
        lambda: Tag.objects.create(path="[default]New"),
    ],
)
def test_what_was_read_again_is_what_would_be_read_anew(founded: Any, edit: Any) -> None:
    documents.install(config(tags=TAGS))
    before = configuration.read(settings.NODE)
    with documents.change(Actor("alice")):
        edit()
    with mock.patch.object(Tag.objects, "all", side_effect=AssertionError("all tags were read")):
        after = configuration.read(settings.NODE, before)
    anew = configuration.read(settings.NODE)
    assert after.tags.tags == anew.tags.tags
    assert after.version == anew.version != before.version
    kept = before.tags.tags
    assert sum(kept.get(path) is tag for path, tag in after.tags.tags.items()) >= 3


def test_an_edit_in_the_middle_of_reading_is_in_what_was_read(founded: Any) -> None:
    plain = configuration.gateway_config

    def edited_meanwhile(name: str) -> Any:
        if not Tag.objects.filter(unit="bar").exists():
            with documents.change(Actor("alice")):
                Tag.objects.filter(path=TAG_1).update(unit="bar")
        return plain(name)

    with mock.patch.object(configuration, "gateway_config", edited_meanwhile):
        found = configuration.read(settings.NODE)
    assert found.version == configuration.version()
    assert found.tags.tags[TAG_1].unit == "bar"
