"""Dashboards: pages of labels, live values and indicators, made from tags."""

from __future__ import annotations

from django.db import models

from hmi.gateways.models import Gateway


class Dashboard(models.Model):
    """One page under /dashboards/."""

    gateway = models.ForeignKey(
        Gateway, on_delete=models.CASCADE, default=1, related_name="dashboards", editable=False
    )
    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["order", "title"]

    def __str__(self) -> str:
        return self.title


class Widget(models.Model):
    """One thing on a dashboard.

    `states` of an indicator: a list of {"value", "label", "style"}, style one of
    normal, attention, alarm, off; the first whose value equals the tag's is shown.
    """

    class Kind(models.TextChoices):
        LABEL = "label", "label"
        VALUE = "value", "value"
        INDICATOR = "indicator", "multi-state indicator"

    dashboard = models.ForeignKey(Dashboard, on_delete=models.CASCADE, related_name="widgets")
    order = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.VALUE)
    label = models.CharField(max_length=200)
    path = models.CharField("tag path", max_length=1000, blank=True)
    states = models.JSONField(default=list, blank=True)
    unit = models.CharField(max_length=30, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    writable = models.BooleanField(default=False)

    class Meta:
        ordering = ["dashboard", "order", "id"]

    def __str__(self) -> str:
        return self.label
