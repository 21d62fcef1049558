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


class Resource(models.Model):
    """One object of the configuration as it was last recorded: what its row must say.

    `folded` is the key without upper and lower case; `row` is the id of a tag's row.
    """

    key = models.CharField(max_length=600, unique=True)
    folded = models.CharField(max_length=1800, db_index=True)
    body = models.TextField()
    row = models.BigIntegerField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key


class Touched(models.Model):
    """Ids of tags' rows that were written since the configuration was recorded; by triggers."""

    id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.pk)


class Head(models.Model):
    """Where this node's configuration stands (see hmi.replication.descent). One row, made when first needed.

    Versions are spelled in full, empty for none. `common` is the last one that the store `common_with`
    has had too, `wants` the one that was asked for, `refused` the last one that could not be used here.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.CharField(max_length=120, default="")
    common = models.CharField(max_length=120, default="")
    common_with = models.CharField(max_length=100, default="")
    wants = models.CharField(max_length=120, default="")
    refused = models.CharField(max_length=120, default="")

    def __str__(self) -> str:
        return self.version


class Change(models.Model):
    """One link of this node's chain of versions. `keys` names what changed, null where that is too much."""

    version = models.CharField(max_length=120, unique=True)
    node = models.CharField(max_length=100)
    who = models.CharField(max_length=150)
    summary = models.CharField(max_length=500)
    keys = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.version}: {self.summary}"


class Conflict(models.Model):
    """What one node had changed while the other one did too: kept under a name until a person decides.

    `items`: key -> body, null where it was deleted; null instead of all: only `node` has them.
    """

    name = models.CharField(max_length=200, primary_key=True)
    node = models.CharField(max_length=100)
    version = models.CharField(max_length=120)
    live = models.CharField(max_length=120)
    own_only = models.BooleanField()
    items = models.JSONField(null=True)
    at = models.DateTimeField()
    settled_by = models.CharField(max_length=150, blank=True)
    settled_at = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.name


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
