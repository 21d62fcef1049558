"""Where the adapter's components report: tags, history, numbers, and what the desk asks of them.

Implements redundancy.adapter.reports.AdapterSink. Everything is called on the runtime's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from logging import Logger
from typing import Any

from hmi.adapter.discovery.findings import MOST_FOUND, Entry
from hmi.desk import DeskError
from hmi.history.writer import Sample
from hmi.tags.value import Quality
from hmi.tags.wire import to_iso
from hmi.worker.adapter.components import Component, Components
from hmi.worker.adapter.discovery import AdapterDiscoveries, Ground
from hmi.worker.adapter.look import tried
from hmi.worker.adapter.status import ComponentState, StatusTags, flows, state_of
from hmi.worker.adapter.tags import ComponentTags, Keep, Trouble
from hmi.worker.providers.image import TagImage
from redundancy.adapter.config import ComponentConfig
from redundancy.adapter.ground import silent
from redundancy.adapter.reports import Arrival, ComponentStatus, Condition, NotTaken, ServerStatus
from sparkplug import DataType, EdgeNodeId, Metric

_STORED_WITHIN = 5.0
_SLICE = 0.01
_NOT_YET = DataType.Unknown.name
_MOST_FAULTS = 200  # streams with something wrong that one answer tells of
Source = tuple[EdgeNodeId, str | None]


@dataclass(slots=True)
class _Post:
    """One component as it runs here. `events` is what had come when data last began to flow."""

    component: Component
    tags: ComponentTags
    status_tags: StatusTags
    status: ComponentStatus
    flowing: bool = False
    events: int = 0
    known: dict[Source, dict[str, Metric]] = field(default_factory=dict)


class AdapterBoard:
    """`stored(seconds)` waits in a thread until all samples so far are on disk, answering whether they are;
    `failing()` is why history cannot be written, "" if it can. `select` merges what a discovery has found
    into a component's selection; `url` is this node's. `log` is where the
    component of an id says what happens, `unlogged` which of those logs cannot be written.
    """

    def __init__(
        self,
        image: TagImage,
        keep: Keep,
        wall: Callable[[], int],
        trouble: Trouble,
        stored: Callable[[float], bool],
        failing: Callable[[], str],
        select: Callable[[str, list[Entry]], Awaitable[None]],
        url: str,
        log: Callable[[str], Logger] = silent,
        unlogged: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._log, self._unlogged = log, unlogged
        self._image, self._keep, self._wall, self._trouble = image, keep, wall, trouble
        self._stored, self._failing = stored, failing
        self._posts: dict[str, _Post] = {}
        self._said: tuple[str, ...] = ()
        self._discoveries = AdapterDiscoveries(self._ground, select, url)

    def configure(self, components: Components) -> None:
        """The components are now these. What did not change about a stream goes on."""
        self._said = components.warnings
        wanted = {each.config.id: each for each in components.components}
        gone = self._posts.keys() - wanted.keys()
        self._discoveries.forget(gone)
        for identity in gone:
            post = self._posts.pop(identity)
            post.tags.close()
            post.status_tags.close()
        for identity, component in wanted.items():
            self._place(identity, component)

    @property
    def configs(self) -> tuple[ComponentConfig, ...]:
        """What the sessions are told."""
        return tuple(post.component.config for post in self._posts.values())

    def empty(self) -> list[str]:
        """The tags of streams for which no value has come yet."""
        return [path for post in self._posts.values() for path in post.tags.empty()]

    def remember(self, samples: Iterable[Sample]) -> None:
        """What was known of such tags before this process began: shown, and stale."""
        for sample in samples:
            held = self._image.get(sample.path)
            if held is not None and held.value is None and held.datatype in (sample.datatype, _NOT_YET):
                found = (sample.path, sample.value, sample.timestamp, sample.datatype)
                self._image.put(*found, Quality.STALE)

    # -- redundancy.adapter.reports.AdapterSink

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        if why := self._failing():
            raise NotTaken(f"history cannot be written: {why}")
        loop = asyncio.get_running_loop()
        since = loop.time()
        for arrival in arrivals:
            if loop.time() - since > _SLICE:
                # The lease is renewed on this loop, however many streams a message has.
                await asyncio.sleep(0)
                since = loop.time()
            post = self._posts.get(arrival.component)
            if post is not None and post.tags.message(arrival.topic, arrival.payload, arrival.at):
                self._show_state(post)
        # Offered again it would be stored again, under later times: what is in the queue is waited for.
        while not await asyncio.to_thread(self._stored, _STORED_WITHIN):
            self._trouble("adapter", "samples wait for the disk")

    def metrics(
        self, component: str, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int
    ) -> None:
        post = self._posts.get(component)
        if post is None:
            return
        known = post.known.setdefault((edge, device), {})
        if sum(map(len, post.known.values())) < MOST_FOUND:
            known.update((metric.name, metric) for metric in metrics if metric.name)
        if post.tags.metrics(edge, device, metrics, at):
            self._show_state(post)

    def stale(self, component: str, edge: EdgeNodeId, device: str | None, at: int, why: str) -> None:  # noqa: ARG002
        post = self._posts.get(component)
        if post is None:
            return
        post.tags.source_stale(edge, device, at)
        for source in list(post.known):
            if source == (edge, device) or (device is None and source[0] == edge):
                del post.known[source]

    def component(self, status: ComponentStatus) -> None:
        post = self._posts.get(status.component)
        if post is None:
            return
        post.status = status
        # What another node has by now is not this node's to say.
        quality = Quality.STALE if status.condition is Condition.STANDBY else Quality.GOOD
        for server in status.servers:
            post.status_tags.server(server, quality)
        flowing = flows(status)
        if post.flowing != flowing:
            post.flowing, post.events = flowing, post.tags.intake.events
            if not flowing:
                post.tags.stale(self._wall())
        self._show_state(post)

    # -- the desk

    @property
    def table(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Operations of the desk by their names."""
        own: dict[str, Callable[..., Awaitable[Any]]] = {
            "adapter": self.adapter,
            "adapter_try": self.adapter_try,
        }
        return own | self._discoveries.table

    async def adapter(self, component: str | None = None) -> list[dict[str, Any]]:
        """How the components are, or one of them: state, why, servers in order, counts, streams at fault."""
        if component is not None:
            return [_told(self._post(component))]
        return [_told(post) for post in self._posts.values()]

    async def adapter_try(self, component: str, server: str) -> dict[str, Any]:
        """Connect to a server of a component from this node, and go: {ok, why}. 404 for an unknown one."""
        post = self._post(component)
        found = [each for each in post.component.config.dialled() if each.id.casefold() == server.casefold()]
        if not found:
            why = post.component.fault or f"{component} has no server {server}"
            raise DeskError(404, "not found", why, "Look at the component's servers.")
        why = await tried(found[0].server)
        return {"ok": not why, "why": why}

    def numbers(self) -> dict[str, float]:
        """For /metrics: sums over all components, no names."""
        statuses = [post.status for post in self._posts.values()]
        servers = [server for status in statuses for server in status.servers]
        intakes = [post.tags.intake for post in self._posts.values()]
        return {
            "adapter_components": len(self._posts),
            "adapter_components_flowing": sum(post.flowing for post in self._posts.values()),
            "adapter_servers": len(servers),
            "adapter_servers_connected": sum(server.connected for server in servers),
            "adapter_messages_total": sum(server.messages for server in servers),
            "adapter_failovers_total": sum(server.failovers for server in servers),
            "adapter_events_total": sum(intake.events for intake in intakes),
            "adapter_filtered_total": sum(intake.filtered for intake in intakes),
            "adapter_unusable_total": sum(intake.unusable for intake in intakes),
            "adapter_dropped_total": sum(status.dropped for status in statuses),
            "adapter_duplicates_total": sum(status.duplicates for status in statuses),
            "adapter_waiting": sum(status.waiting for status in statuses),
        }

    def warnings(self) -> tuple[str, ...]:
        """What needs a person, in sentences."""
        return (*self._said, *self._unlogged(), *filter(None, map(_warning, self._posts.values())))

    # -- inside

    def _place(self, identity: str, component: Component) -> None:
        post = self._posts.get(identity)
        if post is not None and post.component.config.kind is not component.config.kind:
            post.tags.close()
            post = None
        if post is None:
            tags = ComponentTags(
                identity, self._image, self._keep, self._wall, self._trouble, self._log(identity)
            )
            status_tags = StatusTags(identity, self._image, self._wall)
            status = ComponentStatus(identity, Condition.STANDBY, "This node has not begun to act.")
            post = self._posts[identity] = _Post(component, tags, status_tags, status)
        elif post.component.same_as(component):
            return
        post.component = component
        post.tags.configure(component.choice, component.faults)
        post.status_tags.servers(server.id for server in component.config.servers)
        for (edge, device), metrics in post.known.items():
            post.tags.recall(edge, device, metrics)
        self._show_state(post)

    def _show_state(self, post: _Post) -> None:
        post.status_tags.state(_state(post))

    def _post(self, component: str) -> _Post:
        found = {identity.casefold(): post for identity, post in self._posts.items()}.get(
            component.casefold()
        )
        if found is None:
            raise DeskError(404, "not found", f"there is no component {component}", "Look at the list.")
        return found

    def _ground(self, component: str) -> Ground:
        post = self._post(component)
        if post.status.condition is Condition.STANDBY:
            raise DeskError(409, "not active", "Only the active node looks for what is on a server.", "")
        known = [(edge, device, metrics.values()) for (edge, device), metrics in post.known.items()]
        return Ground(post.component.config, post.component.source, post.component.held, known)


def _state(post: _Post) -> ComponentState:
    if post.component.fault:
        return ComponentState.ERROR
    if not post.component.choice.selections and post.status.condition is Condition.RUNNING:
        return ComponentState.NOT_CONFIGURED
    return state_of(post.status, data=post.tags.intake.events > post.events)


def _warning(post: _Post) -> str:
    name, servers = post.component.config.id, post.status.servers
    if post.component.fault:
        return f"{name} cannot be used: {post.component.fault}"
    if post.status.condition is not Condition.FAULTED or not any(server.last_error for server in servers):
        return ""  # or it has only just begun
    return f"{name}: no data come from any of its {len(servers)} MQTT servers: {post.status.why}"


def _told(post: _Post) -> dict[str, Any]:
    status, intake = post.status, post.tags.intake
    faults = list(intake.faults.items())[:_MOST_FAULTS]
    return {
        "id": post.component.config.id,
        "type": post.component.config.kind.value,
        "state": _state(post).value,
        "why": post.component.fault or status.why,
        "servers": [_server(server) for server in _in_order(post)],
        "connected": sum(server.connected for server in status.servers),
        "switches": status.switches,
        "waiting": status.waiting,
        "dropped": status.dropped,
        "duplicates": status.duplicates,
        "events": intake.events,
        "filtered": intake.filtered,
        "unusable": intake.unusable,
        "faults": {stream: {"times": each.times, "reason": each.reason} for stream, each in faults},
    }


def _in_order(post: _Post) -> Iterable[ServerStatus]:
    known = {server.id: server for server in post.status.servers}
    return (known.get(each.id, ServerStatus(each.id)) for each in post.component.config.servers)


def _server(status: ServerStatus) -> dict[str, Any]:
    return {
        "id": status.id,
        "connected": status.connected,
        "target": status.target,
        "since": to_iso(status.since) if status.since else None,
        "messages": status.messages,
        "failovers": status.failovers,
        "last_error": status.last_error,
    }
