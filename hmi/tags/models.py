"""Tags of the provider `[default]`: memory tags and counters that this gateway holds itself."""

from __future__ import annotations

from django.db import models

from hmi.tags.value import OWN_TYPES


class Tag(models.Model):
    """One tag. `path` is canonical (`hmi.tags.path`); `datatype` is Sparkplug's name of the type.

    A counter shows the wall clock in tenths of a second, sampled every `period_ms`. A stored tag's samples
    go to history, and are kept back at the edge while its host is away.
    """

    class Kind(models.TextChoices):
        MEMORY = "memory", "memory"
        COUNTER = "counter", "counter"

    path = models.CharField(max_length=500, unique=True)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.MEMORY)
    datatype = models.CharField(max_length=20, choices=[(name, name) for name in OWN_TYPES], default="Int32")
    initial = models.JSONField("initial value", null=True, blank=True)
    writable = models.BooleanField(default=False)
    stored = models.BooleanField("stored in history", default=False)
    period_ms = models.PositiveIntegerField(
        "period", default=100, help_text="ms between two samples of a counter"
    )
    unit = models.CharField(max_length=30, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    description = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path
