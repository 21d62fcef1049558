"""The ledger that the two nodes of a pair exchange, and what became of it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models


class Ledger(models.Model):
    """This store: who it is, and its logical clock. One row, made when first needed.

    Not made by a migration: databases are copied from a template, and two stores of one name would each
    take the other's records for their own.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identity = models.UUIDField(default=uuid.uuid4)
    clock = models.BigIntegerField(default=0)


class Record(models.Model):
    """The newest record of each key. `seq` is local: a replaced record gets a new one, and none is reused."""

    seq = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=40)
    key = models.CharField(max_length=600)
    epoch = models.BigIntegerField()
    clock = models.BigIntegerField()
    origin = models.CharField(max_length=100)
    body = models.BinaryField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="one_record_per_key")]

    def __str__(self) -> str:
        return f"{self.provider} {self.key}"


class Cursor(models.Model):
    """How far this store has read another one, by the other's identity."""

    source = models.CharField(max_length=100, primary_key=True)
    through = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.source} through {self.through}"


class RejectedDocument(models.Model):
    """A record that the peer sent and that could not be used: kept out, and shown until a good one comes."""

    provider = models.CharField(max_length=40)
    key = models.CharField(max_length=600)
    epoch = models.BigIntegerField()
    clock = models.BigIntegerField()
    origin = models.CharField(max_length=100)
    reason = models.TextField()
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="one_rejection_per_key")]
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.provider} {self.key}: {self.reason}"


class Changeover(models.Model):
    """One changeover of the pair, as the API reports it. Times in ms, null where unknowable."""

    id = models.CharField(max_length=100, primary_key=True)
    cause = models.CharField(max_length=200)
    from_node = models.CharField(max_length=100, blank=True)
    to_node = models.CharField(max_length=100)
    epoch = models.BigIntegerField()
    started = models.DateTimeField()
    active_after_ms = models.BigIntegerField(null=True)
    mqtt_after_ms = models.BigIntegerField(null=True)
    edges_online_after_ms = models.BigIntegerField(null=True)
    replayed = models.BigIntegerField(null=True)
    lost = models.BigIntegerField(null=True)
    duplicates = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-started", "-epoch"]

    def as_dict(self) -> dict[str, Any]:
        """The contract's shape; `started` in ISO 8601 UTC."""
        return {
            "id": self.pk,
            "cause": self.cause,
            "from": self.from_node or None,
            "to": self.to_node,
            "epoch": self.epoch,
            "started": self.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "active_after_ms": self.active_after_ms,
            "mqtt_after_ms": self.mqtt_after_ms,
            "edges_online_after_ms": self.edges_online_after_ms,
            "replayed": self.replayed,
            "lost": self.lost,
            "duplicates": self.duplicates,
        }

    def __str__(self) -> str:
        return f"{self.from_node} to {self.to_node}, epoch {self.epoch}"
