"""A dashboard as its template wants it: every widget with its reading as it is now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hmi.dashboards.models import Dashboard, Widget
from hmi.pages.values import Reading, read
from hmi.people.rights import Right, may

_UNKNOWN = {"label": "–", "style": "attention"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One widget. `share` is how far along its limits the value lies, in percent, None without limits."""

    widget: Widget
    reading: Reading
    writable: bool

    @property
    def template(self) -> str:
        kind = (
            "analogue"
            if self.share is not None and self.widget.kind == Widget.Kind.VALUE
            else self.widget.kind
        )
        return f"dashboards/widgets/{kind}.html"

    @property
    def share(self) -> float | None:
        low, high = self.widget.low, self.widget.high
        if low is None or high is None or low >= high:
            return None
        raw = self.reading.raw
        value = float(raw) if isinstance(raw, int | float) else low
        return round(max(0.0, min(1.0, (value - low) / (high - low))) * 100, 1)

    @property
    def states(self) -> str:
        return json.dumps(self.widget.states)

    @property
    def state(self) -> dict[str, Any]:
        """The indicator's state: the first whose value equals the tag's. True is not 1 here."""
        raw = self.reading.raw
        for state in self.widget.states:
            if type(state["value"]) is type(raw) and state["value"] == raw:
                return dict(state)
        return {**_UNKNOWN, "label": self.reading.text}


def shown(dashboard: Dashboard, user: Any) -> list[Shown]:
    """The widgets of a dashboard in order, read from the worker in one question."""
    widgets = list(dashboard.widgets.order_by("order", "id"))
    readings = read(widget.path for widget in widgets)
    writes = may(user, Right.WRITE)
    return [_shown(widget, readings.get(widget.path, Reading(widget.path)), writes) for widget in widgets]


def _shown(widget: Widget, reading: Reading, writes: bool) -> Shown:
    return Shown(widget, reading, widget.writable and writes and not reading.about.read_only)
