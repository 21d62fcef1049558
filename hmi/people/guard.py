"""The guard at a view's door: `@require(Right.X)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from hmi.people import audit
from hmi.people.rights import Right, may
from hmi.people.tokens import user_of

View = Callable[..., Any]


def require(right: Right) -> Callable[[View], View]:
    """Let only those in who hold `right`, asked afresh at each request.

    Pages send nobody to the sign-in and show others a refusal (403); programs get JSON (401, 403). The view
    finds the person in `request.user`, also when a token signed the request.
    """

    def guarded(view: View) -> View:
        @wraps(view)
        def sync_view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return refusal(request, right) or view(request, *args, **kwargs)

        @wraps(view)
        async def async_view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = await sync_to_async(refusal)(request, right)
            return refused or await view(request, *args, **kwargs)

        return async_view if iscoroutinefunction(view) else sync_view

    return guarded


def refusal(request: HttpRequest, right: Right) -> HttpResponse | None:
    """The answer for somebody who lacks `right`; None for who holds it."""
    user = user_of(request)
    if user is None:
        return _sign_in(request)
    request.user = user
    if may(user, right):
        return None
    if request.method not in ("GET", "HEAD"):
        denied = f"the role {user.role} has no right to {right.value}"
        audit.record(
            audit.Actor.of(request, user), right.value, request.path, outcome=audit.REFUSED, reason=denied
        )
    return forbidden(request, user.role, right)


def forbidden(request: HttpRequest, role: str, right: Right) -> HttpResponse:
    """403, as a page or as JSON."""
    reason = f"The role {role} has no right to {right.value}."
    resolution = "Ask an administrator for another role."
    if wants_json(request):
        return problem(403, "forbidden", reason, resolution)
    words = {"title": "Not allowed", "reason": reason, "resolution": resolution}
    return render(request, "people/refused.html", words, status=403)


def wants_json(request: HttpRequest) -> bool:
    """Whether the other side is a program: by the path, or by what it says it accepts."""
    if request.path.startswith("/api/") or "Authorization" in request.headers:
        return True
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def problem(status: int, error: str, reason: str, resolution: str) -> JsonResponse:
    """An error in the API's shape."""
    response = JsonResponse({"error": error, "reason": reason, "resolution": resolution}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _sign_in(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        return problem(401, "not signed in", "Nobody is signed in.", "Sign in, or send a bearer token.")
    answer = HttpResponseRedirect(f"{settings.LOGIN_URL}?next={quote(request.get_full_path())}")
    if "HX-Request" in request.headers:
        # A part of a page can't become the sign-in: the whole page goes there.
        answer = HttpResponse(status=401, headers={"HX-Redirect": settings.LOGIN_URL})  # type: ignore[assignment]
    return answer
