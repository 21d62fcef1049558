"""django.contrib.admin with Tandem's site as its default. Apart from the site, which needs models."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class TandemAdminConfig(AdminConfig):
    default_site = "hmi.people.site.TandemSite"
