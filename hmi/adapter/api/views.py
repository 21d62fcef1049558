"""The adapter's API: `/api/v1/{configuration,administration,diagnostics,management}/...`.

Each address has one view; what the verbs do to a facet is in `hmi.adapter.facets.verbs`, for all alike.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from hmi.adapter.api import diagnostics, wholes
from hmi.adapter.api.door import actor, body_of, door
from hmi.adapter.configuration import session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.discovery import discoveries
from hmi.adapter.discovery.discoveries import discoveries as running
from hmi.adapter.facets import answers
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import DISCOVERIES, SECRET_LIST, SYSTEM, Kind, Verb
from hmi.adapter.facets.verbs import found
from hmi.replication.schema import ComponentDocument

_SELECTION = "dataselection"
_CHOICES = {"select": True, "unselect": False}


@door("GET", "PUT")
def whole(request: HttpRequest) -> Any:
    """Everything at once."""
    if request.method == "PUT":
        body = body_of(request)
        return session.change(actor(request), _summary(request), lambda draft: wholes.put(draft, body))
    draft = session.in_force()
    everything = wholes.shown(draft)
    if request.headers.get("accept-verbosity", "").lower() == "verbose":
        for component in draft:
            everything[component.id]["Discoveries"] = running.every(component=component.id)
    return everything


@door("GET")
def component(request: HttpRequest, component: str) -> Any:  # noqa: ARG001
    draft = session.in_force()
    return draft.all_of(draft.component(component))


@door("GET", "POST", "PUT", "PATCH", "DELETE")
def facet(request: HttpRequest, component: str, facet: str) -> Any:
    """A facet as a whole."""
    if facet.casefold() == DISCOVERIES:
        return _discoveries(request, component)
    if request.method in ("GET", "HEAD"):
        draft = session.in_force()
        held = draft.component(component)
        return _shown(request, draft, held, draft.facet(held, facet))
    return _change(request, component, facet, None)


@door("GET", "POST", "PUT", "PATCH", "DELETE")
def item(request: HttpRequest, component: str, facet: str, item: str) -> Any:
    """One entry of a facet that is a list."""
    if facet.casefold() == DISCOVERIES:
        return _discovery(request, component, item)
    if request.method == "POST":
        if facet.casefold() == _SELECTION and item.casefold() in _CHOICES:
            return _choose(request, component, selected=_CHOICES[item.casefold()])
        answer = JsonResponse(_NO_POST, status=405)
        answer["Allow"] = "GET, PUT, PATCH, DELETE"
        return answer
    if request.method in ("GET", "HEAD"):
        draft = session.in_force()
        held = draft.component(component)
        kind = draft.facet(held, facet)
        return found(kind, draft.value(held, kind), item)
    return _change(request, component, facet, item)


@door("POST")
def function(request: HttpRequest, component: str, function: str) -> None:
    """Start or stop a component. It keeps its configuration, and does so over restarts."""

    def work(draft: Draft) -> None:
        try:
            held = draft.component(component)
        except Refused:
            held = draft.system
        if held.type == SYSTEM:
            told = f"Component with ID: '{component}' doesn't have any functions registered."
            raise Refused(404, told)
        wanted = {"start": True, "stop": False}.get(function.casefold())
        if wanted is None:
            raise Refused(404, f"Component with ID: '{component}' doesn't support '{function}' function.")
        draft.run(held, running=wanted)

    session.change(actor(request), _summary(request), work)


@door("GET", "PUT", "DELETE")
def secrets(request: HttpRequest, item: str | None = None) -> Any:
    """The secrets, never with their values; or one of them."""
    if request.method in ("GET", "HEAD"):
        shown = session.in_force().secrets_shown()
        return shown if item is None else found(SECRET_LIST, shown, item)
    verb, body = _asked(request)
    return session.change(
        actor(request), _summary(request), lambda draft: draft.change_secrets(verb, body, item)
    )


@door("GET")
def diagnosis(request: HttpRequest, name: str) -> Any:  # noqa: ARG001
    known = {"productinformation": diagnostics.product, "system": diagnostics.system}
    if name.casefold() not in known:
        raise Refused(404, f"Diagnostics with name: '{name}' was not found.")
    return known[name.casefold()]()


@door("GET", "POST", "PUT", "PATCH", "DELETE")
def nothing(request: HttpRequest) -> None:
    raise Refused(404, f"Nothing is at {request.path}.")


def _change(request: HttpRequest, component: str, facet: str, item: str | None) -> None:
    verb, body = _asked(request)

    def work(draft: Draft) -> None:
        held = draft.component(component)
        draft.change(held, draft.facet(held, facet), verb, body, item)

    session.change(actor(request), _summary(request), work)


def _asked(request: HttpRequest) -> tuple[Verb, Any]:
    verb = Verb(request.method or "")
    return verb, None if verb is Verb.DELETE else body_of(request)


def _shown(request: HttpRequest, draft: Draft, held: ComponentDocument, kind: Kind) -> Any:
    value = draft.shown(held, kind)
    if not kind.is_list:
        return value
    if "diff" in request.GET and kind.name.casefold() == _SELECTION:
        value = discoveries.differing(kind, value, discoveries.found(held, kind, request.GET["diff"]))
    return _part(request, value)


def _part(request: HttpRequest, entries: list[Any]) -> list[Any]:
    """`?skip=&count=` of a list."""
    bounds = []
    for name in ("skip", "count"):
        text = request.GET.get(name, "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refused(400, f"{name}: is not a whole number.")
        bounds.append(int(text) if text else None)
    skip, count = bounds[0] or 0, bounds[1]
    return entries[skip:] if count is None else entries[skip : skip + count]


def _choose(request: HttpRequest, component: str, *, selected: bool) -> dict[str, int]:
    identity = request.GET.get("discoveryId")
    if not identity:
        raise Refused(400, "discoveryId: is required")
    draft = session.in_force()
    held = draft.component(component)
    kind = draft.facet(held, _SELECTION)
    result = discoveries.found(held, kind, identity)

    def work(draft: Draft) -> dict[str, int]:
        return discoveries.choose(draft, draft.component(component), kind, result, selected=selected)

    return session.change(actor(request), _summary(request), work)


def _discoveries(request: HttpRequest, component: str) -> Any:
    held = _with_discoveries(component)
    if request.method in ("GET", "HEAD"):
        return _part(request, running.every(component=held.id))
    if request.method == "POST":
        return JsonResponse(discoveries.begin(held, body_of(request)), status=202)
    if request.method == "DELETE":
        running.delete(component=held.id, id=None)
        return HttpResponse(status=200)
    raise Refused(400, f"Operation '{request.method}' is not supported on 'Discoveries' configuration.")


def _discovery(request: HttpRequest, component: str, rest: str) -> Any:
    """`<id>`, `<id>/result` or `<id>/cancel`."""
    held = _with_discoveries(component)
    identity, _, what = rest.partition("/")
    method = "GET" if request.method == "HEAD" else request.method
    match method, what.casefold():
        case "GET", "":
            return running.one(component=held.id, id=identity)
        case "DELETE", "":
            running.delete(component=held.id, id=identity)
        case "GET", "result":
            return _result(request, held, identity)
        case "DELETE", "result":
            running.delete_result(component=held.id, id=identity)
        case "POST", "cancel":
            running.cancel(component=held.id, id=identity)
        case _:
            raise answers.no_entry(rest)
    return HttpResponse(status=200)


def _result(request: HttpRequest, held: ComponentDocument, identity: str) -> Any:
    kind = session.in_force().facet(held, _SELECTION)
    result = discoveries.found(held, kind, identity)
    if before := request.GET.get("diff"):
        result = discoveries.differing(kind, discoveries.found(held, kind, before), result)
    return _part(request, result)


def _with_discoveries(asked: str) -> ComponentDocument:
    held = session.in_force().component(asked)
    if held.type == SYSTEM:
        raise answers.no_facet("Discoveries")
    return held


def _summary(request: HttpRequest) -> str:
    return f"{request.method} {request.path_info.removeprefix('/api/v1/')}"[:500]


_NO_POST = {"error": "Method 'POST' is not allowed here.", "reason": "", "resolution": ""}
