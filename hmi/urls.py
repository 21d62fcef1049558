"""Every address of a node."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("hmi.api.urls")),
    path("", include("hmi.people.urls")),
    path("", include("hmi.pages.urls")),
    path("dashboards/", include("hmi.dashboards.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "hmi.pages.errors.bad_request"
handler403 = "hmi.pages.errors.forbidden"
handler404 = "hmi.pages.errors.not_found"
handler500 = "hmi.pages.errors.broken"
