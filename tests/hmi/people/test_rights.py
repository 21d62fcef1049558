"""Who may do what; and that no address was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from hmi.people.guard import require
from hmi.people.models import AuditRow, User
from hmi.people.rights import Right, Role, may
from tests.hmi.founded import browser

R = Right
EXPECTED = {
    Role.VIEWER: {R.LOOK},
    Role.OPERATOR: {R.LOOK, R.WRITE, R.ACKNOWLEDGE},
    Role.ENGINEER: {R.LOOK, R.WRITE, R.ACKNOWLEDGE, R.CONFIGURE, R.FAILOVER, R.RESYNC},
    Role.ADMINISTRATOR: set(Right),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_a_role_holds_its_rights_and_no_other(role: Role, right: Right) -> None:
    assert may(User(role=role), right) == (right in EXPECTED[role])


@pytest.mark.parametrize(
    "nobody",
    [None, AnonymousUser(), User(role="administrator", is_active=False), User(role="root"), User(role="")],
)
def test_nobody_the_disabled_and_unknown_roles_hold_nothing(nobody: Any) -> None:
    assert not any(may(nobody, right) for right in Right)


def test_nobody_is_above_the_rights() -> None:
    ada = User(role=Role.ADMINISTRATOR)
    assert not ada.is_superuser
    assert not ada.has_perm("people.delete_auditrow")
    assert ada.has_perm("axes.delete_accessattempt"), "somebody must be able to lift a lock-out"
    assert not User(role=Role.ENGINEER).has_perm("axes.delete_accessattempt")


@require(Right.CONFIGURE)
def sync_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"hello {request.user}")


@require(Right.CONFIGURE)
async def async_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"hello {request.user}")


def asked(method: str = "GET", user: Any = None, **headers: str) -> HttpRequest:
    request = getattr(RequestFactory(), method.lower())("/somewhere/?x=1", headers=headers)
    request.user = user or AnonymousUser()
    return request


@pytest.mark.django_db
class TestTheGuard:
    def test_it_lets_in_who_holds_the_right(self, users: dict[str, User]) -> None:
        assert sync_view(asked(user=users["alice"])).content == b"hello alice"

    def test_it_sends_strangers_to_the_sign_in_and_back(self, users: dict[str, User]) -> None:
        answer = sync_view(asked())
        assert (answer.status_code, answer.url) == (302, "/login/?next=/somewhere/%3Fx%3D1")

    def test_it_tells_a_strange_program_in_json(self, users: dict[str, User]) -> None:
        answer = sync_view(asked(Accept="application/json"))
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert b'"resolution"' in answer.content

    def test_a_part_of_a_page_takes_the_whole_page_to_the_sign_in(self, users: dict[str, User]) -> None:
        answer = sync_view(asked(**{"HX-Request": "true"}))
        assert (answer.status_code, answer["HX-Redirect"]) == (401, "/login/")

    def test_it_refuses_who_lacks_the_right_and_puts_a_try_on_record(self, users: dict[str, User]) -> None:
        assert sync_view(asked("GET", users["bob"])).status_code == 403
        assert not AuditRow.objects.filter(who="bob").exists()
        assert sync_view(asked("POST", users["bob"])).status_code == 403
        row = AuditRow.objects.get(who="bob")
        assert (row.action, row.target, row.outcome) == ("configure", "/somewhere/", "refused")

    def test_it_speaks_json_to_a_program_that_lacks_the_right(self, users: dict[str, User]) -> None:
        answer = sync_view(asked(Authorization="Bearer bob"))
        assert answer.status_code == 403
        assert b"forbidden" in answer.content

    def test_the_bearer_of_a_token_is_the_user_of_the_request(self, users: dict[str, User]) -> None:
        assert sync_view(asked(Authorization="Bearer ecila")).content == b"hello alice"

    def test_a_wrong_token_is_not_saved_by_a_session(self, users: dict[str, User]) -> None:
        assert sync_view(asked(user=users["alice"], Authorization="Bearer guess")).status_code == 401


@pytest.mark.django_db(transaction=True)
async def test_it_guards_coroutines_alike(users: dict[str, User]) -> None:
    assert (await async_view(asked(user=users["alice"]))).content == b"hello alice"
    assert (await async_view(asked(user=users["bob"]))).status_code == 403
    assert (await async_view(asked())).status_code == 302


# What anybody may ask, and why. Everything else must ask for a sign-in.
OPEN = {
    "healthz": "a load balancer's question",
    "readyz": "a load balancer's question",
    "metrics": "numbers only, for the plant's own network",
    "login/": "the sign-in itself",
    "logout/": "ends only what one has",
    "admin/logout/": "ends only what one has",
    "admin/login/": "leads to the sign-in",
    "admin/jsi18n/": "Django's texts",
    "api/openapi.json": "what the API looks like is in the repository too",
    "api/docs": "the same, readable",
    "api/": "ninja's own root, which answers nothing",
}
VALUES = {"<int:": "1", "<uuid:": "00000000-0000-4000-8000-000000000000", "<": "x"}


def addresses(patterns: Any = None, base: str = "") -> Iterator[str]:
    for each in get_resolver().url_patterns if patterns is None else patterns:
        text = base + str(each.pattern).removeprefix("^").removesuffix("$").replace("\\Z", "")
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, text)
        elif isinstance(each, URLPattern):
            yield text


def concrete(address: str) -> str:
    """An address with something in place of each of its parameters."""
    parts = []
    for part in address.split("/"):
        kind = next((kind for kind in VALUES if part.startswith(kind)), None)
        parts.append(VALUES[kind] if kind else part)
    return "/" + "/".join(parts)


@pytest.mark.django_db
@pytest.mark.parametrize("address", sorted({a for a in addresses() if a not in OPEN and "(?P" not in a}))
def test_no_address_answers_a_stranger(founded: Any, address: str) -> None:
    stranger = browser(None)
    for method in ("get", "post", "put", "delete"):
        answer = getattr(stranger, method)(concrete(address))
        to_sign_in = answer.status_code == 302 and "login" in answer.url
        assert to_sign_in or answer.status_code in (401, 403, 404, 405), (method, answer.status_code)
