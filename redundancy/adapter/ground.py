"""What the components of a node stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from redundancy.adapter.reports import AdapterSink
from redundancy.clock import Clock
from redundancy.site import Farewells


@dataclass(frozen=True, slots=True)
class Ground:
    """`node` is this node's name; `holds` answers whether it holds the lease at this very moment (as in
    redundancy.site.Site); `trouble(kind, detail)` counts and reports faults."""

    node: str
    clock: Clock
    sink: AdapterSink
    holds: Callable[[], bool]
    trouble: Callable[[str, str], None]
    farewells: Farewells = field(default_factory=Farewells)
