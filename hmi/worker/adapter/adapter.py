"""The adapter in the worker: what its rows say, its sessions, and the board that they report to, joined.

adapter = Adapter(...)             with the tags of nothing
await adapter.take_up(gateway)     at the start and after every change of the configuration
adapter.attach(holds)              once there is a runtime: from now on there are sessions
adapter.follow(view)               with every view of the node
await adapter.close()              at the end
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hmi.adapter.configuration import session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.discovery import discoveries
from hmi.adapter.discovery.findings import Entry
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import SYSTEM
from hmi.desk import DeskError
from hmi.history import query
from hmi.history.writer import HistoryWriter
from hmi.people.audit import Actor
from hmi.replication.standing import NotActive
from hmi.worker.adapter import components, logs
from hmi.worker.adapter.board import AdapterBoard
from hmi.worker.adapter.logs import AdapterLogs
from hmi.worker.adapter.tags import Trouble
from hmi.worker.providers.image import TagImage
from redundancy.adapter.components import Components
from redundancy.adapter.ground import Ground
from redundancy.clock import Clock
from redundancy.config import GatewayConfig, NodeConfig, Standby
from redundancy.core.view import ACTING, State
from redundancy.ports import GatewayView

_ACTOR = Actor("discovery")
InThread = Callable[..., Awaitable[Any]]


class Adapter:
    """Lives on the runtime's loop. `in_thread` runs what reads rows on the thread that may."""

    def __init__(
        self,
        node: NodeConfig,
        folder: Path,
        clock: Clock,
        image: TagImage,
        history: HistoryWriter,
        trouble: Trouble,
        in_thread: InThread,
    ) -> None:
        self._node, self._folder, self._clock = node, folder, clock
        self._trouble, self._in_thread = trouble, in_thread
        self.sessions: Components | None = None
        self._names: list[str] = []
        self._warnings: tuple[str, ...] = ()
        self.logs = AdapterLogs(folder)
        self.board = AdapterBoard(
            image,
            history.put,
            lambda: clock.now().wall,
            trouble,
            history.flush,
            lambda: history.tally.why,
            self._select,
            node.url,
            self.logs.of,
            self.logs.failing,
        )

    async def take_up(self, gateway: GatewayConfig | None) -> None:
        """Make tags and sessions what the rows say."""
        found = components.Components()
        if gateway is not None:
            found = await self._in_thread(components.read, gateway.name, self._folder)
        self.use(found)
        if empty := self.board.empty():
            self.board.remember((await self._in_thread(query.latest, empty)).values())

    def use(self, found: components.Components) -> None:
        """Make logs, tags and sessions what has been read."""
        names = [each.config.id for each in found.components]
        self._log_to({SYSTEM: {}} | {name: {} for name in names} | dict(found.logging))
        self._log_news(names, found.warnings)
        self.board.configure(found)
        if self.sessions is not None:
            self.sessions.configure(self.board.configs)
        self.logs.retire({SYSTEM, *names})

    def _log_news(self, names: list[str], warnings: tuple[str, ...]) -> None:
        if names != self._names:
            self.logs.of(SYSTEM).info("components: %s", ", ".join(names) or "none")
        for warning in [each for each in warnings if each not in self._warnings]:
            self.logs.of(SYSTEM).warning("%s", warning)
        self._names, self._warnings = names, warnings

    def _log_to(self, facets: Mapping[str, Mapping[str, Any]]) -> None:
        usual = logs.unset()
        self.logs.configure({name: usual | dict(facet) for name, facet in facets.items()})

    def attach(self, holds: Callable[[], bool]) -> None:
        """`holds` answers whether this node may act at this very moment."""
        ground = Ground(self._node.node, self._clock, self.board, holds, self._trouble, log=self.logs.of)
        self.sessions = Components(ground)
        self.sessions.configure(self.board.configs)
        for status in self.sessions.status():
            self.board.component(status)

    def follow(self, view: GatewayView) -> None:
        """Connect where this node acts. A warm standby listens to Sparkplug's edge nodes, too."""
        if self.sessions is None:
            return
        warm = self._node.redundancy.standby is Standby.WARM
        listening = view.state == State.STANDBY and warm
        self.sessions.follow(acting=view.state in ACTING, listening=listening, why=view.why)

    def warned(self, view: GatewayView) -> GatewayView:
        """The view with what the adapter has to warn of."""
        more = self.board.warnings()
        return replace(view, warnings=(*view.warnings, *more)) if more else view

    async def close(self) -> None:
        """For good."""
        if self.sessions is not None:
            await self.sessions.close()
        await asyncio.to_thread(self.logs.close)

    async def _select(self, component: str, entries: list[Entry]) -> None:
        """Merge into a selection, in a thread: its writer pokes this very worker. Raises DeskError."""
        try:
            await asyncio.to_thread(_merge, component, entries)
        except Refused as error:
            raise DeskError(error.status, "refused", "; ".join(error.messages)) from None
        except NotActive as error:
            raise DeskError(409, "not active", error.standing.reason, error.standing.resolution) from None


def _merge(component: str, entries: list[Entry]) -> None:
    def work(draft: Draft) -> None:
        held = draft.component(component)
        discoveries.choose(draft, held, draft.facet(held, "dataSelection"), entries, selected=True)

    session.change(_ACTOR, f"discovery at {component}", work)
