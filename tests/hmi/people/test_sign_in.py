"""Signing in and out: one answer for whatever was wrong, a limit to trying, and a fresh session."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as conf
from django.test import Client

from hmi.people.models import AuditRow, Session, User
from hmi.replication import people
from tests.hmi.founded import PASSWORD, become, browser, roster

pytestmark = pytest.mark.django_db
GOOD = {"username": "bob", "password": PASSWORD}


@pytest.fixture
def stranger(node: Any, users: dict[str, User]) -> Client:
    return Client(enforce_csrf_checks=False, REMOTE_ADDR="10.0.0.9")


def signed_in(client: Client) -> bool:
    return client.get("/tags/").status_code == 200


def test_the_form_has_the_two_fields_and_a_csrf_token(stranger: Client) -> None:
    page = stranger.get("/login/").content.decode()
    assert 'name="username"' in page
    assert 'name="password"' in page
    assert "csrfmiddlewaretoken" in page


def test_bob_signs_in_and_out(stranger: Client) -> None:
    answer = stranger.post("/login/", GOOD | {"next": "/tags/"})
    assert (answer.status_code, answer.url) == (302, "/tags/")
    assert signed_in(stranger)
    stranger.post("/logout/")
    assert not signed_in(stranger)
    assert not Session.objects.exists()
    told = list(AuditRow.objects.filter(action__startswith="sign").values_list("action", "who", "outcome"))
    assert sorted(told) == [("sign-in", "bob", "done"), ("sign-out", "bob", "done")]
    assert AuditRow.objects.get(action="sign-in").address == "10.0.0.9"


@pytest.mark.parametrize(
    "given", [{"username": "bob", "password": "wrong"}, {"username": "charlie", "password": PASSWORD}]
)
def test_a_wrong_name_and_a_wrong_password_look_alike(stranger: Client, given: dict[str, str]) -> None:
    answer = stranger.post("/login/", given)
    assert answer.status_code == 401
    assert "The username or the password is wrong." in answer.content.decode()
    row = AuditRow.objects.get(action="sign-in")
    assert (row.who, row.outcome) == (given["username"], "refused")


def test_a_disabled_account_looks_like_a_wrong_password(stranger: Client) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    answer = stranger.post("/login/", GOOD)
    assert answer.status_code == 401
    assert "The username or the password is wrong." in answer.content.decode()


def test_the_password_never_reaches_the_trail_or_comes_back(stranger: Client) -> None:
    answer = stranger.post("/login/", {"username": "bob", "password": "hunter2 hunter2"})
    assert "hunter2" not in answer.content.decode()
    assert not AuditRow.objects.filter(reason__contains="hunter2").exists()


@pytest.mark.parametrize("given", [{}, {"username": "bob"}, {"username": "x" * 200, "password": "y"}])
def test_an_incomplete_form_is_shown_again(stranger: Client, given: dict[str, str]) -> None:
    assert stranger.post("/login/", given).status_code in (200, 401)
    assert not signed_in(stranger)


def test_after_eight_wrong_passwords_the_right_one_has_to_wait(stranger: Client) -> None:
    for _ in range(conf.AXES_FAILURE_LIMIT):
        stranger.post("/login/", {"username": "bob", "password": "wrong"})
    answers = [stranger.post("/login/", GOOD) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {429}
    assert "Too many attempts" in answers[0].content.decode()
    told = AuditRow.objects.filter(action="sign-in", reason__startswith="Too many")
    assert told.count() == 1, "attempts that cost nothing must not fill the trail"


def test_a_lock_out_does_not_reach_the_same_person_elsewhere(stranger: Client) -> None:
    for _ in range(conf.AXES_FAILURE_LIMIT):
        stranger.post("/login/", {"username": "bob", "password": "wrong"})
    panel = Client(REMOTE_ADDR="10.0.0.10")
    assert panel.post("/login/", GOOD).status_code == 302


def test_a_session_that_was_planted_before_is_worth_nothing(stranger: Client) -> None:
    stranger.cookies[conf.SESSION_COOKIE_NAME] = "planted" * 5
    stranger.post("/login/", GOOD)
    assert stranger.cookies[conf.SESSION_COOKIE_NAME].value != "planted" * 5
    stolen = Client()
    stolen.cookies[conf.SESSION_COOKIE_NAME] = "planted" * 5
    assert not signed_in(stolen)


def test_signing_in_as_another_leaves_no_way_back(stranger: Client) -> None:
    stranger.post("/login/", GOOD)
    first = stranger.cookies[conf.SESSION_COOKIE_NAME].value
    stranger.post("/login/", GOOD | {"username": "victor"})
    stolen = Client()
    stolen.cookies[conf.SESSION_COOKIE_NAME] = first
    assert not signed_in(stolen)


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example", "/\t/evil"],
)
def test_nobody_is_sent_to_a_foreign_site(stranger: Client, target: str) -> None:
    assert stranger.post("/login/", GOOD | {"next": target}).url == "/"


def test_a_sign_in_without_the_csrf_token_is_refused(users: dict[str, User]) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/login/", GOOD).status_code == 403
    assert not Session.objects.exists()


def test_a_sign_out_is_not_a_link(users: dict[str, User]) -> None:
    client = browser(users["bob"])
    assert client.get("/logout/").status_code == 405
    assert signed_in(client)


def test_the_cookie_is_out_of_a_script_s_reach(stranger: Client) -> None:
    stranger.post("/login/", GOOD)
    cookie = stranger.cookies[conf.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_people_sign_in_on_a_standby_too(node: Any, stranger: Client) -> None:
    become(node, "Standby", peer="Active")
    assert stranger.post("/login/", GOOD).status_code == 302
    assert signed_in(stranger)


def test_with_redis_gone_people_still_sign_in(
    stranger: Client, settings: pytest.FixtureRequest, tmp_path: Any
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"
    assert stranger.post("/login/", GOOD).status_code == 302


def _demote() -> None:
    document = roster()
    document["users"][2]["role"] = "viewer"
    people.install(document)


def _disable() -> None:
    document = roster()
    document["users"][2]["is_active"] = False
    people.install(document)


def _delete() -> None:
    document = roster()
    document["users"].pop(2)
    people.install(document)


def _new_password() -> None:
    document = roster()
    document["users"][2]["password"] = "quite another password"
    people.install(document)


@pytest.mark.parametrize(
    ("change", "status"), [(_demote, 403), (_disable, 302), (_delete, 302), (_new_password, 302)]
)
def test_rights_end_at_once_with_the_session_still_there(
    node: Any, users: dict[str, User], change: Any, status: int
) -> None:
    bob = browser(users["bob"])
    write = {"path": "[MQTT Engine]A", "value": "1"}
    assert bob.post("/tags/write", write).status_code not in (302, 403)
    change()
    assert bob.post("/tags/write", write).status_code == status


def test_somebody_made_anew_under_an_old_name_does_not_inherit_the_session(users: dict[str, User]) -> None:
    bob = browser(users["bob"])
    _delete()
    people.install(roster())
    assert not signed_in(bob)
