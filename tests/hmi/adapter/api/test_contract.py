"""Every row of the contract, against the real views and the real database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.hmi.adapter.api.contract import ANY, SCENES, holds, says

pytestmark = pytest.mark.django_db
TOKEN = {"Authorization": f"Bearer {'alice'[::-1]}"}


def send(verb: str, path: str, body: Any, client: Client | None = None, **headers: str) -> HttpResponse:
    """As an engineer's program sends it. A text goes as it is."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    where, _, query = path.partition("?")
    return (client or Client()).generic(
        verb,
        f"/api/v1/{where}",
        text.encode(),
        "application/json",
        QUERY_STRING=query,
        headers=TOKEN | headers,
    )


def fits(answer: Any, wanted: Any) -> bool:
    if isinstance(wanted, says):
        return set(answer) >= {"error", "reason", "resolution"} and wanted.text in answer["error"]
    if isinstance(wanted, holds):
        return all(name in answer and fits(answer[name], value) for name, value in wanted.items())
    if isinstance(wanted, dict) and isinstance(answer, dict):
        return answer.keys() == wanted.keys() and all(fits(answer[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list) and isinstance(answer, list):
        return len(answer) == len(wanted) and all(map(fits, answer, wanted))
    return wanted is ANY or (type(answer) is type(wanted) and answer == wanted)


@pytest.mark.parametrize("scene", SCENES)
def test_the_adapter_keeps_its_contract(founded: Any, users: Any, scene: str) -> None:
    wrong = []
    for verb, path, body, status, wanted in SCENES[scene]:
        answer = send(verb, path, body)
        told = json.loads(answer.content) if answer.content else None
        if answer.status_code != status or not fits(told, wanted):
            wrong.append(
                f"{verb} {path} {body!r:.200}: {answer.status_code} {told}\n  and not {status} {wanted}"
            )
    assert not wrong, "\n".join(wrong)


def test_the_contract_is_long() -> None:
    assert sum(map(len, SCENES.values())) >= 120
