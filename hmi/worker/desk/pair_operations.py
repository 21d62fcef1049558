"""What the desk can be asked of the pair: how it stands, a failover, maintenance, a re-sync."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from hmi.desk import DeskError
from hmi.tags.wire import to_iso
from hmi.worker.desk.timeline import Timeline
from redundancy.clock import Clock
from redundancy.config import NodeConfig
from redundancy.core.view import PeerView, WitnessView
from redundancy.ports import GatewayView, Refused
from redundancy.replication import providers
from redundancy.replication.providers import Pulls
from redundancy.replication.reconciler import Reconciler
from redundancy.replication.records import Record

LONGEST_TIMELINE = 24 * 3600


class Paired(Protocol):
    """What the operations need of the runtime (redundancy.runtime.Runtime has it)."""

    loop_lag: float

    def view(self) -> GatewayView: ...

    async def failover(self, reason: str, by: str, *, even_if_silent: bool = False) -> str: ...

    def maintenance(self, on: bool, by: str, reason: str = "") -> None: ...

    def resync(self, by: str) -> None: ...


class PairOperations:
    """Lives on the runtime's loop. `saw` and `applied` are told what the runtime reports."""

    def __init__(
        self,
        node: NodeConfig,
        clock: Clock,
        reload: Callable[[], Awaitable[str]],
        exchange: Reconciler | None = None,
    ) -> None:
        self._node, self._clock, self._reload, self._exchange = node, clock, reload, exchange
        self._timeline = Timeline()
        self._pulls = Pulls()
        self._runtime: Paired | None = None

    @property
    def table(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every operation by its name."""
        return {name: getattr(self, name) for name in ("pair", "failover", "maintenance", "resync")}

    def attach(self, runtime: Paired) -> None:
        """The runtime that is asked from now on."""
        self._runtime = runtime

    def saw(self, view: GatewayView) -> None:
        """The node looks like this now."""
        self._timeline.saw(view, self._clock.now().wall)

    def applied(self, records: Sequence[Record]) -> None:
        """These records of the peer have won here."""
        self._pulls.applied(records, self._clock.now().mono)

    async def pair(self, minutes: float = 15.0) -> dict[str, Any]:
        """Settings, links, providers, history, the last `minutes` as a timeline; times in ISO 8601 or ms."""
        now, view = self._clock.now(), self._acting().view()
        begin = now.wall - round(min(max(minutes, 1.0) * 60, LONGEST_TIMELINE) * 1000)
        return {
            "settings": _settings(self._node),
            "peer": _reached(view.peer),
            "witness": _reached(view.witness),
            "loop_lag_ms": round(self._acting().loop_lag * 1000, 1),
            "troubles": dict(view.troubles),
            "providers": [self._provider(one, now.mono, now.wall) for one in providers.registered()],
            "history": None if self._exchange is None else asdict(self._exchange.standing),
            "timeline": {
                "from": begin,
                "to": now.wall,
                "lanes": {
                    lane: [list(span) for span in spans]
                    for lane, spans in self._timeline.since(begin).items()
                },
            },
        }

    async def failover(self, reason: str, by: str, even_if_silent: bool = False) -> dict[str, str]:
        """Asks for a switch; answers the changeover's id. 409 with the reason when it can't be."""
        try:
            asked = self._acting().failover(reason, by, even_if_silent=even_if_silent)
            return {"changeover": await asked}
        except Refused as refusal:
            active = (
                f"{refusal.active_node} is active." if refusal.active_node else "Look at the pair's state."
            )
            raise DeskError(409, "failover refused", refusal.reason, active) from None

    async def maintenance(self, on: bool, by: str, reason: str = "") -> dict[str, bool]:
        """Begins or ends it on this node. 409 where there is no other node to act."""
        try:
            self._acting().maintenance(on, by, reason)
        except Refused as refusal:
            raise DeskError(409, "maintenance refused", refusal.reason, "Stop the node instead.") from None
        return {"maintenance": on}

    async def resync(self, by: str) -> dict[str, str]:
        """Exchanges every record with the peer again, and reads the configuration again."""
        try:
            self._acting().resync(by)
        except Refused as refusal:
            raise DeskError(409, "resync refused", refusal.reason, "Connect the peer first.") from None
        return {"config_version": await self._reload()}

    def _acting(self) -> Paired:
        if self._runtime is None:
            raise DeskError(503, "starting", "the runtime is still starting", "Try again in a moment.")
        return self._runtime

    def _provider(self, provider: providers.Provider, mono: float, wall: int) -> dict[str, Any]:
        pulled = self._pulls.of(provider.name)
        last = None if pulled.last is None else to_iso(wall - round((mono - pulled.last) * 1000))
        return {"name": provider.name, "what": provider.what, "pulled": pulled.records, "last_pull": last}


def _reached(other: PeerView | WitnessView | None) -> dict[str, Any] | None:
    if other is None:
        return None
    trip = other.round_trip
    return {"connected": other.connected, "round_trip_ms": None if trip is None else round(trip * 1000, 2)}


def _settings(node: NodeConfig) -> dict[str, Any]:
    """By Ignition's names, as this node has them."""
    settings = node.redundancy
    return {
        "Mode": node.role.value,
        "Profile": settings.profile.value,
        "Standby Activity Level": settings.standby.value,
        "Failover Timeout": f"{settings.failover_timeout * 1000:.0f} ms",
        "Startup Connection Allowance": f"{settings.startup_allowance * 1000:.0f} ms",
        "Recovery Mode": settings.recovery.value,
        "Sync Timeout": f"{settings.sync_timeout:g} s",
        "Pair link": str(node.link),
        "Network Bind Interface": node.bind_interface or "detected",
        "Other node": str(node.peer.link) if node.peer else "none",
        "TLS on the links": "with certificates at both ends" if node.link_tls else "off",
        "HTTP address for clients": node.url,
        "HTTP address of the other node": node.peer.url if node.peer else "none",
        "Witness": str(node.witness) if node.witness else "none",
        "Serves as witness at": str(node.serve_witness) if node.serve_witness else "nowhere",
    }
