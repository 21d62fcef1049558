"""/dashboards/ and /dashboards/<slug>/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from hmi.dashboards.board import shown
from hmi.dashboards.models import Dashboard
from hmi.people.guard import require
from hmi.people.rights import Right


@require_safe
@require(Right.LOOK)
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboards/index.html", {"dashboards": Dashboard.objects.all()})


@require_safe
@require(Right.LOOK)
def show(request: HttpRequest, slug: str) -> HttpResponse:
    dashboard = get_object_or_404(Dashboard, slug=slug)
    return render(
        request, "dashboards/show.html", {"dashboard": dashboard, "shown": shown(dashboard, request.user)}
    )
