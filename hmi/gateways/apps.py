"""What a gateway is told: its nodes, MQTT servers and modules, as rows."""

from __future__ import annotations

from django.apps import AppConfig


class GatewaysConfig(AppConfig):
    name = "hmi.gateways"
    label = "gateways"
    verbose_name = "Gateway"
