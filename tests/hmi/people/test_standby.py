"""On a node that does not act nothing is configured, everything else goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from hmi.people.models import User
from hmi.people.standby import edits_configuration
from tests.hmi.founded import OTHER, become, browser

pytestmark = pytest.mark.django_db

EDITS = (
    "/admin/tags/tag/add/",
    "/admin/people/user/add/",
    "/config/",
    "/tags/new/",
    "/tags/1/",
    "/users/new/",
    "/api/v1/configuration/com.acme/general",
)
NO_EDITS = (
    "/login/",
    "/logout/",
    "/tags/write",
    "/status/redundancy/failover/",
    "/status/redundancy/resync/",
)
API_NO_EDITS = ("/api/v1/tags/write", "/api/v1/redundancy/failover", "/api/v1/redundancy/resync")


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_edit_is_refused_and_told_where_to_go(
    node: Any, users: dict[str, User], path: str, method: str
) -> None:
    become(node, "Standby", peer="Active")
    answer = browser(users["ada"]).generic(method, path)
    assert answer.status_code == 409
    assert OTHER in answer.content.decode()


def test_a_program_is_told_in_json(node: Any, users: dict[str, User]) -> None:
    become(node, "Standby", peer="Active")
    answer = browser(users["ada"]).post("/tags/new/", headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert answer.json()["error"] == "not active"
    assert OTHER in answer.json()["resolution"]


@pytest.mark.parametrize("path", NO_EDITS + API_NO_EDITS)
def test_what_is_no_edit_goes_on(path: str) -> None:
    assert not edits_configuration(RequestFactory().post(path))


@pytest.mark.parametrize(
    "path", ["/tags//new/", "/tags/./new/", "/admin/../admin/tags/", "/tags/write/../new/"]
)
def test_an_odd_spelling_is_no_way_around(node: Any, users: dict[str, User], path: str) -> None:
    become(node, "Standby", peer="Active")
    assert browser(users["ada"]).post(path).status_code in (404, 409)


def test_looking_is_never_refused(node: Any, users: dict[str, User]) -> None:
    become(node, "Standby", peer="Active")
    ada = browser(users["ada"])
    assert ada.get("/admin/tags/tag/").status_code == 200
    assert ada.get("/users/").status_code == 200


def test_with_nobody_active_the_answer_says_to_wait(node: Any, users: dict[str, User]) -> None:
    become(node, "Candidate", peer="Standby")
    answer = browser(users["ada"]).post("/tags/new/")
    assert answer.status_code == 409
    assert "Wait until" in answer.content.decode()


def test_a_dead_worker_makes_no_active_node(
    node: Any, users: dict[str, User], settings: pytest.FixtureRequest, tmp_path: Any
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"
    assert browser(users["ada"]).post("/tags/new/").status_code == 409


def test_on_the_active_node_edits_reach_their_page(node: Any, users: dict[str, User]) -> None:
    assert browser(users["ada"]).post("/tags/new/", {"path": "A"}).status_code == 422
