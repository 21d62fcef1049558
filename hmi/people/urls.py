"""/login/ and /logout/."""

from __future__ import annotations

from django.urls import path

from hmi.people.views import sign_in, sign_out

urlpatterns = [
    path("login/", sign_in, name="login"),
    path("logout/", sign_out, name="logout"),
]
