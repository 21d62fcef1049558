"""Where the API lives: /api/, and the three addresses that need no sign-in."""

from django.urls import path

from hmi.api import health
from hmi.api.v1 import api

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/", api.urls),
]
