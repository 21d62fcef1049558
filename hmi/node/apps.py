"""The node's processes and the demo plant: commands, no models."""

from django.apps import AppConfig


class NodeAppConfig(AppConfig):
    name = "hmi.node"
    label = "node"
