"""Data filters: which values of a stream are worth keeping. Pure; what is remembered goes in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from hmi.adapter.facets.scalars import seconds
from sparkplug import Value


class Passed(NamedTuple):
    """The last value of a stream that got through, and when it was (ms)."""

    value: Value
    timestamp: int


@dataclass(frozen=True, slots=True)
class DataFilter:
    """A value passes that differs from the last one that passed by more than `absolute`, or by more than
    `percent` of it; and so does any that is `expires` ms or more younger. Of texts and switches only a
    change passes.
    """

    absolute: float | None = None
    percent: float | None = None
    expires: int | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """From an entry of the facet dataFilters. Raises ValueError for a span that is none."""
        period = item.get("expirationPeriod")
        expires = None if period is None else round(seconds(period) * 1000)
        return cls(item.get("absoluteDeadband"), item.get("percentChange"), expires)

    def passes(self, last: Passed | None, value: Value, timestamp: int) -> bool:
        """Whether the value is worth keeping; the first one always is."""
        if last is None:
            return True
        if self.expires is not None and timestamp - last.timestamp >= self.expires:
            return True
        before = last.value
        if not _is_number(before) or not _is_number(value):
            return type(before) is not type(value) or before != value
        return self._far(before, value)

    def _far(self, before: Any, value: Any) -> bool:
        if value == before or (math.isnan(value) and math.isnan(before)):
            return False
        distance = abs(value - before)
        if not math.isfinite(distance):
            return True
        if self.absolute is not None:
            return bool(distance > self.absolute)
        return bool(distance * 100 > abs(before) * (self.percent or 0.0))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
