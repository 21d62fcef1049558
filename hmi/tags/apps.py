"""The tags that live in this gateway."""

from __future__ import annotations

from django.apps import AppConfig


class TagsConfig(AppConfig):
    name = "hmi.tags"
    label = "tags"
    verbose_name = "Tags"
