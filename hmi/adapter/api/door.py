"""The door of the adapter's API: who may come in, what the body says, and what an answer looks like."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from ninja.utils import check_csrf

from hmi.adapter.facets.answers import Refused
from hmi.desk import DeskError
from hmi.people.audit import Actor
from hmi.people.guard import problem, refusal
from hmi.people.rights import Right
from hmi.people.standby import refused as standing_by
from hmi.replication.standing import NotActive, standing

MOST_BYTES = 64_000_000
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_COMING_OR_GOING = frozenset({"Starting", "Draining"})
Answer = HttpResponse | None
Work = Callable[..., Any]


class Malformed(Exception):
    """A body that is no JSON."""


def door(*verbs: str) -> Callable[[Work], Callable[..., HttpResponse]]:
    """A view of the API that takes these verbs. None becomes 204, anything else 200 with its JSON."""

    def guarded(view: Work) -> Callable[..., HttpResponse]:
        @csrf_exempt  # checked below, where no token speaks for the request
        @wraps(view)
        def enter(request: HttpRequest, **path: Any) -> HttpResponse:
            return _barred(request) or _answered(request, verbs, lambda: view(request, **path))

        return enter

    return guarded


def body_of(request: HttpRequest) -> Any:
    """The body's JSON, strictly. Raises Malformed, Refused (413)."""
    try:
        raw = request.body
    except RequestDataTooBig:
        raw = None
    if raw is None or len(raw) > MOST_BYTES:
        raise Refused(413, f"The body has more than {MOST_BYTES} bytes.")
    try:
        return orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{error.msg}: line {error.lineno} column {error.colno}") from None


def actor(request: HttpRequest) -> Actor:
    """Who is behind the request, by session or token."""
    return Actor.of(request)


def _barred(request: HttpRequest) -> Answer:
    if (answer := refusal(request, Right.CONFIGURE)) is not None:
        return answer
    by_session = "Authorization" not in request.headers
    if by_session and request.method not in _SAFE and check_csrf(request) is not None:
        why = "The CSRF token is missing or wrong."
        return problem(403, "forbidden", why, "Send the token of the page, or a bearer token.")
    here = standing()
    if here.state in _COMING_OR_GOING:
        return HttpResponse(status=503)
    if request.method not in _SAFE and not here.active:
        return standing_by(request, here)
    return None


def _answered(request: HttpRequest, verbs: tuple[str, ...], view: Callable[[], Any]) -> HttpResponse:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in verbs:
        answer = _error(405, f"Method '{request.method}' is not allowed here.")
        answer["Allow"] = ", ".join(verbs)
        return answer
    try:
        found = view()
    except Refused as error:
        more = {"count": len(error.messages), "errors": list(error.messages)} if error.listed else {}
        return _error(error.status, "; ".join(error.messages), **more)
    except Malformed as error:
        return _error(400, f"The body is not valid JSON: {error}", errors={"$": [str(error)]})
    except NotActive as error:
        return standing_by(request, error.standing)
    except DeskError as error:
        return problem(error.status, error.error, error.reason, error.resolution)
    if isinstance(found, HttpResponse):
        return found
    return HttpResponse(status=204) if found is None else JsonResponse(found, safe=False)


def _error(status: int, error: str, **more: Any) -> HttpResponse:
    body = {"error": error, "reason": "", "resolution": "", **more}
    return JsonResponse(body, status=status)
