"""What goes in and out of the API: the contract's shapes, and nothing that it does not name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field, WithJsonSchema

MOST_PATHS = 10_000
MOST_WRITES = 1_000


_VALUE = (
    "A scalar, a list (array types) or an object (DataSet). Whole numbers beyond 2^53 are decimal texts, NaN "
    "and the infinities the texts `NaN`, `Infinity`, `-Infinity`; Bytes are Base64, DateTime ms since 1970."
)
_SCALARS = [{"type": name} for name in ("boolean", "number", "string", "null")]
_CELL = {"anyOf": _SCALARS}
_LIST = {"type": "array", "items": _CELL, "examples": [[1, -2, "9007199254740993"]]}
_NAMES = {"type": "array", "items": {"type": "string"}}
_DATA_SET = {
    "type": "object",
    "title": "DataSet",
    "required": ["columns", "types", "rows"],
    "additionalProperties": False,
    "properties": {
        "columns": _NAMES | {"description": "names"},
        "types": _NAMES | {"description": "Sparkplug's name of each column's type, `Int8` to `Text`"},
        "rows": {"type": "array", "items": {"type": "array", "items": _CELL}},
    },
    "examples": [{"columns": ["Step"], "types": ["Int8"], "rows": [[1], [None]]}],
}
# What a value is depends on its tag, so that only its shape can be told here; the runtime judges it.
Value = Annotated[Any, WithJsonSchema({"description": _VALUE, "anyOf": [*_SCALARS, _LIST, _DATA_SET]})]


class Strict(Schema):
    """A body: a property that it does not know is an error, not a wish."""

    model_config = ConfigDict(extra="forbid")


class Problem(Schema):
    """Every error of the API."""

    error: str
    reason: str
    resolution: str


PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), Problem)


class Reason(Strict):
    reason: str = Field(min_length=1, max_length=500, description="Why, for the audit trail")


class Paths(Strict):
    paths: list[str] = Field(max_length=MOST_PATHS)


class Write(Strict):
    """A template's member is a tag of its own."""

    path: str
    value: Value


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
    """A value of more than 2 MB is not carried: it reads null, and `Bad`."""

    path: str
    value: Value
    quality: Literal["Good", "Stale", "Bad", "Uncertain", "NotFound"]
    timestamp: str | None = Field(description="ISO 8601, UTC, milliseconds")
    type: str | None = Field(
        description="Sparkplug's name: Int8 to UInt64, Float, Double, Boolean, String, DateTime, Text, UUID, "
        "DataSet, Bytes, File, or one of these with Array behind it; null where there is no tag"
    )


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
    samples: list[tuple[int, Value, str]] = Field(
        description="[epoch ms, value, quality] in time order. Lists, tables and bytes of more than 4 KB are "
        "not kept; `tandem_history_left_out_total` of /metrics counts them"
    )
    next: str | None
