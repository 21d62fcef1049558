"""What a fault test measures, beside what was expected: sentences for the table.

`make faults` holds the bounds to the letter. Elsewhere, on a machine that has other things to do, they are
three times as wide: there a test says that the plant survives, not how fast.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

import pytest

STRICT = os.environ.get("FAULTS_STRICT") == "1"
_WIDER = 3.0


class Findings:
    """Of one test. Every sentence is kept, also when the test fails afterwards."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    def at_most(self, what: str, value: float, bound: float, unit: str = "s") -> None:
        """`value` must not be more than `bound`."""
        self.note(f"{what} {_shown(value)} {unit}".rstrip() + f" (at most {_shown(bound)})")
        allowed = bound if STRICT else bound * _WIDER
        assert value <= allowed, f"{what}: {value:g} {unit} is more than {allowed:g}"

    def none(self, what: str, found: Sequence[object]) -> None:
        """There must be none."""
        self.note(f"{len(found)} {what}")
        assert not found, f"{what}: {list(found)[:5]}"

    def note(self, sentence: str) -> None:
        self._node.user_properties.append(("found", sentence))


def spread(values: Sequence[float]) -> str:
    """p50, p99 and the worst of a series."""
    return f"p50 {p50(values):.2f}, p99 {p99(values):.2f}, worst {max(values):.2f} of {len(values)}"


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds; of fewer than a hundred, the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-99 * len(ordered) // 100) - 1)]


def _shown(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"
