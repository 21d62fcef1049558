"""Where the adapter's API is, in any case of letters. Ids may hold slashes: an item is all that follows."""

from __future__ import annotations

from django.urls import re_path

from hmi.adapter.api import views


def _any_case(word: str) -> str:
    """Letter by letter: a flag for all of it could not be turned back into an address."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


_API = _any_case("api/v1/")
_CONFIGURATION = _API + _any_case("configuration")
_ADMINISTRATION = _API + _any_case("administration")
_DIAGNOSTICS = _API + _any_case("diagnostics")
_MANAGEMENT = _API + _any_case("management")
_SECRETS = f"{_MANAGEMENT}/{_any_case('secrets')}"
_COMPONENT, _FACET, _ITEM = r"(?P<component>[^/]+)", r"(?P<facet>[^/]+)", r"(?P<item>.+)"

urlpatterns = [
    re_path(rf"^{_CONFIGURATION}/?$", views.whole),
    re_path(rf"^{_CONFIGURATION}/{_COMPONENT}/?$", views.component),
    re_path(rf"^{_CONFIGURATION}/{_COMPONENT}/{_FACET}/?$", views.facet),
    re_path(rf"^{_CONFIGURATION}/{_COMPONENT}/{_FACET}/{_ITEM}$", views.item),
    re_path(rf"^{_ADMINISTRATION}/{_COMPONENT}/(?P<function>[^/]+)/?$", views.function),
    re_path(rf"^{_DIAGNOSTICS}/(?P<name>[^/]+)/?$", views.diagnosis),
    re_path(rf"^{_SECRETS}/?$", views.secrets),
    re_path(rf"^{_SECRETS}/{_ITEM}$", views.secrets),
    *(
        re_path(rf"^{root}(?:/.*)?$", views.nothing)
        for root in (_CONFIGURATION, _ADMINISTRATION, _DIAGNOSTICS, _MANAGEMENT)
    ),
]
