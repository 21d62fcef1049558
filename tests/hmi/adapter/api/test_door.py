"""Who comes in to the adapter's API, where a change may be made, and how much is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hmi.adapter.api import door
from hmi.people.models import AuditRow
from tests.hmi.adapter.api.contract import SERVERS, SOURCE
from tests.hmi.adapter.api.test_contract import send
from tests.hmi.founded import OTHER, become, browser

pytestmark = pytest.mark.django_db
ROOTS = ("configuration", SOURCE, "management/secrets", "diagnostics/system", "configuration/nowhere")
BODY = {"hostNameOrIpAddress": "broker"}


def error(answer: Any) -> dict[str, str]:
    body = json.loads(answer.content)
    assert set(body) == {"error", "reason", "resolution"}
    return body


def test_nobody_and_who_may_not_configure_are_kept_out_of_every_address(founded: Any, users: Any) -> None:
    for path in ROOTS:
        for token, status in (("wrong", 401), ("bob"[::-1], 403), ("victor"[::-1], 403)):
            answer = send("GET", path, None, Authorization=f"Bearer {token}")
            assert answer.status_code == status, path
            assert error(answer)["reason"]
    assert send("PUT", SOURCE, BODY, Authorization="Bearer bob"[:7] + "bob"[::-1]).status_code == 403
    assert AuditRow.objects.filter(who="bob", outcome="refused").exists()
    assert (
        "Access-Control-Allow-Origin" not in send("GET", SOURCE, None, Origin="http://evil.example").headers
    )


def test_a_session_needs_its_csrf_token_and_a_bearer_none(founded: Any, users: Any) -> None:
    alice = browser(users["alice"], enforce_csrf_checks=True)
    put = {"data": json.dumps(BODY), "content_type": "application/json"}
    refused = alice.put(f"/api/v1/{SOURCE}", **put)
    assert refused.status_code == 403
    assert "CSRF" in error(refused)["reason"]
    assert alice.get(f"/api/v1/{SOURCE}").json() == {}
    alice.cookies["csrftoken"] = token = "a" * 32
    from django.conf import settings

    alice.cookies[settings.CSRF_COOKIE_NAME] = token
    assert alice.put(f"/api/v1/{SOURCE}", **put, headers={"X-CSRFToken": token}).status_code == 204
    bearer = Client(enforce_csrf_checks=True)
    assert send("PUT", SOURCE, BODY, bearer).status_code == 204


def test_a_standby_answers_questions_and_names_the_active_node_for_changes(founded: Any, users: Any) -> None:
    become(founded, "Standby", peer="Active")
    assert send("GET", SOURCE, None).status_code == 200
    for verb, path in (
        ("PUT", SOURCE),
        ("PUT", "configuration"),
        ("DELETE", "management/secrets"),
        ("POST", "administration/MQTT1/Stop"),
        ("POST", "configuration/MQTT1/discoveries"),
    ):
        answer = send(verb, path, BODY)
        assert answer.status_code == 409, path
        assert OTHER in error(answer)["resolution"]
        assert "primary-backup" in error(answer)["resolution"]
    assert send("PUT", SOURCE, BODY, Authorization="Bearer wrong").status_code == 401
    become(founded, "Active")
    assert send("GET", SOURCE, None).content == b"{}"


def test_a_node_that_comes_or_goes_says_503_to_everything(founded: Any, users: Any) -> None:
    become(founded, "Draining", peer="Standby")
    for verb in ("GET", "PUT"):
        answer = send(verb, SOURCE, BODY)
        assert (answer.status_code, answer.content) == (503, b"")


def test_a_body_beyond_the_limit_is_not_read(
    founded: Any, users: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    assert door.MOST_BYTES == settings.DATA_UPLOAD_MAX_MEMORY_SIZE == 64_000_000
    monkeypatch.setattr(door, "MOST_BYTES", 1000)
    assert send("PUT", SERVERS, [BODY | {"userName": "x" * 1000}]).status_code == 413
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = send("PUT", SERVERS, [BODY | {"userName": "x" * 1000}])
    assert answer.status_code == 413
    assert error(answer)["error"]
    assert send("GET", SERVERS, None).content == b"[]"


def test_conflicts_keep_their_address(founded: Any, users: Any) -> None:
    assert send("GET", "configuration/conflicts", None).content == b"[]"


def test_the_description_has_every_address_and_its_verbs(founded: Any, users: Any) -> None:
    described = browser(users["alice"]).get("/api/openapi.json").json()
    paths, shapes = described["paths"], described["components"]["schemas"]
    servers = paths["/api/v1/configuration/{component}/redundantServers"]
    assert {"get", "post", "put", "patch", "delete"} <= servers.keys()
    assert "delete" not in paths["/api/v1/configuration/{component}/logging"]
    assert shapes["AdapterRedundantServer"]["properties"]["hostNameOrIpAddress"]["type"] == "string"
    assert "post" in paths["/api/v1/administration/{component}/Start"]
    assert "/api/v1/tags/read" in paths
    text = json.dumps(described)
    for reference in {each.split('"')[0] for each in text.split('"$ref": "#/components/schemas/')[1:]}:
        assert reference in shapes
    names = [
        verb["operationId"] for path in paths.values() for verb in path.values() if isinstance(verb, dict)
    ]
    assert len(names) == len(set(names))
