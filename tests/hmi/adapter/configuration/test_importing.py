"""`manage.py adapter import`: what people wrote down is taken, where the API takes JSON alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hmi.adapter.configuration import loose, session
from hmi.people.models import AuditRow
from tests.hmi.adapter.api.contract import AS_PRINTED, FULL
from tests.hmi.founded import become

pytestmark = pytest.mark.django_db

ONE_AFTER_THE_OTHER = """{
    "hostNameOrIpAddress" : "125.1.1.1" ,
    "port" : "1883" ,
    "serverId" : "server1" ,
}
{
    "hostNameOrIpAddress" : "125.2.2.2" ,
    "serverId" : "server2" ,
}
"""


def run(file: Path, text: str, *options: str) -> str:
    out = io.StringIO()
    file.write_text(text, encoding="utf-8")
    call_command("adapter", "import", str(file), *options, stdout=out)
    return out.getvalue()


def hosts() -> list[str]:
    servers = session.in_force().component("MQTT1").redundantServers
    return [each["hostNameOrIpAddress"] for each in servers]


def test_every_way_of_writing_two_servers_down_is_taken(founded: Any, tmp_path: Path) -> None:
    lines = '{"hostNameOrIpAddress": "a"}\n{"hostNameOrIpAddress": "b",}\n'
    for text, wanted in (
        (AS_PRINTED, ["125.1.1.1", "125.2.2.2"]),
        (ONE_AFTER_THE_OTHER, ["125.1.1.1", "125.2.2.2"]),
        (FULL, ["125.1.1.1", "125.2.2.2"]),
        (lines, ["a", "b"]),
        ("[]", []),
    ):
        assert "RedundantServers replaced" in run(tmp_path / "servers.json", text)
        assert hosts() == wanted
    assert AuditRow.objects.filter(who="manage.py adapter import", target="component/MQTT1").count() == 5


def test_other_facets_and_components_are_named(founded: Any, tmp_path: Path) -> None:
    file = tmp_path / "facet.json"
    run(file, '{"hostNameOrIpAddress": "broker",}', "--component", "mqtt1", "--facet", "datasource")
    assert session.in_force().component("MQTT1").dataSource["hostNameOrIpAddress"] == "broker"  # type: ignore[index]
    for options, why in (
        (("--component", "Elsewhere"), "Component with ID: 'Elsewhere' was not found."),
        (("--facet", "Colour"), "Facet with name: 'Colour' was not found."),
        (("--facet", "dataSource"), "DataSource is one object"),
    ):
        with pytest.raises(CommandError, match=why):
            run(file, AS_PRINTED, *options)


def test_what_is_wrong_changes_nothing(founded: Any, tmp_path: Path) -> None:
    file = tmp_path / "servers.json"
    run(file, FULL)
    for text in ('{"hostNameOrIpAddress": "a"', '"text"', "[1]", '{"port": NaN}', '{"colour": 1}', "{}, {"):
        with pytest.raises(CommandError):
            run(file, text)
    with pytest.raises(CommandError, match="can't be read"):
        call_command("adapter", "import", str(tmp_path / "missing"))
    assert hosts() == ["125.1.1.1", "125.2.2.2"]


def test_a_running_standby_refuses_and_a_stopped_node_takes_it(
    founded: Any, tmp_path: Path, settings: Any
) -> None:
    become(founded, "Standby", peer="Active")
    with pytest.raises(CommandError, match="primary-backup"):
        run(tmp_path / "servers.json", FULL)
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    assert "replaced by 2" in run(tmp_path / "servers.json", FULL)
    assert hosts() == ["125.1.1.1", "125.2.2.2"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": ",}"}', [{"a": ",}"}]),
        ('{"a": "\\",]"},,', [{"a": '",]'}]),
        ('\ufeff[{"a": [1, 2,],},]', [{"a": [1, 2]}]),
        ("", []),
    ],
)
def test_commas_in_texts_stay(text: str, wanted: list[dict[str, Any]]) -> None:
    assert loose.entries(text) == wanted
