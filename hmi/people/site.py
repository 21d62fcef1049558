"""The admin site under Tandem's rights: one sign-in, one set of roles, one way to change anything."""

# ruff: noqa: ARG002  (the signatures are Django's)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode

from hmi.people import views
from hmi.people.guard import forbidden
from hmi.people.rights import Right, may


class TandemSite(AdminSite):
    """Who may configure may open it; what somebody sees in it is each page's own question."""

    site_title = site_header = "Tandem configuration"
    index_title = "Configuration"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.CONFIGURE)

    def login(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in. Who is signed in already lacks the right, and is told so."""
        if request.user.is_authenticated:
            return forbidden(request, request.user.role, Right.CONFIGURE)
        asked = request.GET.get("next") or request.get_full_path()
        return HttpResponseRedirect(f"/login/?{urlencode({'next': asked})}")

    def logout(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> Any:
        return views.sign_out(request)
