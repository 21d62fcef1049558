"""Two bare nodes and their witness: the smallest thing that has a lease."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from redundancy.config import Endpoint, GatewayConfig, NodeConfig, Peer, RedundancySettings, Role
from tests.faults import bare
from tests.faults.bare import Body
from tests.faults.wires import Wires

KEY = b"the key of the bare pairs"
_TO_WITNESS = (("one", "witness"), ("two", "witness"))


@dataclass
class BarePair:
    """Two nodes and their witness, with every way between them in our hands."""

    folder: Path
    lease: float
    wires: Wires | None
    number: int
    gateway: GatewayConfig | None = None
    bodies: dict[str, Body] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A loopback address of its own: no port of it can be anybody else's.
        self.host = f"127.{1 + os.getpid() % 250}.{self.number // 250 % 250 + 1}.{self.number % 250 + 1}"
        witness = Endpoint(self.host, 7003)
        links = {"one": Endpoint(self.host, 7001), "two": Endpoint(self.host, 7002)}
        for (name, link), role in zip(links.items(), (Role.MASTER, Role.BACKUP), strict=True):
            other = "two" if name == "one" else "one"
            to_peer = self._way(self.wire(name, other), links[other], 10 + link.port)
            to_witness = self._way(self.wire(name, "witness"), witness, 20 + link.port)
            settings = RedundancySettings(failover_timeout=self.lease, startup_allowance=0.5)
            peer = Peer(other, to_peer, f"http://{other}")
            http = Endpoint("127.0.0.1", 1)
            url = f"http://{name}"
            config = NodeConfig(
                "Pair", name, role, link, http, url, KEY, peer, to_witness, redundancy=settings
            )
            self.bodies[name] = bare.node(config, self.folder / name, self.gateway)
        self.bodies["witness"] = bare.witness(witness, KEY, self.folder / "witness", self.lease)

    def _way(self, name: str, there: Endpoint, port: int) -> Endpoint:
        return there if self.wires is None else self.wires.between(name, there, Endpoint(self.host, port))

    def wire(self, frm: str, to: str) -> str:
        return f"{self.number} {frm} {to}"

    @property
    def ways(self) -> list[str]:
        return [self.wire(*way) for way in (("one", "two"), ("two", "one"), *_TO_WITNESS)]

    def close(self) -> None:
        for body in self.bodies.values():
            body.thaw()
            body.kill()
        if self.wires is not None:
            self.wires.remove(*self.ways)

    def moments(self) -> list[bare.Moment]:
        return [m for name in ("one", "two") for m in bare.moments(self.folder / name, name)]

    def acting(self, within: float) -> set[str]:
        """Who wrote down in the last moment that it may act."""
        since = time.clock_gettime(time.CLOCK_BOOTTIME) - within
        return {m.node for m in self.moments() if m.before >= since}
