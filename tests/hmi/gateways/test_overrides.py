"""What applies on the Backup only: both nodes hold it, one uses it."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.gateways.frozen import gateway_config
from hmi.gateways.models import Server as Row
from hmi.gateways.models import ServerSet
from hmi.people.models import AuditRow, User
from hmi.replication import documents, recorded
from hmi.replication.schema import Invalid
from redundancy.config import Server, Tls
from tests.hmi.founded import browser, config

pytestmark = pytest.mark.django_db


def with_backup(**fields: Any) -> dict[str, Any]:
    sets = config()["server_sets"]
    sets[1]["servers"][0] |= {"tls": True, "ca_file": "/etc/ca.pem", "backup": fields}
    return config(server_sets=sets)


def far_away(node: str) -> Server:
    found = gateway_config(node)
    assert found is not None
    assert found.transmission is not None
    return found.transmission.servers[0]


def test_the_backup_reads_its_own_address_and_files_and_the_master_does_not(founded: Any) -> None:
    documents.install(with_backup(host="10.0.0.8", port=8884, ca_file="/srv/ca.pem"))
    master, backup = far_away("primary-master"), far_away("primary-backup")
    assert (master.host, master.port, master.tls) == ("broker.example", 1883, Tls("/etc/ca.pem"))
    assert (backup.host, backup.port, backup.tls) == ("10.0.0.8", 8884, Tls("/srv/ca.pem"))
    assert master.name == backup.name


def test_the_backup_may_use_its_own_broker_where_the_master_goes_elsewhere(founded: Any) -> None:
    documents.install(with_backup(target="own", tls=False, ca_file=""))
    assert far_away("primary-backup").port == 19884
    assert far_away("primary-master").host == "broker.example"


def test_it_is_a_part_of_the_document_and_of_what_is_recorded(founded: Any) -> None:
    documents.install(with_backup(host="10.0.0.8"))
    assert documents.export()["server_sets"][1]["servers"][0]["backup"] == {"host": "10.0.0.8"}
    assert '"backup":{"host":"10.0.0.8"}' in recorded.everything()["server/Far away"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "Other"}, "is none of"),
        ({"password": "plain"}, "is none of"),
        ({"port": "1883"}, "port"),
        ({"transport": "pigeon"}, "transport"),
        ({"backup": None}, "is none of"),
        ({"host": ""}, "no host"),
        ({"tls": False}, "TLS is off"),
        ({"port": 99_999}, "port"),
    ],
)
def test_what_the_backup_could_not_use_is_refused_on_either_node(
    founded: Any, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        documents.install(with_backup(**fields))


def test_an_engineer_enters_it_in_the_admin_site(founded: Any, users: dict[str, User]) -> None:
    group, server = ServerSet.objects.get(name="Far"), Row.objects.get(name="Far away")
    prefix = "servers-0-"
    form = {
        "name": "Far",
        "description": "",
        "servers-TOTAL_FORMS": "1",
        "servers-INITIAL_FORMS": "1",
        f"{prefix}id": str(server.pk),
        f"{prefix}server_set": str(group.pk),
        **{f"{prefix}{name}": str(getattr(server, name)) for name in ("order", "name", "target", "host")},
        **{f"{prefix}{name}": str(getattr(server, name)) for name in ("port", "username", "keep_alive")},
        f"{prefix}connect_timeout": "1.0",
        f"{prefix}backup": '{"host": "10.0.0.8"}',
    }
    client, url = browser(users["alice"]), f"/admin/gateways/serverset/{group.pk}/change/"
    assert client.post(url, form).status_code == 302
    assert far_away("primary-backup").host == "10.0.0.8"
    assert "10.0.0.8" in AuditRow.objects.get(target="server/Far away").new
    assert "is none of" in client.post(url, form | {f"{prefix}backup": '{"x": 1}'}).content.decode()
    assert client.post(url, form | {f"{prefix}backup": ""}).status_code == 302
    assert far_away("primary-backup").host == "broker.example"
