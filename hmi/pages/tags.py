"""/tags/ : browsing every tag with its value as it is; making and changing those of `[default]`."""

from __future__ import annotations

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
from hmi.pages.tag_rows import rows_of, trail
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication import documents
from hmi.replication.schema import Invalid
from hmi.replication.standing import standing
from hmi.tags import path as paths
from hmi.tags.models import Tag

_MOST = 1000


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
    if path and not children and not why and not path.endswith("]"):
        return redirect(f"{reverse('tag')}?{urlencode({'path': path})}")
    rows = rows_of([child for child in children if child["kind"] == "tag"][:_MOST], request.user)
    page = {
        "path": path,
        "trail": trail(path),
        "folders": [child for child in children if child["kind"] == "folder"],
        "rows": rows,
        "writing": any(row.writable for row in rows),
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
        "here": standing(),
        "remove": reverse("tag-remove", args=[tag.pk]) if tag.pk else "",
        "consequence": "Removes the tag from both nodes. Its history stays.",
    }
    return render(request, "pages/form.html", page, status=422 if form.errors else 200)


def _tell(form: Any, error: Invalid) -> None:
    """The document's reasons where the form can show them."""
    for each in error.problems:
        name = "initial_value" if each.field == "initial" else each.field
        form.add_error(
            name if name in form.fields else None, each.reason if name in form.fields else str(each)
        )


def _folder_url(path: str) -> str:
    try:
        folder = paths.parent(path)
    except ValueError:
        folder = None
    return f"{reverse('tags')}?{urlencode({'path': folder})}" if folder else reverse("tags")
