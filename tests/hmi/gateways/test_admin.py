"""The gateway's admin pages: by right, on the active node, whole or not at all, and no secret ever shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hmi.gateways.admin import NodeAdmin
from hmi.gateways.models import BrokerUser, EngineSettings, Node, Server, ServerSet
from hmi.gateways.sealing import unseal
from hmi.people.models import AuditRow, User
from hmi.replication import ledger
from redundancy.distributor import passwords
from tests.hmi.founded import OTHER, become, browser

pytestmark = pytest.mark.django_db

PAGES = ("gateway", "node", "serverset", "enginesettings", "transmissionsettings", "brokeruser")


def fields_of(client: Client, url: str) -> dict[str, Any]:
    """What a browser would send back from the form as it stands."""
    context = client.get(url).context
    forms = [context["adminform"].form]
    for each in context["inline_admin_formsets"]:
        forms += [each.formset.management_form, *each.formset.forms]
    found: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value = (
                bound.field.prepare_value(bound.value()) if hasattr(bound.field, "prepare_value") else None
            )
            if value is not None and value is not False:
                found[bound.html_name] = value
    return found


@pytest.fixture
def alice(founded: Any, users: dict[str, User]) -> Client:
    return browser(users["alice"])


def node_url(name: str) -> str:
    return f"/admin/gateways/node/{Node.objects.get(name=name).pk}/change/"


@pytest.mark.parametrize("page", PAGES)
def test_an_engineer_opens_every_page_and_an_operator_none(
    founded: Any, users: dict[str, User], page: str
) -> None:
    assert browser(users["alice"]).get(f"/admin/gateways/{page}/").status_code == 200
    assert browser(users["ada"]).get(f"/admin/gateways/{page}/").status_code == 200
    assert browser(users["bob"]).get(f"/admin/gateways/{page}/", follow=True).status_code == 403
    assert browser(None).get(f"/admin/gateways/{page}/").url.startswith("/admin/login/")


def test_an_edit_changes_the_document_and_leaves_a_row(alice: Client) -> None:
    version, url = ledger.config_version(), node_url("primary-master")
    fields = fields_of(alice, url) | {"dwell": "45"}
    assert alice.post(url, fields).status_code == 302
    assert Node.objects.get(name="primary-master").dwell == 45
    assert ledger.config_version() != version
    row = AuditRow.objects.filter(action="config.change").get()
    assert (row.who, row.role, row.target, row.new) == (
        "alice",
        "engineer",
        "node/primary-master",
        '{"dwell": 45.0}',
    )


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("role", "Backup", "both nodes are Backup"),
        ("link", "127.0.0.1:26061", "paired with itself"),
        ("http", "127.0.0.1", "is not host:port"),
        ("failover_timeout", "99", "between 0.2 and 60 seconds"),
        ("startup_allowance", "601", "between 0 and 600 seconds"),
        ("sync_timeout", "0", "between 1 and 3600 seconds"),
        ("dwell", "4000", "between 0 and 3600 seconds"),
        ("profile", "slow", "not one of the available choices"),
        ("bind_interface", "eth0", "&#x27;eth0&#x27; is no IP address"),
        ("master_address", "10.0.0.1", "primary-master is none"),
        ("master_port", "8060", "primary-master is none"),
        ("master_port", "65536", "less than or equal to 65535"),
        ("url", "", "is not http://host:port"),
        ("link_ca", "/etc/tandem/ca.pem", "the other node&#x27;s link has TLS"),
        ("name", "another", "renamed"),
    ],
)
def test_a_wrong_setting_comes_back_with_its_reason_and_nothing_changes(
    alice: Client, field: str, value: str, reason: str
) -> None:
    version, url = ledger.config_version(), node_url("primary-master")
    answer = alice.post(url, fields_of(alice, url) | {field: value})
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert reason in str(errors), errors
    assert field in errors or field in ("link", "name", "link_ca"), "it stands at its field"
    assert ledger.config_version() == version
    assert Node.objects.filter(name="primary-master", role="Master").exists()


def test_a_reason_stands_at_its_field(alice: Client) -> None:
    url = node_url("primary-master")
    answer = alice.post(url, fields_of(alice, url) | {"http": "127.0.0.1"})
    assert "http" in answer.context["adminform"].form.errors


def test_a_host_id_that_is_none_is_refused_at_its_field(alice: Client) -> None:
    url = "/admin/gateways/enginesettings/1/change/"
    answer = alice.post(url, fields_of(alice, url) | {"host_id": "a/b"})
    assert "host_id" in answer.context["adminform"].form.errors


def test_a_server_s_password_can_be_set_and_never_read(alice: Client) -> None:
    group = ServerSet.objects.get(name="Brokers")
    url = f"/admin/gateways/serverset/{group.pk}/change/"
    page = alice.get(url).content.decode()
    assert "secret 1" not in page
    assert "sealed:" not in page
    fields = fields_of(alice, url) | {"servers-0-new_password": "brand new"}
    assert alice.post(url, fields).status_code == 302
    assert [unseal(s.password) for s in group.servers.all()] == ["brand new", "secret 2"]
    assert not any("brand new" in row.new for row in AuditRow.objects.all())
    fields = fields_of(alice, url) | {"servers-0-clear_password": "on", "servers-1-keep_alive": "7"}
    assert alice.post(url, fields).status_code == 302
    assert [unseal(s.password) for s in group.servers.all()] == ["", "secret 2"]


def test_a_set_that_is_needed_is_not_emptied_or_deleted(alice: Client) -> None:
    group = ServerSet.objects.get(name="Brokers")
    url = f"/admin/gateways/serverset/{group.pk}/change/"
    fields = fields_of(alice, url) | {"servers-0-DELETE": "on", "servers-1-DELETE": "on"}
    assert "is empty" in alice.post(url, fields).content.decode()
    assert group.servers.count() == 2
    alice.post(f"/admin/gateways/serverset/{group.pk}/delete/", {"post": "yes"})
    assert ServerSet.objects.filter(pk=group.pk).exists()


def test_a_server_added_twice_is_refused_as_a_whole(alice: Client) -> None:
    added = {"name": "New", "servers-TOTAL_FORMS": "1", "servers-INITIAL_FORMS": "0"}
    added |= {"servers-0-name": "far AWAY", "servers-0-target": "address", "servers-0-host": "x"}
    added |= {"servers-0-port": "1", "servers-0-order": "0", "servers-0-keep_alive": "5"}
    answer = alice.post("/admin/gateways/serverset/add/", added | {"servers-0-connect_timeout": "1"})
    assert "upper and lower case" in answer.content.decode()
    assert not ServerSet.objects.filter(name="New").exists()


def test_deleting_what_must_stay_is_undone_and_says_why(alice: Client) -> None:
    url = node_url("primary-backup")
    answer = alice.post(url.replace("/change/", "/delete/"), {"post": "yes"}, follow=True)
    assert "left out or renamed" in answer.content.decode()
    action = {"action": "delete_selected", "post": "yes"}
    answer = alice.post(
        "/admin/gateways/node/",
        action | {"_selected_action": [node.pk for node in Node.objects.all()]},
        follow=True,
    )
    assert "at least one node" in answer.content.decode()
    assert Node.objects.count() == 2


def test_an_engine_is_deleted_with_a_row_of_its_own(alice: Client) -> None:
    alice.post("/admin/gateways/enginesettings/1/delete/", {"post": "yes"})
    assert not EngineSettings.objects.exists()
    assert AuditRow.objects.filter(action="config.delete", target="engine").exists()


def test_a_broker_user_s_password_is_hashed(alice: Client) -> None:
    added = {"username": "panel", "new_password": "panel's own", "acl": "R spBv1.0/#\n\n-R $SYS/#\n"}
    assert alice.post("/admin/gateways/brokeruser/add/", added).status_code == 302
    user = BrokerUser.objects.get(username="panel")
    assert passwords.verify(user.password_hash, b"panel's own")
    assert user.acl == ["R spBv1.0/#", "-R $SYS/#"]
    url = f"/admin/gateways/brokeruser/{user.pk}/change/"
    assert user.password_hash not in alice.get(url).content.decode()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"username": "panel", "acl": "R #"}, "needs a password"),
        ({"username": "panel", "new_password": "x", "acl": "everything"}, "does not begin with R, W, RW"),
        ({"username": "OBSERVER", "new_password": "x", "acl": "R #"}, "upper and lower case"),
        ({"username": "", "new_password": "x"}, "required"),
    ],
)
def test_a_broker_user_that_makes_no_sense_is_refused(
    alice: Client, fields: dict[str, str], reason: str
) -> None:
    before = BrokerUser.objects.count()
    assert reason in alice.post("/admin/gateways/brokeruser/add/", fields).content.decode()
    assert BrokerUser.objects.count() == before


def test_the_gateway_can_be_described_but_not_renamed_or_deleted(alice: Client) -> None:
    alice.post("/admin/gateways/gateway/1/change/", {"name": "Other", "description": "the hall"})
    described = alice.get("/admin/gateways/gateway/1/change/").content.decode()
    assert "the hall" in described
    assert alice.post("/admin/gateways/gateway/1/delete/", {"post": "yes"}).status_code == 403
    assert alice.get("/admin/gateways/gateway/add/").status_code == 403


def test_on_a_standby_everything_can_be_seen_and_nothing_edited(founded: Any, alice: Client) -> None:
    become(founded, "Standby", peer="Active")
    url = node_url("primary-master")
    page = alice.get(url).content.decode()
    assert f"{OTHER}{url}" in page
    assert 'name="_save"' not in page
    assert alice.get("/admin/gateways/node/add/").status_code == 403
    answer = alice.post(url, {"dwell": "1"})
    assert answer.status_code == 409
    assert OTHER in answer.content.decode()
    assert Node.objects.get(name="primary-master").dwell == 30


def test_with_the_role_lost_between_door_and_commit_nothing_is_kept(
    founded: Any, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = node_url("primary-master")
    fields = fields_of(alice, url) | {"dwell": "1"}
    given = NodeAdmin.save_model

    def lose_the_role(self: Any, *arguments: Any) -> None:
        become(founded, "Fenced", peer="Active")
        given(self, *arguments)

    monkeypatch.setattr(NodeAdmin, "save_model", lose_the_role)
    assert alice.post(url, fields).status_code == 409
    assert Node.objects.get(name="primary-master").dwell == 30


def test_markup_in_a_name_is_text(alice: Client) -> None:
    alice.post("/admin/gateways/gateway/1/change/", {"description": "<script>alert(1)</script>"})
    assert "<script>alert(1)" not in alice.get("/admin/gateways/gateway/1/change/").content.decode()
    assert Server.objects.count() == 3
