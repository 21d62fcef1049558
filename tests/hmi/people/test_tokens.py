"""Bearer tokens: shown once, kept as a hash, ended with their owner."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from hmi.people.audit import Actor
from hmi.people.models import AuditRow, Token, User
from hmi.people.tokens import issue, revoke, user_of
from hmi.replication.standing import NotActive
from tests.hmi.founded import become

pytestmark = pytest.mark.django_db
ADA = Actor("ada", "administrator")


def bearing(header: str) -> HttpRequest:
    return RequestFactory().get("/", headers={"Authorization": header})


def test_a_new_token_is_its_owner_s(users: dict[str, User]) -> None:
    plain = issue(ADA, users["bob"], "panel 2")
    assert len(plain) >= 43, "256 bits"
    assert user_of(bearing(f"Bearer {plain}")) == users["bob"]
    assert not Token.objects.filter(hash=plain).exists()
    row = AuditRow.objects.get(target="token/bob/panel 2")
    assert plain not in row.new
    assert (row.who, row.action) == ("ada", "people.create")


def test_a_revoked_token_is_nobody(users: dict[str, User]) -> None:
    revoke(ADA, users["bob"].tokens.get())
    assert user_of(bearing("Bearer bob")) is None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nobody", "Basic Ym9iOmJvYg==", "bob", "\x00"]
)
def test_anything_else_is_nobody(users: dict[str, User], header: str) -> None:
    assert user_of(bearing(header)) is None


def test_the_stored_hash_is_not_a_token(users: dict[str, User]) -> None:
    assert user_of(bearing(f"Bearer {users['bob'].tokens.get().hash}")) is None


def test_a_disabled_owner_s_token_is_nobody(users: dict[str, User]) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    assert user_of(bearing("Bearer bob")) is None


def test_a_role_taken_away_is_taken_from_the_token(users: dict[str, User]) -> None:
    User.objects.filter(username="bob").update(role="viewer")
    found = user_of(bearing("Bearer bob"))
    assert found is not None
    assert found.role == "viewer"


def test_a_standby_issues_none(node: Any, users: dict[str, User]) -> None:
    become(node, "Standby", peer="Active")
    with pytest.raises(NotActive):
        issue(ADA, users["bob"], "panel 2")
    assert users["bob"].tokens.count() == 1
