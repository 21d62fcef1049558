"""Looking for what is on a component's servers: a discovery as a tree of topics, to select from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hmi import desk
from hmi.adapter.configuration import session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.discovery import discoveries
from hmi.adapter.discovery.discoveries import discoveries as running
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import SYSTEM, Kind
from hmi.pages.components import edit, nowhere
from hmi.pages.errors import problem, refused
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication.schema import ComponentDocument

MOST_SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was found. `news`: "new", "other" where the selection has it in another way, or ""."""

    id: str
    place: str
    kind: str
    index: str
    news: str
    selected: bool


@dataclass(slots=True)
class Branch:
    """A level of a topic, with what is below it."""

    name: str
    path: str
    branches: dict[str, Branch] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    @property
    def below(self) -> list[Branch]:
        return list(self.branches.values())

    @property
    def count(self) -> int:
        return len(self.items) + sum(branch.count for branch in self.branches.values())


@require_POST
@require(Right.CONFIGURE)
def start(request: HttpRequest, component: str) -> HttpResponse:
    """`topics` separated by commas, `wait` as a span of time."""
    topics, wait = request.POST.get("topics", "").strip(), request.POST.get("wait", "").strip()
    query = ";".join(part for part in (topics and f"Topics={topics}", wait and f"WaitTime={wait}") if part)
    try:
        held = _component(component)
        state = discoveries.begin(held, {"query": query})
    except Refused as error:
        told = "; ".join(error.messages)
        return problem(request, error.status, told, "Correct the topics or the time, and look again.")
    except desk.DeskError as error:
        return refused(request, error)
    return redirect("component-discovery", component=component, identity=state["id"])


@require_safe
@require(Right.CONFIGURE)
def show(request: HttpRequest, component: str, identity: str) -> HttpResponse:
    """`?diff=1`: only what is not in the selection, or is there in another way. `?part=1`: to swap in."""
    try:
        held = _component(component)
        state = running.one(component=held.id, id=identity)
        kind = session.in_force().facet(held, "dataSelection")
        entries = discoveries.found(held, kind, identity)
    except Refused:
        return nowhere(request, component)
    except desk.DeskError as error:
        return refused(request, error)
    differing = {entry[kind.key] for entry in discoveries.differing(kind, held.dataSelection, entries)}
    only = request.GET.get("diff") == "1"
    shown = [entry for entry in entries if not only or entry[kind.key] in differing]
    page = {
        "component": held,
        "state": state,
        "only": only,
        "tree": tree(shown[:MOST_SHOWN], _known(held, kind), differing),
        "left_off": max(0, len(shown) - MOST_SHOWN),
        "count": len(shown),
        "differing": len(differing),
    }
    name = "pages/discovery_part.html" if request.GET.get("part") else "pages/discovery.html"
    return render(request, name, page)


@require_POST
@require(Right.CONFIGURE)
def choose(request: HttpRequest, component: str, identity: str) -> HttpResponse:
    """Select (`do` select) or unselect what is ticked (`take`)."""
    taken, selected = set(request.POST.getlist("take")), request.POST.get("do") == "select"
    try:
        held = _component(component)
        kind = session.in_force().facet(held, "dataSelection")
        entries = [each for each in discoveries.found(held, kind, identity) if each[kind.key] in taken]
    except Refused:
        return nowhere(request, component)
    except desk.DeskError as error:
        return refused(request, error)
    if not entries:
        return problem(request, 422, "Nothing is ticked.", "Tick what is to be selected.")

    def work(draft: Draft) -> None:
        discoveries.choose(draft, draft.component(held.id), kind, entries, selected=selected)

    done = edit(request, f"{'select' if selected else 'unselect'} {len(entries)} of {component}", work)
    if done is None:
        messages.success(request, f"{len(entries)} {'selected' if selected else 'no longer selected'}.")
    return done or redirect("component-discovery", component=component, identity=identity)


@require_POST
@require(Right.CONFIGURE)
def end(request: HttpRequest, component: str, identity: str) -> HttpResponse:
    """Cancel it while it looks, forget it after."""
    asked = request.POST.get("do")
    try:
        if asked == "cancel":
            running.cancel(component=component, id=identity)
        else:
            running.delete(component=component, id=identity)
    except desk.DeskError as error:
        return refused(request, error)
    if asked == "cancel":
        return redirect("component-discovery", component=component, identity=identity)
    return redirect("component", component=component)


def tree(entries: list[dict[str, Any]], known: Mapping[str, bool], differing: set[str]) -> list[Branch]:
    """Entries of a selection by the levels of their topics."""
    root = Branch("", "")
    for entry in entries:
        branch = root
        for level in entry["topic"].split("/"):
            path = f"{branch.path}/{level}" if branch is not root else level
            branch = branch.branches.setdefault(level, Branch(level or "(empty)", path))
        branch.items.append(_item(entry, known, differing))
    return root.below


def _item(entry: Mapping[str, Any], known: Mapping[str, bool], differing: set[str]) -> Item:
    identity = entry["streamId"]
    held = known.get(identity.casefold())
    return Item(
        id=identity,
        place=entry.get("metricName") or entry.get("valueField") or "",
        kind=entry.get("dataType") or "",
        index=entry.get("indexField") or "",
        news="new" if held is None else "other" if identity in differing else "",
        selected=bool(held),
    )


def _known(held: ComponentDocument, kind: Kind) -> dict[str, bool]:
    return {item[kind.key].casefold(): bool(item["selected"]) for item in held.dataSelection}


def _component(asked: str) -> ComponentDocument:
    held = session.in_force().component(asked)
    if held.type == SYSTEM:
        raise Refused(404, asked)
    return held
