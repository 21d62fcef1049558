"""Discoveries: what is on a component's servers, seen by a session of its own beside the component's.

The worker's side of `hmi.adapter.discovery.discoveries.Discoveries`; the desk calls it. One discovery of a
component is active at a time. They live in this process's memory: a restart or a change of node forgets them.

A Sparkplug component is asked for what its own session knows besides: births come rarely, and nobody is told
to be born again for a look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from hmi.adapter.discovery.findings import Entry, Findings, concerns
from hmi.desk import DeskError
from hmi.worker.adapter.look import Unreachable, looking
from redundancy.adapter.config import ComponentConfig, Kind
from sparkplug import EdgeNodeId, MessageType, Metric, PayloadError, Topic, TopicError, decode

ACTIVE, COMPLETE, CANCELED, FAILED = "Active", "Complete", "Canceled", "Failed"
MOST_KEPT = 20
_BORN_OR_DATA = frozenset({MessageType.NBIRTH, MessageType.DBIRTH, MessageType.NDATA, MessageType.DDATA})
Known = Iterable[tuple[EdgeNodeId, str | None, Iterable[Metric]]]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a discovery looks: the component as configured, and what is known and selected already.

    `source` is its facet dataSource, `held` the ids of its selection in small letters.
    """

    config: ComponentConfig
    source: Mapping[str, Any]
    held: frozenset[str]
    known: Known = ()


@dataclass(slots=True)
class _Discovery:
    identity: str
    query: str
    topics: list[str]
    wait: float
    auto_select: bool
    findings: Findings
    begun: datetime
    clock: float
    status: str = ACTIVE
    ended: datetime | None = None
    errors: str | None = None
    result: list[Entry] = field(default_factory=list)
    fresh: int = 0
    task: asyncio.Task[None] | None = None


class AdapterDiscoveries:
    """Lives on the runtime's loop; `table` is for the desk.

    `ground(component)` answers where to look, or raises DeskError. `select(component, entries)` merges what
    was found into the selection.
    """

    def __init__(
        self,
        ground: Callable[[str], Ground],
        select: Callable[[str, list[Entry]], Awaitable[None]],
        url: str,
    ) -> None:
        self._ground, self._select, self._url = ground, select, url
        self._by_component: dict[str, dict[str, _Discovery]] = {}

    @property
    def table(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        names = "start every one result cancel delete delete_result"
        return {f"discovery_{name}": getattr(self, name) for name in names.split()}

    async def start(
        self, component: str, id: str, query: str, topics: list[str], wait: float, auto_select: bool
    ) -> State:
        """See hmi.adapter.discovery.discoveries.Discoveries, like all that follow."""
        ground = self._ground(component)
        held = self._by_component.setdefault(component, {})
        if id.casefold() in held:
            raise DeskError(409, f"Discovery with ID: '{id}' already exists.", "")
        if any(each.status == ACTIVE for each in held.values()):
            raise DeskError(400, "Only one active discovery operation is permitted at a time.", "")
        while len(held) >= MOST_KEPT:
            del held[next(iter(held))]
        findings = Findings(ground.config.kind, ground.source)
        begun = _Discovery(id, query, topics, wait, auto_select, findings, datetime.now(UTC), monotonic())
        held[id.casefold()] = begun
        begun.task = asyncio.create_task(self._run(component, begun, ground))
        return self._state(component, begun)

    async def every(self, component: str) -> list[State]:
        return [self._state(component, each) for each in self._by_component.get(component, {}).values()]

    async def one(self, component: str, id: str) -> State:
        return self._state(component, self._held(component, id))

    async def result(self, component: str, id: str) -> list[Entry]:
        found = self._held(component, id)
        return found.findings.entries() if found.status == ACTIVE else found.result

    async def cancel(self, component: str, id: str) -> None:
        found = self._held(component, id)
        if found.status != ACTIVE or found.task is None:
            raise DeskError(409, f"Discovery with ID: '{id}' is not outstanding.", "")
        found.status = CANCELED
        found.task.cancel()

    async def delete(self, component: str, id: str | None) -> None:
        held = self._by_component.get(component, {})
        gone = list(held.values()) if id is None else [self._held(component, id)]
        for each in gone:
            if each.status == ACTIVE and each.task is not None:
                if id is None:
                    continue
                each.status = CANCELED
                each.task.cancel()
            del held[each.identity.casefold()]

    async def delete_result(self, component: str, id: str) -> None:
        self._held(component, id).result = []

    def forget(self, components: Iterable[str]) -> None:
        """These components are gone, or this node no longer acts: what is active ends."""
        for component in components:
            for each in self._by_component.pop(component, {}).values():
                if each.task is not None:
                    each.task.cancel()

    # -- inside

    async def _run(self, component: str, begun: _Discovery, ground: Ground) -> None:
        try:
            await self._look(begun, ground)
        except Unreachable as error:
            begun.status, begun.errors = FAILED, str(error)
        except asyncio.CancelledError:
            begun.status = CANCELED
        begun.ended = datetime.now(UTC)
        begun.result = begun.findings.entries()
        begun.fresh = _fresh(begun.result, ground.held)
        if begun.status != ACTIVE:
            return
        if begun.auto_select:
            try:
                await self._select(component, begun.result)
            except DeskError as error:
                begun.errors = f"nothing was selected: {error.reason or error.error}"
        begun.status = COMPLETE

    async def _look(self, begun: _Discovery, ground: Ground) -> None:
        if not ground.config.servers:
            raise Unreachable("the component has no data source")
        sparkplug = ground.config.kind is Kind.SPARKPLUG
        if sparkplug:
            for edge, device, metrics in ground.known:
                _metrics(begun, edge, device, metrics)
        topics = ["spBv1.0/#"] if sparkplug else begun.topics

        def see(topic: str, payload: bytes) -> None:
            if sparkplug:
                _sparkplug(begun, topic, payload)
            else:
                begun.findings.message(topic, payload)

        why = []
        for server in ground.config.dialled():
            try:
                async with looking(server.server, topics, see) as look:
                    await look.last(begun.wait)
                    return
            except Unreachable as error:
                why.append(str(error))
        raise Unreachable("; ".join(why))

    def _held(self, component: str, identity: str) -> _Discovery:
        found = self._by_component.get(component, {}).get(identity.casefold())
        if found is None:
            raise DeskError(404, f"Discovery with ID: '{identity}' was not found.", "")
        return found

    def _state(self, component: str, of: _Discovery) -> State:
        gone = 1.0 if of.ended is not None else min((monotonic() - of.clock) / of.wait, 1.0)
        return {
            "id": of.identity,
            "query": of.query,
            "startTime": _iso(of.begun),
            "endTime": None if of.ended is None else _iso(of.ended),
            "progress": round(gone * 100),
            "itemsFound": len(of.findings),
            "newItems": of.fresh,
            "resultUri": f"{self._url}/api/v1/configuration/{component}/Discoveries/{of.identity}/result",
            "autoSelect": of.auto_select,
            "status": of.status,
            "errors": of.errors,
        }


def _sparkplug(begun: _Discovery, topic: str, payload: bytes) -> None:
    """A Sparkplug message; what is none is somebody else's business."""
    try:
        place = Topic.parse(topic)
        if place.type in _BORN_OR_DATA:
            _metrics(begun, place.edge, place.device, decode(payload).metrics)
    except (TopicError, PayloadError):
        begun.findings.unreadable += 1


def _metrics(begun: _Discovery, edge: EdgeNodeId, device: str | None, metrics: Iterable[Metric]) -> None:
    if concerns(begun.topics, edge, device):
        begun.findings.metrics(edge, device, metrics)


def _fresh(entries: list[Entry], held: frozenset[str]) -> int:
    return sum(entry["streamId"].casefold() not in held for entry in entries)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
