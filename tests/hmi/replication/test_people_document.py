"""The people document: the same accounts on both nodes, and never nobody who may manage them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hmi.people.audit import Actor
from hmi.people.models import AuditRow, Token, User
from hmi.replication import ledger, people
from hmi.replication.schema import Invalid
from hmi.replication.standing import NotActive
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.founded import PASSWORD, become, roster

pytestmark = pytest.mark.django_db
ADA = Actor("ada", "administrator", "10.0.0.1")


def test_accounts_are_installed_with_role_password_and_token(users: dict[str, User]) -> None:
    assert {name: user.role for name, user in users.items()} == {
        "ada": "administrator",
        "alice": "engineer",
        "bob": "operator",
        "victor": "viewer",
    }
    assert users["bob"].check_password(PASSWORD)
    assert users["bob"].tokens.get().hash == people.token_hash("bob")


def test_neither_passwords_nor_tokens_are_kept(users: dict[str, User]) -> None:
    record = ledger.current("people", "people")
    assert record is not None
    kept = record.body.decode() + "".join(row.new for row in AuditRow.objects.all())
    assert PASSWORD not in kept
    assert "rotciv" not in kept
    assert "md5$" not in "".join(row.new for row in AuditRow.objects.all()), (
        "not even hashes go into the trail"
    )


def test_installing_the_same_twice_changes_nothing(users: dict[str, User]) -> None:
    before = people.export(), ledger.current("people", "people")
    people.install(roster())
    assert (people.export(), ledger.current("people", "people")) == before


def test_an_export_can_be_installed(users: dict[str, User]) -> None:
    exported = people.export()
    User.objects.all().delete()
    people.install(exported)
    assert people.export() == exported


def test_who_is_left_out_is_gone_with_their_tokens(users: dict[str, User]) -> None:
    people.install({"users": [user for user in roster()["users"] if user["username"] != "bob"]})
    assert not User.objects.filter(username="bob").exists()
    assert not Token.objects.filter(hash=people.token_hash("bob")).exists()


def test_two_people_may_swap_their_names(users: dict[str, User]) -> None:
    swapped = people.export()
    for user in swapped["users"]:
        user["username"] = {"alice": "bob", "bob": "alice"}.get(user["username"], user["username"])
    people.receive(json.dumps(swapped).encode())
    assert User.objects.get(username="bob").pk == users["alice"].pk
    assert User.objects.get(username="bob").tokens.get().hash == people.token_hash("ecila")


def _set(name: str, **fields: Any) -> Any:
    return lambda d: next(u for u in d["users"] if u["username"] == name).update(fields)


WRONG: dict[str, Any] = {
    "nobody who may manage users": _set("ada", role="engineer"),
    "the last administrator disabled": _set("ada", is_active=False),
    "nobody at all": lambda d: d.update(users=[]),
    "a role that is none": _set("bob", role="root"),
    "a name twice": lambda d: d["users"].append({"username": "Ada", "role": "viewer", "password": "x" * 12}),
    "an empty password": _set("bob", password=""),
    "a password that is no text": _set("bob", password=["x"]),
    "a hash that is none": lambda d: d["users"][2].update(password_hash=d["users"][2].pop("password")),
    "a name that is a path": _set("bob", username="../bob"),
    "a name with a space": _set("bob", username="bob bob"),
    "a right that is not a role": _set("bob", is_superuser=True),
    "a token twice": _set("bob", tokens=[{"token": "x"}, {"token": "y"}]),
    "somebody else's token": _set("bob", tokens=[{"name": "mine", "token": "ada"[::-1]}]),
    "a token made at no time": _set("bob", tokens=[{"token": "x", "created": "yesterday"}]),
    "a person who is a text": lambda d: d["users"].append("charlie"),
    "a list that is none": lambda d: d.update(users="charlie"),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_refuses_and_changes_nothing(users: dict[str, User], name: str) -> None:
    before, document = people.export(), roster()
    WRONG[name](document)
    with pytest.raises(Invalid):
        people.install(document)
    assert people.export() == before


def test_a_change_of_role_is_on_record(users: dict[str, User]) -> None:
    AuditRow.objects.all().delete()
    with people.change(ADA, "promoted"):
        User.objects.filter(username="bob").update(role="engineer")
    row = AuditRow.objects.get()
    assert (row.who, row.action, row.target, row.reason) == ("ada", "people.change", "user/bob", "promoted")
    assert (json.loads(row.old), json.loads(row.new)) == ({"role": "operator"}, {"role": "engineer"})


def test_the_last_administrator_stays(users: dict[str, User]) -> None:
    with pytest.raises(Invalid), people.change(ADA):
        User.objects.filter(username="ada").delete()
    assert User.objects.filter(username="ada").exists()


def test_a_standby_edits_nobody(node: FakeRuntime, users: dict[str, User]) -> None:
    become(node, "Standby", peer="Active")
    with pytest.raises(NotActive), people.change(ADA):
        User.objects.filter(username="bob").update(role="administrator")
    assert User.objects.get(username="bob").role == "operator"
