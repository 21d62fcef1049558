"""How old something is, spelled as static/readings.js spells it, for the moment the page is made."""

from __future__ import annotations

import time

from django import template

register = template.Library()

_STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


@register.filter
def age(at: int | None) -> str:
    """`at` in ms since 1970: `0.2 s`, `42 s`, `3 min`; nothing for nothing."""
    return age_text(time.time_ns() // 1_000_000 - at) if at else ""


def age_text(milliseconds: int) -> str:
    """The largest unit that fits, tenths below ten seconds."""
    passed = max(0, milliseconds)
    if passed < 10_000:
        return f"{passed // 100 / 10:.1f} s"
    size, unit = next(step for step in _STEPS if passed >= step[0])
    return f"{passed // size} {unit}"
