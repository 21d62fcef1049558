"""What is measured again and again: takeovers, values that move, commands that arrive, roles that stay."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from hmi.plant.drill import EDGES
from hmi.plant.layout import PlantNode
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.plant.observer import Observer
from tests.waiting import wait_for


def seconds_until(condition: Callable[[], Any], what: str, start: float, patience: float = 30.0) -> float:
    """From `start` (monotonic) until the condition holds."""
    wait_for(condition, what, patience, pause=0.01)
    return time.monotonic() - start


def takeover(plant: Laboratory, heir: PlantNode, start: float, patience: float = 30.0) -> float:
    """Seconds from `start` until the heir says Active."""
    return seconds_until(lambda: plant.state(heir) == "Active", f"{heir.name} is active", start, patience)


def edges_move(plant: Laboratory, host: PlantNode, start: float, patience: float = 30.0) -> float:
    """Seconds from `start` until every edge's values at the host are younger than now."""
    since = wall_ms()
    return seconds_until(
        lambda: all(plant.edge_moves(host, edge, since) for edge in EDGES),
        "every edge moves",
        start,
        patience,
    )


def born(third: Observer, start: float, edges: Collection[str] = EDGES, patience: float = 30.0) -> float:
    """Seconds from `start` until these edges have been born again, as the third client saw it."""

    def births() -> bool:
        said = {seen.topic.rpartition("/")[2] for seen in third.since(start, "NBIRTH")}
        return set(edges) <= said

    wait_for(births, "every edge is born again", patience, pause=0.01)
    first = {s.topic.rpartition("/")[2]: s.at for s in reversed(third.since(start, "NBIRTH"))}
    return max(first[edge] for edge in edges) - start


def lost_and_doubled(plant: Laboratory, host: PlantNode, since_ms: int) -> tuple[int, int]:
    """The Counter's numbers in history from `since_ms` to now: missing, and there twice."""
    end = wall_ms()
    expected = set(range(since_ms // 100 + 1, end // 100))
    seen: dict[str, list[int]] = {}

    def complete() -> bool:
        for edge in EDGES:
            seen[edge] = plant.samples(host, edge, since_ms, end)
        return all(expected <= set(numbers) for numbers in seen.values())

    deadline = time.monotonic() + 20
    while not complete() and time.monotonic() < deadline:
        time.sleep(0.25)
    lost = sum(len(expected - set(numbers)) for numbers in seen.values())
    return lost, sum(len(numbers) - len(set(numbers)) for numbers in seen.values())


class Roles:
    """Watches who says Active, from outside, on a thread of its own."""

    def __init__(self, plant: Laboratory, gateways: tuple[str, ...]) -> None:
        self.seen: dict[str, list[tuple[float, str, str]]] = {gateway: [] for gateway in gateways}
        self.terms: dict[str, list[tuple[int, str]]] = {gateway: [] for gateway in gateways}
        self.both: list[tuple[float, str]] = []
        self._plant = plant
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.is_set():
            for gateway in self.seen:
                nodes = self._plant.layout.pair(gateway)
                views = [(node, self._plant.view(node)) for node in nodes]
                acting = [(node.name, view["epoch"]) for node, view in views if view["state"] == "Active"]
                if len(acting) == 2 and self._still(nodes):
                    self.both.append((time.monotonic(), gateway))
                for name, epoch in acting:
                    self._note(gateway, name, epoch)
            time.sleep(0.02)

    def _note(self, gateway: str, name: str, epoch: int) -> None:
        seen, terms = self.seen[gateway], self.terms[gateway]
        if not seen or seen[-1][2] != name:
            seen.append((time.monotonic(), gateway, name))
        if not terms or terms[-1] != (epoch, name):
            terms.append((epoch, name))

    def _still(self, nodes: tuple[PlantNode, PlantNode]) -> bool:
        """Asked one after the other, two may say Active in a switch: only if both still do, both did."""
        return all(self._plant.state(node) == "Active" for node in nodes)

    def changes(self, gateway: str) -> int:
        """How often another node than before said Active."""
        return max(0, len(self.seen[gateway]) - 1)

    def __enter__(self) -> Roles:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)


class Orders:
    """Somebody with a hand at each node of the host pair, who writes Tag 1 of Edge 1 as fast as they answer.

    Each hand keeps its connection. More of them would fill both cores of a small machine with HTTP, and what
    is measured then is the queue before the web process and not the switch.
    """

    def __init__(self, plant: Laboratory) -> None:
        self.outcomes: list[tuple[float, str, str]] = []
        self._plant = plant
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(node,), daemon=True)
            for node in plant.layout.pair("Primary")
        ]

    def _write(self, node: PlantNode) -> None:
        value, gate = 0, self._plant.gate(node).kept()
        while not self._over.is_set():
            value = value % 900 + 1
            outcome = self._plant.commanded(node, value, gate=gate)
            self.outcomes.append((time.monotonic(), node.name, outcome))
            time.sleep(0.005 if outcome == "confirmed" else 0.02)
        gate.close()

    def __enter__(self) -> Orders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)


def gap(third: Observer, start: float, end: float) -> float:
    """The longest time between two commands that the third client saw."""
    times = sorted(seen.at for seen in third.since(start, "DCMD") if seen.at <= end)
    assert len(times) > 2, "no commands were seen"
    return max(later - earlier for earlier, later in pairwise(times))


@contextmanager
def busy(seconds: float = 120.0) -> Iterator[None]:
    """A loop on every core, for `seconds` at most, whatever becomes of this process."""
    loop = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    loops = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for one in loops:
            one.kill()
            one.wait()


@contextmanager
def nothing_changes(plant: Laboratory, *, seconds: float = 0.0) -> Iterator[Roles]:
    """Each gateway's role stays where it is for as long as the block takes and `seconds` more."""
    acting = {gateway: plant.active(gateway).name for gateway in plant.layout.gateways}
    epochs = {gateway: plant.epoch(plant.active(gateway)) for gateway in acting}
    with Roles(plant, plant.layout.gateways) as roles:
        yield roles
        time.sleep(seconds)  # for nothing to happen in
    for gateway, name in acting.items():
        assert roles.changes(gateway) == 0, f"{gateway}: {roles.seen[gateway]}"
        node = plant.layout.node(name)
        wait_for(lambda node=node: plant.state(node) == "Active", f"{name} still acts", 10)
        assert plant.epoch(node) == epochs[gateway], f"{gateway} has another term"
    assert not roles.both


def pair_link_cut(plant: Laboratory, holder: PlantNode, other: PlantNode, found: Findings) -> None:
    with nothing_changes(plant, seconds=5):
        start = time.monotonic()
        plant.lose(holder.name, other.name)
        plant.lose(other.name, holder.name)
        noticed = seconds_until(
            lambda: not (plant.view(other)["peer"] or {"connected": True})["connected"],
            "it is noticed",
            start,
        )
        warned = seconds_until(lambda: plant.view(holder)["warnings"], "the holder warns", start)
        said = plant.view(other)
        assert said["state"] in ("Standby", "Candidate"), "it may ask, and must not act"
        plant.mend(holder.name, other.name)
        plant.mend(other.name, holder.name)
    found.note(f"no change of role; the other is {said['state']}: {said['why']}")
    found.note(f"noticed after {noticed:.1f} s, warned of after {warned:.1f} s")


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
