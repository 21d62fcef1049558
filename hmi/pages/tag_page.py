"""/tags/tag/?path= : one tag with everything that is known of it, and the inside of its value."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hmi.pages.errors import problem
from hmi.pages.inside import inside
from hmi.pages.tag_rows import Row, rows_of, trail
from hmi.pages.values import text_of
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.tags import path as paths


@require_safe
@require(Right.LOOK)
def show(request: HttpRequest) -> HttpResponse:
    """404 for a path that no tag has; with a silent worker the page is there, and its value is not."""
    try:
        path = paths.canonical(request.GET.get("path", ""))
    except paths.PathError as error:
        return _nowhere(request, str(error))
    (row,) = rows_of([{"name": paths.name(path), "path": path}], request.user)
    if row.reading.quality == "notfound":
        return _nowhere(request, f"There is no tag {path}.")
    page = {
        "path": path,
        "row": row,
        "trail": trail(path),
        "inside": inside(row.reading.raw),
        "range": _range(row),
        "access": _access(row),
    }
    return render(request, "pages/tag.html", page)


def _nowhere(request: HttpRequest, why: str) -> HttpResponse:
    return problem(request, 404, why, "Browse from the providers down.", href="/tags/", link="Tags")


def _range(row: Row) -> str:
    about: Any = row.configured or row.reading.about
    unit = f" {row.unit}" if row.unit else ""
    if about.low is not None and about.high is not None:
        return f"{text_of(about.low)} to {text_of(about.high)}{unit}"
    if about.low is not None:
        return f"at least {text_of(about.low)}{unit}"
    return "" if about.high is None else f"at most {text_of(about.high)}{unit}"


def _access(row: Row) -> str:
    fixed = not row.configured.writable if row.configured else row.reading.about.read_only
    return "read-only" if fixed else "can be written"
