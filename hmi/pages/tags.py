"""/tags/ : browsing every tag with its value as it is; making and changing those of `[default]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hmi import desk
from hmi.pages.errors import problem
from hmi.pages.tag_form import TagForm
from hmi.pages.values import Reading, read
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.rights import Right, may
from hmi.replication import documents
from hmi.replication.schema import Invalid
from hmi.tags import path as paths
from hmi.tags.models import Tag

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One tag of the folder that is shown. `configured` is its row, if it is one of this gateway's own."""

    name: str
    reading: Reading
    type: str
    configured: Tag | None
    writable: bool


@require_safe
@require(Right.LOOK)
def browser(request: HttpRequest) -> HttpResponse:
    """`?path=` is the folder to look into; without it, the providers."""
    asked = request.GET.get("path", "")
    try:
        path = paths.canonical(asked) if asked else ""
    except paths.PathError as error:
        return problem(
            request, 404, str(error), "Browse from the providers down.", href="/tags/", link="Tags"
        )
    try:
        children, why = desk.ask("browse", path=path), ""
    except desk.DeskError as error:
        if error.status != 503:
            return problem(request, error.status, error.reason, error.resolution, href="/tags/", link="Tags")
        children, why = [], error.reason
    page = {
        "path": path,
        "trail": _trail(path),
        "folders": [child for child in children if child["kind"] == "folder"],
        "rows": _rows([child for child in children if child["kind"] == "tag"][:_MOST], request.user),
        "left_off": max(0, sum(child["kind"] == "tag" for child in children) - _MOST),
        "why": why,
        "can_create": path == "" or path.startswith(f"[{paths.DEFAULT}]"),
    }
    return render(request, "pages/tags.html", page)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    folder = request.GET.get("folder", "")
    start = f"{folder}/" if folder.startswith(f"[{paths.DEFAULT}]") and not folder.endswith("]") else folder
    return _edit(request, Tag(path=start or f"[{paths.DEFAULT}]"), "New tag")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Right.CONFIGURE)
def edit(request: HttpRequest, tag_id: int) -> HttpResponse:
    tag = get_object_or_404(Tag, pk=tag_id)
    return _edit(request, tag, f"Tag {paths.name(tag.path)}")


@require_POST
@require(Right.CONFIGURE)
def remove(request: HttpRequest, tag_id: int) -> HttpResponse:
    tag = get_object_or_404(Tag, pk=tag_id)
    path = tag.path
    try:
        with documents.change(Actor.of(request), f"removed {path}"):
            tag.delete()
    except Invalid as error:
        return problem(
            request, 409, str(error), "Change what refers to it first.", href="/tags/", link="Tags"
        )
    messages.success(request, f"Removed {path}.")
    return redirect(_folder_url(path))


def _edit(request: HttpRequest, tag: Tag, title: str) -> HttpResponse:
    form = TagForm(request.POST or None, instance=tag)
    if request.method == "POST" and form.is_valid():
        try:
            with documents.change(Actor.of(request), title):
                form.save()
        except Invalid as error:
            _tell(form, error)
        else:
            messages.success(request, f"Saved {form.instance.path}.")
            return redirect(_folder_url(form.instance.path))
    page = {
        "form": form,
        "title": title,
        "back": _folder_url(tag.path),
        "remove": reverse("tag-remove", args=[tag.pk]) if tag.pk else "",
    }
    return render(request, "pages/form.html", page, status=422 if form.errors else 200)


def _tell(form: Any, error: Invalid) -> None:
    """The document's reasons where the form can show them."""
    for each in error.problems:
        name = "initial_value" if each.field == "initial" else each.field
        form.add_error(
            name if name in form.fields else None, each.reason if name in form.fields else str(each)
        )


def _rows(children: list[dict[str, Any]], user: Any) -> list[Row]:
    readings = read(child["path"] for child in children)
    held = {tag.path: tag for tag in Tag.objects.filter(path__in=readings)}
    writes = may(user, Right.WRITE)
    rows = []
    for child in children:
        path, tag = child["path"], held.get(child["path"])
        writable = writes and (tag.writable if tag else _commandable(path))
        rows.append(
            Row(child["name"], readings.get(path, Reading(path)), child.get("type") or "", tag, writable)
        )
    return rows


def _commandable(path: str) -> bool:
    """Whether a write may be offered: an edge's metric. The runtime says in the end whether it takes it."""
    provider, names = paths.split(path)
    return provider == paths.ENGINE and names[:1] == ("Edge Nodes",) and "Node Info" not in names[:4]


def _trail(path: str) -> list[dict[str, str]]:
    """The folders above, from the provider down."""
    trail: list[dict[str, str]] = []
    at: str | None = path or None
    while at:
        trail.append({"name": paths.name(at), "path": at})
        at = paths.parent(at)
    return trail[::-1]


def _folder_url(path: str) -> str:
    try:
        folder = paths.parent(path)
    except ValueError:
        folder = None
    return f"{reverse('tags')}?{urlencode({'path': folder})}" if folder else reverse("tags")
