"""Admin page of accounts, for administrators."""

# ruff: noqa: ARG002  (the signatures are Django's)

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from hmi.people.forms import UserForm
from hmi.people.models import Token, User
from hmi.people.rights import Right
from hmi.replication import people
from hmi.replication.editing import GuardedInline, WholeAdmin

# Django's groups mean nothing here.
admin.site.unregister(Group)


class TokenInline(GuardedInline):
    """Tokens can be revoked here; a new one is shown once, where it is made."""

    right = Right.USERS
    model = Token
    fields = ("name", "created")
    readonly_fields = ("name", "created")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(WholeAdmin):
    right = Right.USERS
    commit = staticmethod(people.commit)
    form = UserForm
    list_display = ("username", "full_name", "role", "is_active")
    list_filter = ("role", "is_active")
    search_fields = ("username", "full_name")
    inlines = (TokenInline,)
