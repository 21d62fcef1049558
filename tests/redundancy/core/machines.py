"""The parts of the simulated world: machines with a clock and a disk, and what a history is made of."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from redundancy.config import Recovery, Role
from redundancy.core.actions import Promise
from redundancy.core.pair import Pair
from redundancy.core.settings import PairSettings
from redundancy.core.voter import Voter

MASTER, BACKUP = "master", "backup"
NODES = (MASTER, BACKUP)
FASTEST = 1.05
SLOWEST = 0.95  # FASTEST / SLOWEST is just below 1 / (1 - rho)


@dataclass
class Broken:
    """Ways to break the rules; the proper world has none of them."""

    pair: type[Pair] = Pair
    voter: type[Voter] = Voter
    rho: float = 0.1
    durable: bool = True
    reset_frees: bool = False


@dataclass
class Plan:
    """What a history is made of."""

    witness: bool = True
    lease: float = 2.0
    allowance: float = 1.0
    recovery: Recovery = Recovery.MANUAL
    dwell: float = 3.0
    clocks: str = "mixed"  # or "same", or "apart": one node as slow as allowed, the others as fast
    delay: tuple[float, float] = (0.0005, 0.02)
    loss: float = 0.02
    copies: float = 0.02
    late: float = 0.02
    disk: bool = True  # whether a disk may be slow, and a process die while it writes
    standing_down: tuple[float, float] = (0.0, 0.2)
    taking_over: tuple[float, float] = (0.01, 0.4)


@dataclass
class Machine:
    """A node or the witness: a clock, a disk, perhaps a process that runs, sleeps or waits for its disk."""

    name: str
    rate: float
    offset: float
    promise: Promise = field(default_factory=Promise)
    boots: int = 0
    config: str = "1"
    pair: Pair | None = None
    voter: Voter | None = None
    asleep: bool = False
    writing: bool = False
    raising: bool = False  # it goes on under a higher number, once that is on disk
    disk_fails: bool = False
    inbox: deque[Any] = field(default_factory=deque)
    acting: int = 0
    held: bool = False
    ended: bool = False
    wake: int = 0

    def clock(self, t: float) -> float:
        return self.offset + self.rate * t

    @property
    def up(self) -> bool:
        return self.pair is not None or self.voter is not None

    def settings(self, plan: Plan, seed: int, rho: float) -> PairSettings:
        """What this node is told at its present start."""
        return PairSettings(
            node=self.name,
            role=Role.MASTER if self.name == MASTER else Role.BACKUP,
            peer=BACKUP if self.name == MASTER else MASTER,
            has_witness=plan.witness,
            lease=plan.lease,
            startup_allowance=plan.allowance,
            recovery=plan.recovery,
            dwell=plan.dwell,
            boot=f"{self.name}-{self.boots}",
            seed=seed * 31 + self.boots * 7 + len(self.name),
            rho=rho,
        )
