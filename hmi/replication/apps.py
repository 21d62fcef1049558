"""What the two nodes of a pair tell each other, and how it becomes rows."""

from __future__ import annotations

from django.apps import AppConfig


class ReplicationConfig(AppConfig):
    name = "hmi.replication"
    label = "replication"
    verbose_name = "Replication"
