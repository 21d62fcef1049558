"""Where the runtime reports: redundancy.ports.Sink, dealt out to those who keep the tags."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hmi.worker.providers.edge_tags import EdgeTags
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.gateway_tags import GatewayTags
from redundancy.ports import GatewayView
from redundancy.replication.records import Record
from sparkplug import EdgeNodeId, Metric

log = logging.getLogger(__name__)

_MOST_REASONS = 20
# What every module says before anything has happened.
_SILENT = "Standby"


class Troubles(Counter[str]):
    """Faults that this process found itself, by kind: each is counted, the first of its kind logged."""

    def __call__(self, kind: str, detail: str) -> None:
        self[kind] += 1
        if self[kind] == 1:
            log.warning("%s: %s (further ones are only counted)", kind, detail)


class Reports:
    """Called on the runtime's loop; nothing here waits for anything."""

    def __init__(
        self,
        engine: EngineTags,
        gateway_tags: GatewayTags,
        edges: EdgeTags,
        on_gateway: Callable[[], None],
        on_applied: Callable[[Sequence[Record]], None],
        on_note: Callable[[str], None],
        journal: Callable[[str], None],
        on_repeated: Callable[[], int | None],
        on_view: Callable[[GatewayView], None],
    ) -> None:
        self._engine, self._gateway_tags, self._edges = engine, gateway_tags, edges
        self._on_gateway, self._on_applied, self._on_note = on_gateway, on_applied, on_note
        self._journal, self.repeated, self._on_view = journal, on_repeated, on_view
        # Why each of our edge nodes is not online, as far as that was said: it may try for hours.
        self._said: dict[EdgeNodeId, set[str]] = {}
        self._words: dict[str, str] = {}

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None:
        self._journal(f"edge node {edge}: born at {server} with {len(metrics)} metrics")
        self._engine.node_born(edge, server, metrics, at)

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None:
        self._journal(f"device {edge}/{device}: born with {len(metrics)} metrics")
        self._engine.device_born(edge, device, metrics, at)

    def values(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None:
        self._engine.values(edge, device, metrics, at)

    def node_stale(self, edge: EdgeNodeId, at: int, why: str) -> None:
        log.info("%s: stale: %s", edge, why)
        self._journal(f"edge node {edge}: gone: {why}")
        self._engine.node_stale(edge, at)

    def device_stale(self, edge: EdgeNodeId, device: str, at: int, why: str) -> None:
        log.info("%s/%s: stale: %s", edge, device, why)
        self._journal(f"device {edge}/{device}: gone: {why}")
        self._engine.device_stale(edge, device, at)

    def node_online(self, edge: EdgeNodeId, online: bool, server: str | None, at: int) -> None:
        self._engine.node_online(edge, online, server, at)

    def server(self, name: str, online: bool, why: str) -> None:
        log.info("server %s: %s: %s", name, "online" if online else "offline", why)
        self._journal(f"{name}: connected" if online else f"{name}: not connected: {why}")
        self._engine.server(name, online)
        self._on_gateway()

    def transmitter(self, edge: EdgeNodeId, online: bool, server: str | None, why: str) -> None:
        log.info("%s: %s at %s: %s", edge, "online" if online else "offline", server, why)
        if online:
            self._said.pop(edge, None)
            self._journal(f"edge node {edge}: online at {server}")
        self._gateway_tags.transmitter(edge.group, edge.edge, online)
        self._on_gateway()

    def gateway(self, view: GatewayView) -> None:
        self._say_what_changed(view)
        self._gateway_tags.gateway(view)
        self._edges.redundancy(view)
        self._on_view(view)
        self._on_gateway()

    def changeover(self, report: dict[str, Any]) -> None:
        """The runtime has put it on record, and the record store made it a row."""
        log.info("changeover: %s", report)

    def applied(self, records: Sequence[Record]) -> None:
        self._edges.apply(records)
        self._on_applied(records)

    def trouble(self, kind: str, detail: str) -> None:
        """Counted and logged by the runtime, which shows the counts in its view."""
        self._journal(f"trouble ({kind}): {detail}")

    def note(self, sentence: str) -> None:
        log.info("%s", sentence)
        self._journal(sentence)
        self._on_note(sentence)

    def _say_what_changed(self, view: GatewayView) -> None:
        """Each module's word when it is another one; why our edge nodes are not online, once a reason."""
        for module, word in view.modules.items():
            if self._words.get(module, _SILENT) != word:
                self._words[module] = word
                self._journal(f"MQTT {module.capitalize()}: {word}")
        if view.state != "Active":
            return
        for held in view.edges.values():
            if held.online or not held.why or held.server is None:
                continue
            sentence = f"edge node {held.edge}: not online at {held.server}: {held.why}"
            said = self._said.setdefault(held.edge, set())
            if sentence not in said and len(said) < _MOST_REASONS:
                said.add(sentence)
                self._journal(sentence)
