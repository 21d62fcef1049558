"""/status/redundancy/changeovers/<id>/ : the report of one changeover."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication.models import Changeover
from hmi.replication.reports import whole


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way, `left` in per cent of the whole."""

    what: str
    after: int
    left: str


@require_safe
@require(Right.LOOK)
def show(request: HttpRequest, identity: str) -> HttpResponse:
    row = get_object_or_404(Changeover, pk=identity)
    report = whole(identity)
    if report is None:
        raise Http404("no such changeover")
    steps = [(str(what), int(after)) for what, after in report.get("steps", ())]
    longest = max((after for _, after in steps), default=0) or 1
    return render(
        request,
        "pages/changeover.html",
        {
            "row": row,
            "report": report,
            "steps": [Step(what, after, f"{after * 100 / longest:.2f}%") for what, after in steps],
            "edges": sorted(report.get("edges", {}).items()),
        },
    )


@require_safe
@require(Right.LOOK)
def download(request: HttpRequest, identity: str) -> HttpResponse:  # noqa: ARG001
    """The same as JSON, to keep."""
    report = whole(identity)
    if report is None:
        raise Http404("no such changeover")
    body = json.dumps(report, indent=2, ensure_ascii=False)
    response = HttpResponse(body, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="changeover-{report["epoch"]}.json"'
    return response
