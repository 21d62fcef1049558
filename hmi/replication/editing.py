"""Editing rows in the admin site: by right, on the active node, and whole or not at all."""

# ruff: noqa: ARG002  (the signatures are Django's)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html

from hmi.people.audit import Actor
from hmi.people.rights import Right, may
from hmi.replication import documents
from hmi.replication.schema import Invalid, Problem
from hmi.replication.standing import Standing, standing

Commit = Callable[[Actor, str], Any]


def standing_of(request: HttpRequest) -> Standing:
    """This node's standing, asked once for a request: a page asks for each of its parts."""
    held = getattr(request, "_standing", None)
    if held is None:
        held = standing()
        request._standing = held  # type: ignore[attr-defined]
    return cast(Standing, held)


class Guarded:
    """Rights of an admin page or of a part of one. On a standby node there is only looking."""

    right = Right.CONFIGURE

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.right)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, self.right)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request)

    def _may_edit(self, request: HttpRequest) -> bool:
        return may(request.user, self.right) and standing_of(request).active


class GuardedInline(Guarded, admin.TabularInline):  # type: ignore[type-arg]
    """Rows edited within their parent's page."""

    extra = 0


class WholeAdmin(Guarded, admin.ModelAdmin):  # type: ignore[type-arg]
    """Every save and delete ends in one commit of the whole document, in the same transaction.

    A whole that can't be used undoes the edit and comes back as an error of the form. Who did what is in
    the audit trail, so Django's own log stays empty.
    """

    commit: Commit = staticmethod(documents.commit)
    save_as = False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        self._tell(request)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Invalid as error:
            # The transaction is undone; the same form again, now with what was wrong about the whole.
            request._problems = error.problems  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        self._tell(request)
        return self._undone(request, lambda: super(WholeAdmin, self).changelist_view(request, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        view = super().delete_view
        return self._undone(request, lambda: view(request, object_id, extra_context))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        problems = getattr(request, "_problems", None)
        return form if problems is None else _with_problems(form, problems)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._commit(request, f"{'changed' if change else 'added'} {form.instance}")

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        name = str(obj)
        super().delete_model(request, obj)
        self._commit(request, f"deleted {name}")

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        count = len(queryset)
        super().delete_queryset(request, queryset)
        self._commit(request, f"deleted {count}")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any: ...
    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any: ...
    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any: ...

    def _commit(self, request: HttpRequest, summary: str) -> None:
        done = self.commit(Actor.of(request), summary)
        if getattr(done, "restart", False):
            messages.warning(
                request, "This node's own addresses changed; they take effect at its next start."
            )

    def _undone(self, request: HttpRequest, view: Callable[[], Any]) -> HttpResponse:
        try:
            with transaction.atomic():
                return cast(HttpResponse, view())
        except Invalid as error:
            for each in error.problems:
                messages.error(request, str(each))
            return HttpResponseRedirect(request.get_full_path().replace("/delete/", "/change/"))

    @staticmethod
    def _tell(request: HttpRequest) -> None:
        if request.method == "GET" and may(request.user, Right.CONFIGURE):
            here = standing_of(request)
            if here.active:
                return
            link = format_html('<a href="{0}{1}">{0}</a>', here.active_url, request.path)
            place = (
                format_html("Edit on {}: {}", here.active_node, link) if here.active_url else here.resolution
            )
            messages.warning(request, format_html("{} {}", here.reason, place))


def _is_about(problem: Problem, row: models.Model) -> bool:
    """Whether the problem lies in this row. Of two names that differ in case only, either one is at fault."""
    kind, _, name = problem.where.partition("/")
    return name.casefold() == str(row).casefold() if name else str(row._meta.model_name).startswith(kind)


def _with_problems(form: type[forms.ModelForm[Any]], problems: list[Problem]) -> type[forms.ModelForm[Any]]:
    """`form`, failing with `problems`: at the field that has the name and holds the object, else on top."""

    class Refused(form):  # type: ignore[misc,valid-type]
        def _post_clean(self) -> None:
            super()._post_clean()
            for each in problems:
                own = each.field in self.fields and _is_about(each, self.instance)
                self.add_error(each.field if own else None, each.reason if own else str(each))

    Refused.__name__ = form.__name__
    return Refused
