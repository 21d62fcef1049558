"""A component's servers: their order, and trying one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from hmi import desk
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.configuration.server_order import reorder
from hmi.pages.components import edit
from hmi.pages.errors import refused
from hmi.people.guard import require
from hmi.people.rights import Right

_PATIENCE = 8.0


@require_POST
@require(Right.CONFIGURE)
def order(request: HttpRequest, component: str) -> HttpResponse:
    """`order`: every server's id, in the new order; or `move`: one id, a step `up` or `down`."""
    wanted = request.POST.getlist("order")
    move, _, way = request.POST.get("move", "").rpartition("|")
    if move in wanted:
        at = wanted.index(move)
        to = at + {"up": -1, "down": 1}.get(way, 0)
        if 0 <= to < len(wanted):
            wanted[at], wanted[to] = wanted[to], wanted[at]

    def work(draft: Draft) -> None:
        reorder(draft, draft.component(component), wanted)

    done = edit(request, f"order of the servers of {component}", work)
    if done is None:
        messages.success(request, f"{component}: the servers are tried in this order from now on.")
    return done or redirect("component", component=component)


@require_POST
@require(Right.CONFIGURE)
def attempt(request: HttpRequest, component: str) -> HttpResponse:
    """Connect to `server` from this node, and say what came of it."""
    server = request.POST.get("server", "")
    try:
        told = desk.ask("adapter_try", timeout=_PATIENCE, component=component, server=server)
    except desk.DeskError as error:
        return refused(request, error)
    node = desk.gateway().get("node") or "this node"
    if told["ok"]:
        messages.success(request, f"{server} of {component} can be reached from {node}, and lets us in.")
    else:
        messages.error(request, f"{server} of {component} cannot be reached from {node}: {told['why']}.")
    return redirect("component", component=component)
