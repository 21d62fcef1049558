"""Dashboards and what they show."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "hmi.dashboards"
    label = "dashboards"
    verbose_name = "Dashboards"
