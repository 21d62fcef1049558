"""The admin page of accounts: for administrators, and never nobody left."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hmi.people.models import AuditRow, Token, User
from hmi.replication import ledger
from tests.hmi.founded import PASSWORD, become, browser

pytestmark = pytest.mark.django_db
NONE = {"tokens-TOTAL_FORMS": "0", "tokens-INITIAL_FORMS": "0"}
CHARLIE = {
    "username": "charlie",
    "role": "viewer",
    "is_active": "on",
    "new_password": "ten letters at least",
} | NONE


@pytest.fixture
def ada(users: dict[str, User]) -> Client:
    return browser(users["ada"])


def url(user: User) -> str:
    return f"/admin/people/user/{user.pk}/change/"


@pytest.mark.parametrize("name", ["alice", "bob", "victor"])
def test_accounts_are_the_administrator_s_alone(users: dict[str, User], name: str) -> None:
    client = browser(users[name])
    assert client.get("/admin/people/user/", follow=True).status_code == 403
    assert client.post("/admin/people/user/add/", CHARLIE, follow=True).status_code == 403
    assert not User.objects.filter(username="charlie").exists()


def test_charlie_gets_an_account_on_both_nodes(ada: Client) -> None:
    assert ada.post("/admin/people/user/add/", CHARLIE).status_code == 302
    assert User.objects.get(username="charlie").check_password("ten letters at least")
    record = ledger.current("people", "people")
    assert record is not None
    assert b'"charlie"' in record.body
    assert record.epoch == 12
    assert AuditRow.objects.get(target="user/charlie").who == "ada"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"new_password": ""}, "new_password"),
        ({"new_password": "short"}, "new_password"),
        ({"new_password": "password1234"}, "new_password"),
        ({"username": "Bob"}, "username"),
        ({"username": "bob bob"}, "username"),
        ({"role": "root"}, "role"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(ada: Client, fields: dict[str, str], field: str) -> None:
    answer = ada.post("/admin/people/user/add/", CHARLIE | fields)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert User.objects.count() == 4


def test_the_last_administrator_can_neither_step_down_nor_be_deleted(
    ada: Client, users: dict[str, User]
) -> None:
    me = {"username": "ada", "role": "viewer", "is_active": "on"} | NONE
    assert "nobody would be left" in ada.post(url(users["ada"]), me).content.decode()
    deleted = ada.post(url(users["ada"]).replace("change", "delete"), {"post": "yes"}, follow=True)
    assert "nobody would be left" in deleted.content.decode()
    assert User.objects.get(username="ada").role == "administrator"


def test_an_empty_password_keeps_the_old_one(ada: Client, users: dict[str, User]) -> None:
    ada.post(url(users["bob"]), {"username": "bob", "role": "engineer", "is_active": "on"} | NONE)
    bob = User.objects.get(username="bob")
    assert bob.role == "engineer"
    assert bob.check_password(PASSWORD)


def test_a_new_password_ends_the_sessions_that_the_old_one_opened(
    ada: Client, users: dict[str, User]
) -> None:
    bob = browser(users["bob"])
    changed = {"username": "bob", "role": "operator", "is_active": "on", "new_password": "quite another one"}
    ada.post(url(users["bob"]), changed | NONE)
    assert bob.get("/tags/").status_code == 302


def test_a_token_is_revoked_and_its_hash_never_shown(ada: Client, users: dict[str, User]) -> None:
    token = users["bob"].tokens.get()
    assert token.hash not in ada.get(url(users["bob"])).content.decode()
    fields = {"username": "bob", "role": "operator", "is_active": "on"}
    fields |= {"tokens-TOTAL_FORMS": "1", "tokens-INITIAL_FORMS": "1", "tokens-0-id": str(token.pk)}
    fields |= {"tokens-0-user": str(users["bob"].pk), "tokens-0-DELETE": "on"}
    assert ada.post(url(users["bob"]), fields).status_code == 302
    assert not Token.objects.filter(pk=token.pk).exists()


def test_a_standby_shows_accounts_and_edits_none(node: Any, ada: Client, users: dict[str, User]) -> None:
    become(node, "Standby", peer="Active")
    assert 'name="_save"' not in ada.get(url(users["bob"])).content.decode()
    assert ada.post("/admin/people/user/add/", CHARLIE).status_code == 409


def test_the_admin_site_has_one_sign_in_the_project_s(users: dict[str, User]) -> None:
    stranger = browser(None)
    assert stranger.get("/admin/", follow=True).redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    answer = stranger.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 302
    assert "sessionid" not in stranger.cookies
    assert browser(users["bob"]).get("/admin/", follow=True).status_code == 403
    assert browser(users["alice"]).get("/admin/").status_code == 200
