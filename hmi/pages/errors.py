"""Refusals, as a page for people and as the API's shape for programs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from hmi.desk import DeskError
from hmi.people.guard import wants_json

_TITLES = {
    400: "This request makes no sense",
    401: "Nobody is signed in",
    403: "You may not do this",
    404: "There is no such page",
    409: "This can't be done here and now",
    422: "Something in the form is wrong",
    500: "Something broke",
    503: "The node does not answer",
}


def problem(
    request: HttpRequest, status: int, reason: str, resolution: str = "", *, href: str = "", link: str = ""
) -> HttpResponse:
    """A refusal with its reason, what to do instead, and where to go for it."""
    title = _TITLES.get(status, _TITLES[400])
    if wants_json(request):
        body = {"error": title.lower(), "reason": reason, "resolution": resolution}
        return JsonResponse(body, status=status)
    page = {
        "status": status,
        "title": title,
        "reason": reason,
        "resolution": resolution,
        "href": href,
        "link": link,
    }
    return render(request, "pages/error.html", page, status=status)


def refused(request: HttpRequest, error: DeskError) -> HttpResponse:
    """What the desk refused."""
    return problem(request, error.status, error.reason, error.resolution)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return problem(request, 400, "The request could not be read.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem(
        request,
        403,
        str(exception or "") or "Your role has no right to this.",
        "Ask an administrator for the right.",
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    resolution = "Load the page again and repeat what you did."
    return problem(
        request, 403, f"The form is not from this site or is too old. {reason}".strip(), resolution
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return problem(
        request, 404, f"Nothing is at {request.path}.", "Start from the overview.", href="/", link="Overview"
    )


def broken(request: HttpRequest) -> HttpResponse:
    """The last resort: no database, no context, no template inheritance that could break in turn."""
    body: dict[str, Any] = {"error": _TITLES[500].lower(), "reason": "See the node's log.", "resolution": ""}
    if wants_json(request):
        return JsonResponse(body, status=500)
    return HttpResponse(
        "<!doctype html><title>Tandem</title><h1>Something broke</h1><p>See the node's log.</p>", status=500
    )
