"""/audit/ : who did what. Read only; there is no way to change or remove a row."""

from __future__ import annotations

from datetime import UTC, datetime, time

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from hmi.people import audit
from hmi.people.guard import require
from hmi.people.rights import Right

_ROWS = 100
_FILTERS = ("who", "action", "target", "since", "until")


@require_safe
@require(Right.CONFIGURE)
def index(request: HttpRequest) -> HttpResponse:
    """Newest first; `who`, `action`, `target`, `since` and `until` (dates, UTC) narrow it down."""
    asked = {name: request.GET.get(name, "").strip()[:200] for name in _FILTERS}
    found = audit.search(
        who=asked["who"],
        action=asked["action"],
        target=asked["target"],
        since=_day(asked["since"], time.min),
        until=_day(asked["until"], time.max),
    )
    page = Paginator(found, _ROWS).get_page(request.GET.get("page"))
    kept = urlencode({name: value for name, value in asked.items() if value})
    return render(request, "pages/audit.html", {"page": page, "asked": asked, "kept": kept})


def _day(text: str, at: time) -> datetime | None:
    try:
        day = parse_date(text) if text else None
    except ValueError:
        day = None
    return datetime.combine(day, at, UTC) if day else None
