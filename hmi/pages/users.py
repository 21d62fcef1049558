"""/users/ : the accounts, and making and changing one. For administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from hmi.people.audit import Actor
from hmi.people.forms import UserForm
from hmi.people.guard import require
from hmi.people.models import User
from hmi.people.rights import RIGHTS, Right, Role
from hmi.replication import people
from hmi.replication.schema import Invalid
from hmi.replication.standing import standing


@require_safe
@require(Right.USERS)
def index(request: HttpRequest) -> HttpResponse:
    roles = [{"name": role.value, "rights": sorted(right.value for right in RIGHTS[role])} for role in Role]
    return render(
        request, "pages/users.html", {"people": User.objects.prefetch_related("tokens"), "roles": roles}
    )


@sensitive_post_parameters("new_password")
@require_http_methods(["GET", "HEAD", "POST"])
@require(Right.USERS)
def create(request: HttpRequest) -> HttpResponse:
    return _edit(request, User(), "New account")


@sensitive_post_parameters("new_password")
@require_http_methods(["GET", "HEAD", "POST"])
@require(Right.USERS)
def edit(request: HttpRequest, user_id: UUID) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    return _edit(request, user, f"Account {user.username}")


def _edit(request: HttpRequest, user: User, title: str) -> HttpResponse:
    form = UserForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        try:
            with people.change(Actor.of(request), title):
                form.save()
        except Invalid as error:
            _tell(form, error)
        else:
            messages.success(request, f"Saved {form.instance.username}.")
            return redirect("users")
    status = 422 if form.errors else 200
    page = {"form": form, "title": title, "back": "/users/", "here": standing()}
    return render(request, "pages/form.html", page, status=status)


def _tell(form: Any, error: Invalid) -> None:
    """The document's reasons where the form can show them."""
    for each in error.problems:
        form.add_error(each.field if each.field in form.fields else None, each.reason)
