"""POST /tags/write : somebody writes a value. Checked again here, asked of the runtime, put on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hmi import audited, desk
from hmi.pages.entry import parse
from hmi.pages.errors import problem, refused
from hmi.people import audit
from hmi.people.audit import Actor
from hmi.people.guard import require, wants_json
from hmi.people.rights import Right
from hmi.replication.standing import Standing, standing
from hmi.tags.models import Tag
from hmi.tags.wire import unfit

MOST = 100
_ABSENT = object()


class BadEntry(ValueError):
    """A body that is no list of writes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One write. `expected` is the value its writer saw, if told."""

    path: str
    value: Any
    expected: Any = _ABSENT

    @property
    def plain(self) -> dict[str, Any]:
        return {"path": self.path, "value": self.value}


@require_POST
@require(Right.WRITE)
def write(request: HttpRequest) -> HttpResponse:
    """JSON `{"writes": [{"path", "value", "expected"?}]}` or a form with `path` and `value`.

    A text for a tag that holds no text is read as a person's entry: a list as JSON, `[1, 2, 3]`. Answers as
    the API does: a list of `{"path", "outcome", "detail"}`; a standby refuses with 409 and names the active
    node.
    """
    try:
        asked = _asked(request)
    except BadEntry as error:
        return problem(request, 422, str(error), "Correct it and send it again.")
    here = standing()
    if not here.active:
        return _elsewhere(request, asked, here)
    try:
        outcomes = _put(request, asked)
    except desk.DeskError as error:
        return refused(request, error)
    if wants_json(request):
        return JsonResponse(outcomes, safe=False)
    return render(request, "pages/outcome.html", {"outcomes": outcomes})


def _elsewhere(request: HttpRequest, asked: list[Asked], here: Standing) -> HttpResponse:
    """This node does not act: 409, naming the one that does."""
    why = f"{here.node} is {here.state}; values are written on the active node only."
    refusals = [{"outcome": audit.REFUSED, "detail": why} for _ in asked]
    audited.remember(Actor.of(request), [each.plain for each in asked], refusals)
    resolution = f"Write on {here.active_node}: {here.active_url}" if here.active_url else here.resolution
    return problem(request, 409, why, resolution, href=here.active_url, link=here.active_node)


def _put(request: HttpRequest, asked: list[Asked]) -> list[dict[str, Any]]:
    """Each write's outcome, in order; those that can't be meant as they are don't reach the runtime."""
    actor = Actor.of(request)
    readings = desk.ask("read", paths=[each.path for each in asked])
    limits = {tag.path: tag for tag in Tag.objects.filter(path__in=[each.path for each in asked])}
    outcomes: list[dict[str, Any] | None] = []
    writes = []
    for each, reading in zip(asked, readings, strict=True):
        try:
            value = parse(each.value, reading.get("type") or "")
            _unchanged(each, reading.get("value"))
            _within(value, limits.get(each.path))
        except ValueError as error:
            refusal = {"path": each.path, "outcome": "refused", "detail": str(error), "old": reading["value"]}
            audited.remember(actor, [each.plain], [refusal])
            outcomes.append(refusal)
        else:
            outcomes.append(None)
            writes.append({"path": each.path, "value": value})
    came = iter(audited.write(actor, writes) if writes else [])
    return [outcome if outcome is not None else next(came) for outcome in outcomes]


def _within(value: Any, tag: Tag | None) -> None:
    """Raises ValueError for a number outside the limits that the tag is configured with."""
    for number, element in enumerate(value if isinstance(value, list) else ()):
        try:
            _within(element, tag)
        except ValueError as error:
            raise ValueError(f"element {number}: {error}") from None
    if tag is None or isinstance(value, bool) or not isinstance(value, int | float):
        return
    if tag.low is not None and value < tag.low:
        raise ValueError(f"{value} is below the lowest value, {tag.low:g}.")
    if tag.high is not None and value > tag.high:
        raise ValueError(f"{value} is above the highest value, {tag.high:g}.")


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
    for field in ("path", "value", "expected"):
        if fault := unfit(raw.get(field)):
            raise BadEntry(f"{field}: {fault}.")
    return Asked(raw["path"], raw["value"], raw.get("expected", _ABSENT))
