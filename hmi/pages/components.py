"""/config/components/ : the adapter's components with their servers, data selection and settings.

Everything that is edited here goes the way of the adapter's API: a draft, judged as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hmi import desk
from hmi.adapter.configuration import session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import COMPONENT_LIST, SYSTEM, TYPES, Kind, Verb, facet_of
from hmi.pages.component_rows import server_rows, stream_rows
from hmi.pages.errors import problem
from hmi.pages.facet_form import FacetForm, label_of
from hmi.pages.values import read
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication.schema import ComponentDocument
from hmi.replication.standing import standing

LIST = "/config/components/"
_SETTINGS = ("clientSettings", "failover", "logging")
_EDITABLE = ("dataSource", "redundantServers", "dataSelection", "dataFilters", *_SETTINGS)
_SHOWN = 200
_NAMES = {
    "dataSource": "Data source",
    "redundantServers": "Server",
    "dataSelection": "Stream",
    "dataFilters": "Data filter",
    "clientSettings": "Client settings",
    "failover": "Failover",
    "logging": "Log",
}
_CONSEQUENCES = {
    "dataSource": "Without it the component reads from nowhere; further servers and the selection stay.",
    "dataSelection": "Its tag goes, on both nodes. Its history stays.",
}


@require_safe
@require(Right.CONFIGURE)
def index(request: HttpRequest) -> HttpResponse:
    draft = session.in_force()
    told, why = _told()
    rows = [
        {
            "id": each.id,
            "type": each.type,
            "told": told.get(each.id),
            "status": f"[MQTT Adapter]{each.id}/Status",
            "streams": sum(bool(item["selected"]) for item in each.dataSelection),
        }
        for each in draft
    ]
    readings = read(str(row["status"]) for row in rows)
    for row in rows:
        row["reading"] = readings.get(str(row["status"]))
    page = {"rows": rows, "why": why, "types": TYPES, "here": standing()}
    return render(request, "pages/components.html", page)


@require_safe
@require(Right.CONFIGURE)
def show(request: HttpRequest, component: str) -> HttpResponse:
    held = _found(component)
    if held is None:
        return nowhere(request, component)
    return render(request, "pages/component.html", _page(held))


@require_safe
@require(Right.CONFIGURE)
def part(request: HttpRequest, component: str) -> HttpResponse:
    """How it is, for the page to swap in."""
    held = _found(component)
    if held is None:
        return nowhere(request, component)
    told, why = _told()
    page = {"component": held, "told": told.get(held.id), "why": why}
    return render(request, "pages/component_part.html", page)


@require_POST
@require(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    name, kind = request.POST.get("id", "").strip(), request.POST.get("type", "")
    body = {"componentId": name, "componentType": kind}
    done = edit(
        request,
        f"component {name}",
        lambda draft: draft.change(draft.system, COMPONENT_LIST, Verb.POST, body, None),
    )
    return done or redirect("component", component=name)


@require_POST
@require(Right.CONFIGURE)
def order(request: HttpRequest, component: str) -> HttpResponse:
    """Start, stop or remove it, as `do` says."""
    asked = request.POST.get("do", "")

    def work(draft: Draft) -> None:
        held = draft.component(component)
        if asked == "remove":
            draft.change(draft.system, COMPONENT_LIST, Verb.DELETE, None, held.id)
        else:
            draft.run(held, running=asked == "start")

    if asked not in ("start", "stop", "remove"):
        return problem(request, 400, "A component can be started, stopped and removed.")
    done = edit(request, f"{asked} component {component}", work)
    if done is not None:
        return done
    messages.success(request, f"{component}: {asked} is done.")
    return redirect("components") if asked == "remove" else redirect("component", component=component)


@sensitive_post_parameters("password", "clientCertificatePassword")
@require_http_methods(["GET", "HEAD", "POST"])
@require(Right.CONFIGURE)
def facet(request: HttpRequest, component: str, facet: str) -> HttpResponse:
    """A form of a facet; of an entry of it with `?item=`, of a new one with an empty one."""
    held = _found(component)
    kind = facet_of(held.type, facet) if held is not None and facet in _EDITABLE else None
    if held is None or kind is None:
        return nowhere(request, component)
    item = request.GET.get("item", "")
    entry = _entry(held, kind, item)
    if item and entry is None:
        return nowhere(request, f"{component}: {item}")
    form = FacetForm(kind, entry, request.POST or None, _choices(held))
    if request.method == "POST" and form.is_valid():
        refused = _save(request, held, kind, item, form)
        if refused is None:
            messages.success(request, f"Saved {_NAMES[facet].lower()} of {held.id}.")
            return redirect("component", component=held.id)
        form.tell(refused)
    page = {
        "form": form,
        "title": f"{_NAMES[facet]} of {held.id}"
        if entry is not None or not kind.is_list
        else _new(held, facet),
        "back": reverse("component", args=[held.id]),
        "here": standing(),
        "remove": reverse("component-drop", args=[held.id, facet]) if item or _removable(kind, entry) else "",
        "item": item,
        "consequence": _CONSEQUENCES.get(facet, "It goes, on both nodes."),
    }
    return render(request, "pages/form.html", page, status=422 if form.errors else 200)


@require_POST
@require(Right.CONFIGURE)
def drop(request: HttpRequest, component: str, facet: str) -> HttpResponse:
    """Remove an entry of a facet."""
    item = request.POST.get("item", "")

    def work(draft: Draft) -> None:
        held = draft.component(component)
        kind = draft.facet(held, facet)
        draft.change(held, kind, Verb.DELETE, None, item if kind.is_list else None)

    if facet not in _EDITABLE:
        return nowhere(request, component)
    done = edit(request, f"remove {item or facet} of {component}", work)
    if done is None:
        messages.success(request, f"Removed {item or label_of(facet).lower()}.")
    return done or redirect("component", component=component)


@require_POST
@require(Right.CONFIGURE)
def choose(request: HttpRequest, component: str) -> HttpResponse:
    """Which streams of those on the page (`shown`) are selected (`take`)."""
    shown, taken = set(request.POST.getlist("shown")), set(request.POST.getlist("take"))

    def work(draft: Draft) -> None:
        held = draft.component(component)
        kind = draft.facet(held, "dataSelection")
        after = [
            item | {"selected": item["streamId"] in taken} if item["streamId"] in shown else item
            for item in held.dataSelection
        ]
        draft.put(held, kind, after)

    done = edit(request, f"selection of {component}", work)
    if done is None:
        messages.success(request, f"{component}: {len(taken)} of {len(shown)} streams are selected.")
    return done or redirect("component", component=component)


def edit(request: HttpRequest, summary: str, work: Callable[[Draft], Any]) -> HttpResponse | None:
    """Do it on a draft and put that in force; the refusal as a page, None when it is done."""
    try:
        session.change(Actor.of(request), summary[:500], work)
    except Refused as refused:
        told = "; ".join(refused.messages)
        return problem(request, refused.status, told, "Nothing was changed.", href=LIST, link="Components")
    return None


def nowhere(request: HttpRequest, name: str) -> HttpResponse:
    return problem(
        request, 404, f"There is no {name}.", "It may be gone by now.", href=LIST, link="Components"
    )


def _removable(kind: Kind, entry: object) -> bool:
    return kind.name == "dataSource" and entry is not None


def _save(
    request: HttpRequest, held: ComponentDocument, kind: Kind, item: str, form: FacetForm
) -> tuple[str, ...] | None:
    body = form.body()

    def work(draft: Draft) -> None:
        verb = Verb.PUT if item or not kind.is_list else Verb.POST
        draft.change(draft.component(held.id), kind, verb, body, item or None)

    try:
        session.change(Actor.of(request), f"{kind.title} of {held.id}", work)
    except Refused as refused:
        return refused.messages
    return None


def _found(component: str) -> ComponentDocument | None:
    try:
        held = session.in_force().component(component)
    except Refused:
        return None
    return None if held.type == SYSTEM else held


def _entry(held: ComponentDocument, kind: Kind, item: str) -> dict[str, Any] | None:
    value = getattr(held, kind.name)
    if not kind.is_list:
        found: dict[str, Any] | None = value
        return found
    return next((each for each in value if each[kind.key] == item), None) if item else None


def _choices(held: ComponentDocument) -> dict[str, list[str]]:
    return {"dataFilterId": [each["id"] for each in held.dataFilters]}


def _new(held: ComponentDocument, facet: str) -> str:
    return f"New {_NAMES[facet].lower()} of {held.id}"


def _page(held: ComponentDocument) -> dict[str, Any]:
    told, why = _told()
    mine = told.get(held.id)
    return {
        "component": held,
        "told": mine,
        "why": why,
        "here": standing(),
        "servers": server_rows(held),
        "streams": stream_rows(held, mine, _SHOWN),
        "left_off": max(0, len(held.dataSelection) - _SHOWN),
        "settings": _settings(held),
        "discoveries": _discoveries(held),
    }


def _settings(held: ComponentDocument) -> list[dict[str, Any]]:
    found = []
    for name in _SETTINGS:
        kind = facet_of(held.type, name)
        value = getattr(held, name) or (kind.shape().kept() if kind else {})
        found.append(
            {
                "name": name,
                "title": _NAMES[name],
                "facts": [(label_of(key), each) for key, each in value.items()],
            }
        )
    return found


def _discoveries(held: ComponentDocument) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = desk.ask("discovery_every", component=held.id)
    except desk.DeskError:
        return []
    return found[::-1]


def _told() -> tuple[dict[str, Any], str]:
    """What the worker says of its components, by id; and why it says nothing."""
    try:
        return {each["id"]: each for each in desk.ask("adapter")}, ""
    except desk.DeskError as error:
        return {}, error.reason
