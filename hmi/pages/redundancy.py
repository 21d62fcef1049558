"""/status/redundancy/ : the pair in detail, its changeovers, Force Failover and Force Re-sync."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hmi import audited, desk
from hmi.live import condition
from hmi.live.moment import milliseconds
from hmi.pages.errors import problem, refused
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication.models import Changeover, RejectedDocument

_NEWEST = 50
_LONGEST_REASON = 500


@require_safe
@require(Right.LOOK)
def status(request: HttpRequest) -> HttpResponse:
    changeovers = Changeover.objects.order_by("-started")[:_NEWEST]
    return render(request, "pages/redundancy.html", {**_seen(), "changeovers": changeovers})


@require_safe
@require(Right.LOOK)
def part(request: HttpRequest) -> HttpResponse:
    """What changes by itself, for the page to swap in."""
    changeovers = Changeover.objects.order_by("-started")[:_NEWEST]
    return render(request, "pages/redundancy_part.html", {**_seen(), "changeovers": changeovers})


@require_POST
@require(Right.FAILOVER)
def failover(request: HttpRequest) -> HttpResponse:
    """Force Failover: a planned switch to the other node, asked on either."""
    return _order(request, "failover", "Failover asked for: the other node takes over.")


@require_POST
@require(Right.RESYNC)
def resync(request: HttpRequest) -> HttpResponse:
    """Force Re-sync: the pair exchanges everything again."""
    return _order(request, "resync", "Re-sync asked for: the two nodes exchange every record again.")


def _order(request: HttpRequest, op: str, done: str) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        return problem(request, 422, "This needs a reason: it is kept in the audit trail.", "Say why.")
    try:
        audited.order(Actor.of(request), op, reason)
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
        "kept_out": RejectedDocument.objects.all()[:_NEWEST],
    }
