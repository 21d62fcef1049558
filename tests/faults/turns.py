"""`python -m tests.faults turns --count N [--cut]`: the acting host is killed, again and again, in turn.

With `--cut` its cable is pulled instead (network namespaces: root). Counts from the kill, as somebody at the
API sees it. Afterwards nothing may have been left: threads and open files of the processes that lived through
it all, files in the nodes' folders. Prints every turn; nothing is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from hmi.plant.layout import WITNESS, PlantNode
from tests.faults.findings import p50, p99, spread
from tests.faults.laboratory import Laboratory, laboratory
from tests.faults.ledger import keep_series
from tests.faults.measuring import edges_move, lost_and_doubled, takeover, wall_ms

_P50, _P99 = 2.0, 2.5
_UNCOLLECTED = 30


@dataclass
class Turns:
    """What has been measured so far."""

    plant: Laboratory
    active: list[float] = field(default_factory=list)
    moving: list[float] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0

    def one(self, *, cut: bool = False) -> None:
        """Kill (or cut off) the acting host, measure, heal."""
        victim = self.plant.active("Primary")
        heir = self.plant.layout.peer(victim)
        since, start = wall_ms() - 1000, time.monotonic()
        self._strike(victim, cut)
        self.active.append(takeover(self.plant, heir, start))
        self.moving.append(edges_move(self.plant, heir, start))
        self.epochs.append(self.plant.epoch(heir))
        lost, doubled = lost_and_doubled(self.plant, heir, since)
        self.lost, self.doubled = self.lost + lost, self.doubled + doubled
        if cut and self.plant.network is not None:
            self.plant.network.plug(victim.name)
        self.plant.whole()
        time.sleep(2)  # a node that has just come back has no history of the time before

    def _strike(self, victim: PlantNode, cut: bool) -> None:
        if cut and self.plant.network is not None:
            self.plant.network.unplug(victim.name)
        else:
            self.plant.kill([victim])

    @property
    def rising(self) -> bool:
        """Whether every term had a higher number than the one before."""
        return self.epochs == sorted(set(self.epochs))


class Leaks:
    """Threads, open files and files on disk: what there was, and what has been added since."""

    def __init__(self, plant: Laboratory) -> None:
        self._plant = plant
        self._processes = {p.pid: self._of(p) for p in self._lasting()}
        self._files = self._count_files()

    def found(self) -> list[str]:
        """A sentence for each process or folder that has clearly more than it had.

        A session that has ended keeps its two sockets until Python's next collection: some of them are none.
        """
        more = []
        for process in self._lasting():
            before = self._processes.get(process.pid)
            if before is None:
                continue
            for what, was, now in zip(("threads", "open files"), before, self._of(process), strict=True):
                if now > was + _UNCOLLECTED:
                    more.append(f"{' '.join(process.cmdline()[1:4])}: {was} -> {now} {what}")
        for name, now in self._count_files().items():
            if now > self._files[name] + 10:
                more.append(f"{name}: {self._files[name]} -> {now} files")
        return more

    def _lasting(self) -> list[psutil.Process]:
        """The processes that no turn kills."""
        hosts = {node.name for node in self._plant.layout.pair("Primary")}
        return [
            p for p in self._plant.processes() if not any(host in " ".join(p.cmdline()) for host in hosts)
        ]

    def _count_files(self) -> dict[str, int]:
        names = [*(node.name for node in self._plant.layout.nodes), WITNESS]
        return {n: sum(p.is_file() for p in (self._plant.folder / n).rglob("*")) for n in names}

    @staticmethod
    def _of(process: psutil.Process) -> tuple[int, int]:
        return process.num_threads(), process.num_fds()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults turns", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--cut", action="store_true", help="pull the cable instead of killing")
    asked = parser.parse_args(arguments)
    with laboratory(namespaces=asked.cut) as plant:
        plant.whole()
        turns = Turns(plant)
        turns.one(cut=asked.cut)  # not counted: every process has been through it once
        turns, leaks = Turns(plant), Leaks(plant)
        for number in range(1, asked.count + 1):
            turns.one(cut=asked.cut)
            print(
                f"{number:>3} of {asked.count}: active {turns.active[-1]:.2f} s, "
                f"fresh {turns.moving[-1]:.2f} s, "
                f"term {turns.epochs[-1]}, lost {turns.lost}, doubled {turns.doubled}",
                flush=True,
            )
        left = leaks.found()
    passed = turns.rising and not left and not turns.lost and not turns.doubled
    passed = passed and p50(turns.active) <= _P50 and p99(turns.active) <= _P99
    measured = (
        f"active after {spread(turns.active)} (s); fresh values after {spread(turns.moving)} (s); lost "
        f"{turns.lost}, doubled {turns.doubled}; terms {'rise' if turns.rising else 'DO NOT RISE'}; "
        f"{'; '.join(left) or 'nothing leaked'}"
    )
    print(measured)
    keep_series(f"turns --count {asked.count}{' --cut' if asked.cut else ''}", measured, passed=passed)
    return 0 if passed else 1
