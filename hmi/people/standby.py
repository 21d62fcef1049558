"""On a node that does not act, the configuration is read-only, and the answer says where to go."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hmi.people.guard import problem, wants_json
from hmi.replication.standing import NotActive, Standing, standing

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# The adapter's addresses look for themselves: who may not come in is told so first.
_CONFIGURATION = ("/admin/", "/config/", "/tags/", "/users/", "/api/v1/configuration/conflicts")
# What is under those paths and does not change the configuration: the runtime refuses a write by itself.
_NOT_CONFIGURATION = ("/tags/write", "/admin/login/", "/admin/logout/")


class ReadOnlyOnStandby:
    """Refuses edits with 409 before they begin, and turns a NotActive out of a view into the same answer.

    The innermost, and not made for async: so Django runs everything around it in one go on the request's own
    thread. A chain of both kinds would change threads twice in each middleware (decision 0021).
    """

    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._refused(request) or self._get_response(request)

    @staticmethod
    def _refused(request: HttpRequest) -> HttpResponse | None:
        if not edits_configuration(request):
            return None
        here = standing()
        return None if here.active else refused(request, here)

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The role may have gone between the door and the commit."""
        return refused(request, exception.standing) if isinstance(exception, NotActive) else None


def edits_configuration(request: HttpRequest) -> bool:
    """Whether the request would change what only the active node may change."""
    if request.method in _SAFE:
        return False
    path = request.path_info
    return path.startswith(_CONFIGURATION) and not path.startswith(_NOT_CONFIGURATION)


def refused(request: HttpRequest, here: Standing) -> HttpResponse:
    """409, as a page or as JSON."""
    if wants_json(request):
        return problem(409, "not active", here.reason, here.resolution)
    words = {"title": "Not on this node", "reason": here.reason, "standing": here}
    return render(request, "people/refused.html", words, status=409)
