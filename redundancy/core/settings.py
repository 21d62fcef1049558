"""What a node of a pair is told before it starts. Frozen; a wrong one raises ConfigError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from redundancy.config import ConfigError, NodeConfig, Recovery, Role, Standby
from redundancy.core.messages import WITNESS

RHO = 0.1
"""How far two clocks may run apart, as a share: the holder gives up that much of its lease."""


@dataclass(frozen=True, slots=True)
class PairSettings:
    """Ignition's names where it has one (see redundancy.config). All times in seconds.

    `boot` must differ at every start of the process (the shell draws it); `seed` feeds the jitter.
    """

    node: str
    role: Role
    peer: str | None = None
    has_witness: bool = False
    lease: float = 2.0
    startup_allowance: float = 10.0
    recovery: Recovery = Recovery.MANUAL
    dwell: float = 30.0
    standby: Standby = Standby.WARM
    boot: str = "1"
    seed: int = 0
    rho: float = RHO

    def __post_init__(self) -> None:
        if WITNESS in (self.node, self.peer):
            raise ConfigError("node", f"no node can be called {WITNESS}")
        if self.lease <= 0:
            raise ConfigError("failover_timeout", "must be more than 0")
        if self.role is not Role.INDEPENDENT and not self.peer:
            raise ConfigError("peer", f"a {self.role.value} needs a peer")
        if self.peer == self.node:
            raise ConfigError("peer", f"{self.node} is paired with itself")

    @classmethod
    def of(cls, config: NodeConfig, boot: str, seed: int) -> Self:
        """From a node's own configuration; `boot` and `seed` are drawn by the shell at start."""
        redundancy = config.redundancy
        return cls(
            node=config.node,
            role=config.role,
            peer=config.peer.node if config.peer else None,
            has_witness=config.witness is not None and config.peer is not None,
            lease=redundancy.failover_timeout,
            startup_allowance=redundancy.startup_allowance,
            recovery=redundancy.recovery,
            dwell=redundancy.dwell,
            standby=redundancy.standby,
            boot=boot,
            seed=seed,
        )

    @property
    def policy(self) -> str:
        """`safety`: 2 of 3 votes, always. `availability`: two voters; alone when the peer is silent."""
        return "safety" if self.has_witness or self.role is Role.INDEPENDENT else "availability"

    @property
    def others(self) -> tuple[str, ...]:
        """The voters besides this node."""
        peer = (self.peer,) if self.peer and self.role is not Role.INDEPENDENT else ()
        return (*peer, WITNESS) if self.has_witness and peer else peer

    @property
    def term(self) -> float:
        """How long a holder may count on a grant, from when it asked."""
        return self.lease * (1 - self.rho)

    @property
    def heartbeat(self) -> float:
        """250 ms, or an eighth of a shorter lease."""
        return min(0.25, self.lease / 8)

    @property
    def quiet(self) -> float:
        """Silence that means more than one lost heartbeat."""
        return 2.5 * self.heartbeat

    @property
    def settling(self) -> float:
        """How long a new holder refuses to be moved by a person: 1 s, or half of a shorter lease."""
        return min(1.0, self.lease / 2)

    @property
    def renew(self) -> float:
        """How often a holder asks again."""
        return self.lease / 4
