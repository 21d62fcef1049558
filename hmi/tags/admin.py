"""Admin page of tags."""

from __future__ import annotations

from django.contrib import admin

from hmi.replication.editing import WholeAdmin
from hmi.tags.models import Tag


@admin.register(Tag)
class TagAdmin(WholeAdmin):
    list_display = ("path", "kind", "datatype", "writable", "stored", "unit")
    list_filter = ("kind", "datatype", "stored")
    search_fields = ("path",)
