"""/status/redundancy/ : the pair in detail, its changeovers, Force Failover and Force Re-sync."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hmi import desk
from hmi.live import condition
from hmi.live.moment import milliseconds
from hmi.pages.errors import problem, refused
from hmi.people.guard import require
from hmi.people import audit
from hmi.people.audit import Actor
from hmi.people.rights import Right
from hmi.replication.models import Changeover

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
    reason = _reason(request)
    if not reason:
        return problem(request, 422, "A failover needs a reason: it is kept in the audit trail.", "Say why.")
    answer = _ask(request, "failover", reason=reason)
    if isinstance(answer, HttpResponse):
        return answer
    messages.success(request, f"Failover asked for: changeover {(answer or {}).get('changeover', '')}.")
    return redirect("redundancy")


@require_POST
@require(Right.RESYNC)
def resync(request: HttpRequest) -> HttpResponse:
    """Force Re-sync: the pair exchanges everything again."""
    answer = _ask(request, "resync")
    if isinstance(answer, HttpResponse):
        return answer
    messages.success(request, "Re-sync asked for: the two nodes exchange every record again.")
    return redirect("redundancy")


def _ask(request: HttpRequest, op: str, **arguments: Any) -> Any:
    """Ask the desk on somebody's behalf, with an audit row whatever comes of it; a response if refused."""
    actor, reason = Actor.of(request), _reason(request)
    try:
        answer = desk.ask(op, by=actor.who, **arguments)
    except desk.DeskError as error:
        audit.record(actor, op, "redundancy", outcome=audit.REFUSED, reason=f"{reason} ({error.reason})")
        return refused(request, error)
    new = (answer or {}).get("changeover", "")
    audit.record(actor, op, "redundancy", new=new, reason=reason)
    return answer


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:_LONGEST_REASON]


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
    }
