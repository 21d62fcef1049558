"""/status/redundancy/ : the pair in detail, its past, its changeovers, and what may be ordered of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hmi import audited, desk
from hmi.live import condition
from hmi.live.moment import milliseconds
from hmi.pages.errors import problem, refused
from hmi.pages.lanes import lanes
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.models import AuditRow
from hmi.people.rights import Right
from hmi.replication.models import Changeover, Record, RejectedDocument

_NEWEST = 50
_EVENTS = 30
_LONGEST_REASON = 500


@require_safe
@require(Right.LOOK)
def status(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/redundancy.html", _seen())


@require_safe
@require(Right.LOOK)
def part(request: HttpRequest) -> HttpResponse:
    """What changes by itself, for the page to swap in."""
    return render(request, "pages/redundancy_part.html", _seen())


@require_POST
@require(Right.FAILOVER)
def failover(request: HttpRequest) -> HttpResponse:
    """Force Failover: a planned switch to the other node, asked on either."""
    return _order(request, "failover", "Failover asked for: the other node takes over.")


@require_POST
@require(Right.FORCE)
def force(request: HttpRequest) -> HttpResponse:
    """Have this node act although neither its peer nor the witness can be asked; its name typed."""
    node = str(desk.gateway().get("node") or "")
    if request.POST.get("confirm", "").strip() != node:
        return problem(
            request, 422, "The name does not match.", f"Type {node} to confirm that this node is to act."
        )
    return _order(request, "failover", f"{node} takes the role.", even_if_silent=True)


@require_POST
@require(Right.FAILOVER)
def maintenance(request: HttpRequest) -> HttpResponse:
    """Begin or end this node's maintenance."""
    on = request.POST.get("on") == "1"
    done = "Maintenance begins: the other node acts." if on else "Maintenance is over."
    return _order(request, "maintenance", done, on=on)


@require_POST
@require(Right.RESYNC)
def resync(request: HttpRequest) -> HttpResponse:
    """Force Re-sync: the pair exchanges everything again."""
    return _order(request, "resync", "Re-sync asked for: the two nodes exchange every record again.")


def _order(request: HttpRequest, op: str, done: str, **arguments: Any) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        return problem(request, 422, "This needs a reason: it is kept in the audit trail.", "Say why.")
    try:
        audited.order(Actor.of(request), op, reason, **arguments)
    except desk.DeskError as error:
        return refused(request, error)
    messages.success(request, done)
    return redirect("redundancy")


def _seen() -> dict[str, Any]:
    gateway = desk.gateway()
    peer, witness = gateway.get("peer") or {}, gateway.get("witness") or {}
    return {
        "gateway": gateway,
        "look": condition.look(str(gateway.get("state"))),
        "since": milliseconds(gateway.get("since")),
        "peer": peer and {**peer, "look": condition.look(str(peer.get("state")))},
        "peer_seen": milliseconds(peer.get("last_seen")),
        "witness": witness,
        "witness_seen": milliseconds(witness.get("last_seen")),
        "acting": condition.active_node(gateway),
        "lonely": bool(peer) and not peer.get("connected") and gateway.get("state") != "Active",
        "kept_out": RejectedDocument.objects.all()[:_NEWEST],
        "changeovers": Changeover.objects.order_by("-started")[:_NEWEST],
        "events": AuditRow.objects.filter(
            action__in=("redundancy", "failover", "maintenance", "resync")
        ).order_by("-at")[:_EVENTS],
        **_detail(),
    }


def _detail() -> dict[str, Any]:
    """What only the worker knows; nothing while it is silent."""
    try:
        told = desk.ask("pair")
    except desk.DeskError:
        return {"told": None}
    counts = Record.objects.values("provider").annotate(records=Count("pk"))
    held = {one["provider"]: one["records"] for one in counts}
    for provider in told["providers"]:
        provider["records"] = held.get(provider["name"], 0)
        provider["last"] = milliseconds(provider["last_pull"])
    return {"told": told, "picture": lanes(told["timeline"])}
