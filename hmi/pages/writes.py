"""POST /tags/write : somebody writes a value. Checked again here, asked of the runtime, put on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hmi import desk
from hmi.pages.entry import parse
from hmi.pages.errors import problem, refused
from hmi.people.guard import require, wants_json
from hmi.people import audit
from hmi.people.audit import Actor
from hmi.people.rights import Right
from hmi.replication.standing import standing

MOST = 100
_PATIENCE = 8.0
_ABSENT = object()


class BadEntry(ValueError):
    """A body that is no list of writes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One write. `expected` is the value its writer saw, if told."""

    path: str
    value: Any
    expected: Any = _ABSENT


@require_POST
@require(Right.WRITE)
def write(request: HttpRequest) -> HttpResponse:
    """JSON `{"writes": [{"path", "value", "expected"?}]}` or a form with `path` and `value`.

    A text for a tag that holds no text is read as a person's entry. Answers as the API does: a list of
    `{"path", "outcome", "detail"}`; a standby refuses with 409 and names the active node.
    """
    try:
        asked = _asked(request)
    except BadEntry as error:
        return problem(request, 422, str(error), "Correct it and send it again.")
    here = standing()
    if not here.active:
        _remember(request, asked, [{"outcome": audit.REFUSED, "detail": here.state, "old": None} for _ in asked])
        reason = f"{here.node} is {here.state}; values are written on the active node only."
        resolution = f"Write on {here.active_node}: {here.active_url}" if here.active_url else here.resolution
        return problem(request, 409, reason, resolution, href=here.active_url, link=here.active_node)
    try:
        outcomes = _put(request, asked)
    except desk.DeskError as error:
        _remember(request, asked, [{"outcome": "unknown", "detail": error.reason, "old": None} for _ in asked])
        return refused(request, error)
    _remember(request, asked, outcomes)
    if wants_json(request):
        return JsonResponse(outcomes, safe=False)
    return render(request, "pages/outcome.html", {"outcomes": outcomes})


def _put(request: HttpRequest, asked: list[Asked]) -> list[dict[str, Any]]:
    """Each write's outcome, in order; those that can't be meant as they are don't reach the runtime."""
    readings = desk.ask("read", paths=[each.path for each in asked])
    outcomes: list[dict[str, Any] | None] = []
    writes = []
    for each, reading in zip(asked, readings, strict=True):
        try:
            value = parse(each.value, reading.get("type") or "")
            _unchanged(each, reading.get("value"))
        except ValueError as error:
            outcomes.append({"path": each.path, "outcome": "refused", "detail": str(error), "old": reading["value"]})
        else:
            outcomes.append(None)
            writes.append({"path": each.path, "value": value})
    came = iter(desk.ask("write", timeout=_PATIENCE, writes=writes, by=Actor.of(request).who) if writes else [])
    return [outcome if outcome is not None else next(came) for outcome in outcomes]


def _unchanged(asked: Asked, now: Any) -> None:
    """Raises ValueError if the value is no longer what its writer saw when deciding."""
    if asked.expected is not _ABSENT and asked.expected != now:
        raise ValueError(f"The value is {json.dumps(now)} now; you saw {json.dumps(asked.expected)}.")


def _asked(request: HttpRequest) -> list[Asked]:
    if request.content_type != "application/json":
        path, value = request.POST.get("path", ""), request.POST.get("value")
        if not path or value is None:
            raise BadEntry("A write needs a path and a value.")
        return [Asked(path, value)]
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadEntry("The body is not JSON.") from None
    writes = body.get("writes") if isinstance(body, dict) else None
    if not isinstance(writes, list) or not 1 <= len(writes) <= MOST:
        raise BadEntry(f"writes: a list of 1 to {MOST} writes.")
    return [_one(each) for each in writes]


def _one(raw: Any) -> Asked:
    if not isinstance(raw, dict) or not isinstance(raw.get("path"), str) or "value" not in raw:
        raise BadEntry("A write needs a path and a value.")
    if isinstance(raw["value"], list | dict):
        raise BadEntry(f"{raw['path'][:200]}: a value is one number, text or truth value.")
    return Asked(raw["path"], raw["value"], raw.get("expected", _ABSENT))


def _remember(request: HttpRequest, asked: list[Asked], outcomes: list[dict[str, Any]]) -> None:
    actor = Actor.of(request)
    for each, came in zip(asked, outcomes, strict=True):
        audit.record(
            actor,
            "write",
            each.path,
            old=came.get("old"),
            new=each.value,
            outcome=str(came.get("outcome", "")),
            reason=str(came.get("detail") or ""),
        )
