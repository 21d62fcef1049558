"""A node's runtime: who acts, and the machinery of acting, on one asyncio loop in one thread.

Every method is to be called on the loop that runs `run()`; another thread hops there first
(`loop.call_soon_threadsafe`).
"""

from __future__ import annotations

from pathlib import Path

from redundancy.clock import Clock
from redundancy.config import GatewayConfig, NodeConfig
from redundancy.ports import EdgeTags, GatewayView, Outcome, Sink
from redundancy.replication import RecordStore
from sparkplug import EdgeNodeId, Metric, Value


class Runtime:
    """One node. Two of them fit in one process, on one loop or on two."""

    loop_lag: float = 0.0

    def __init__(
        self,
        node: NodeConfig,
        config: GatewayConfig | None,
        folder: Path,
        clock: Clock,
        store: RecordStore,
        sink: Sink,
        tags: EdgeTags,
    ) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Serve until `stop` has drained. Raises OSError when the pair link's address is taken."""
        raise NotImplementedError

    def stop(self, *, drain: bool = True) -> None:
        """With `drain` the role is handed over first (SIGTERM); without, everything is dropped at once."""
        raise NotImplementedError

    def view(self) -> GatewayView:
        """The node as it is now; also pushed to `Sink.gateway` on every change and renewal."""
        raise NotImplementedError

    async def write(
        self, edge: EdgeNodeId, device: str | None, name: str, value: Value, timeout: float = 3.0
    ) -> Outcome:
        """Host: order a metric to become `value` and wait up to `timeout` seconds for its echo."""
        raise NotImplementedError

    async def failover(self, reason: str, by: str) -> str:
        """Ask the pair to move the role; answers the changeover's id. Raises Refused.

        Awaits the active node's answer, at most 2 s."""
        raise NotImplementedError

    def resync(self, by: str) -> None:
        """Exchange every record with the peer again, from the beginning."""
        raise NotImplementedError

    def sample(self, edge: EdgeNodeId, device: str | None, metric: Metric, stored: bool) -> None:
        """Edge: a tag changed. Published while online; kept for re-sending when `stored`."""
        raise NotImplementedError

    async def remember(self, provider: str, key: str, body: bytes) -> bool:
        """Write a record and wait shortly for the peer to have it; False: recorded here only."""
        raise NotImplementedError

    def records_grew(self) -> None:
        """Another process appended to the record store: push what is new."""
        raise NotImplementedError

    def reconfigure(self, config: GatewayConfig) -> None:
        """The gateway's configuration is now this one, whatever it was."""
        raise NotImplementedError

    def healthy(self, ok: bool, why: str) -> None:
        """What the world outside knows of this node's health; an unwell node gives its role up."""
        raise NotImplementedError
