"""What goes in and out of the API: the contract's shapes, and nothing that it does not name."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

MOST_PATHS = 10_000
MOST_WRITES = 1_000


class Strict(Schema):
    """A body: a property that it does not know is an error, not a wish."""

    model_config = ConfigDict(extra="forbid")


class Problem(Schema):
    """Every error of the API."""

    error: str
    reason: str
    resolution: str


class Reason(Strict):
    reason: str = Field(min_length=1, max_length=500, description="Why, for the audit trail")


class Paths(Strict):
    paths: list[str] = Field(max_length=MOST_PATHS)


class Write(Strict):
    path: str
    value: Any


class Writes(Strict):
    writes: list[Write] = Field(min_length=1, max_length=MOST_WRITES)


class Newest(Schema):
    limit: int = Field(100, ge=1, le=1_000)


class Range(Schema):
    path: str
    start: str = Field("", description="ISO 8601 or epoch ms; empty: from the beginning")
    end: str = Field("", description="exclusive; empty: to the newest")
    limit: int = Field(1_000, ge=1, le=10_000)
    after: str = Field("", description="`next` of the page before")


class TagValue(Schema):
    path: str
    value: Any
    quality: Literal["Good", "Stale", "Bad", "Uncertain", "NotFound"]
    timestamp: str | None = Field(description="ISO 8601, UTC, milliseconds")
    type: str | None


class Child(Schema):
    name: str
    path: str
    kind: Literal["folder", "tag"]
    type: str | None = None


class Outcome(Schema):
    path: str
    outcome: Literal["confirmed", "sent", "failed", "refused", "unknown"]
    detail: str


class Changeover(Schema):
    """Milliseconds count from the last heartbeat received, or from the request; null where unknowable."""

    id: str
    cause: str
    from_: str | None = Field(alias="from")
    to: str
    epoch: int
    started: str
    active_after_ms: int | None
    mqtt_after_ms: int | None
    edges_online_after_ms: int | None
    replayed: int | None
    lost: int | None
    duplicates: int | None


class ChangeoverStarted(Schema):
    changeover: str


class Samples(Schema):
    samples: list[tuple[int, Any, str]] = Field(description="[epoch ms, value, quality] in time order")
    next: str | None
