"""/ : the plant at a glance, with the first dashboard and what changed last."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from hmi import desk
from hmi.dashboards.board import shown
from hmi.dashboards.models import Dashboard
from hmi.pages.plant import Picture, picture, targets
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication.models import Changeover

_EVENTS = 5


@require_safe
@require(Right.LOOK)
def overview(request: HttpRequest) -> HttpResponse:
    dashboard = Dashboard.objects.first()
    drawn = _draw(request)
    page = {
        "dashboard": dashboard,
        "shown": shown(dashboard, request.user) if dashboard else [],
        "changeovers": Changeover.objects.order_by("-started")[:_EVENTS],
        "drawn": drawn,
        "digest": _digest(drawn),
    }
    return render(request, "pages/overview.html", page)


@require_safe
@require(Right.LOOK)
def part(request: HttpRequest) -> HttpResponse:
    """The picture alone, for the page to swap in; 204 while it looks as the page already shows it."""
    drawn = _draw(request)
    digest = _digest(drawn)
    if request.GET.get("digest") == digest:
        return HttpResponse(status=204)
    return render(request, "pages/picture_part.html", {"drawn": drawn, "digest": digest})


def _draw(request: HttpRequest) -> str:
    return render_to_string("pages/picture.html", _seen(), request=request)


def _seen() -> dict[str, Any]:
    try:
        seen: Picture | None = picture(desk.ask("overview"), targets())
    except desk.DeskError as error:
        return {"picture": None, "why": error.reason}
    return {"picture": seen, "why": ""}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
