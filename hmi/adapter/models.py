"""The adapter's components and secrets, as rows. Edited through `hmi.adapter.configuration.session` only.

What a facet may hold is in `hmi.adapter.facets.shapes`; here it is JSON. Like every row of the configuration
these are one part of the document that `hmi.replication` judges, records and replicates as a whole.
"""

from __future__ import annotations

from django.db import models


class Component(models.Model):
    """`facets`: canonical facet name -> its value, without those that were never set."""

    component_id = models.CharField("component id", max_length=99, unique=True)
    type = models.CharField(max_length=30)
    running = models.BooleanField(default=True)
    facets = models.JSONField(default=dict)

    class Meta:
        ordering = ["component_id"]

    def __str__(self) -> str:
        return self.component_id


class Secret(models.Model):
    """A value that a facet refers to as `{{secret_id}}`. `made_by` is the facet that made it by itself."""

    secret_id = models.CharField("secret id", max_length=600, unique=True)
    description = models.CharField(max_length=500, blank=True)
    expiration_date = models.CharField(max_length=40, blank=True)
    sealed = models.TextField()
    made_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["secret_id"]

    def __str__(self) -> str:
        return self.secret_id
