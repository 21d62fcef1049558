"""Where the API lives: /api/ with the adapter below it, and the three addresses that need no sign-in."""

from django.urls import include, path

from hmi.api import health
from hmi.api.v1 import api

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/", api.urls),
    # After it: what it has below /api/v1/configuration/ goes first.
    path("", include("hmi.adapter.api.urls")),
]
