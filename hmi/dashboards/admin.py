"""Admin page of dashboards and their widgets."""

from __future__ import annotations

from django.contrib import admin

from hmi.dashboards.models import Dashboard, Widget
from hmi.replication.editing import GuardedInline, WholeAdmin


class WidgetInline(GuardedInline):
    model = Widget


@admin.register(Dashboard)
class DashboardAdmin(WholeAdmin):
    list_display = ("title", "slug", "order")
    prepopulated_fields = {"slug": ("title",)}
    inlines = (WidgetInline,)
