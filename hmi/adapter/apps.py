"""The adapter: components that connect to MQTT servers of others, and their configuration API."""

from __future__ import annotations

from django.apps import AppConfig


class AdapterConfig(AppConfig):
    name = "hmi.adapter"
    label = "adapter"
    verbose_name = "Adapter"
