"""What the components of a node stand on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from redundancy.adapter.reports import AdapterSink
from redundancy.clock import Clock
from redundancy.site import Farewells

TRACE: Final = 5
"""A level of the logs below DEBUG: every message."""


def silent(component: str) -> logging.Logger:  # noqa: ARG001
    """A log that nobody keeps."""
    return logging.Logger("silent", logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Ground:
    """`node` is this node's name; `holds` answers whether it holds the lease at this very moment (as in
    redundancy.site.Site); `trouble(kind, detail)` counts and reports faults. `log` is where a component,
    given by its id, says what it does: neither passwords nor, above DEBUG, what is in messages."""

    node: str
    clock: Clock
    sink: AdapterSink
    holds: Callable[[], bool]
    trouble: Callable[[str, str], None]
    farewells: Farewells = field(default_factory=Farewells)
    log: Callable[[str], logging.Logger] = silent
