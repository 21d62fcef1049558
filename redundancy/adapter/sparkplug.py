"""A component of kind MQTTSparkplugB: a Sparkplug host of its own, at all of its servers at once.

Edge nodes walk through their servers by themselves, so a host that walked, too, would strand them. With a
`primary_host_id` it is their primary host: STATE at every server, and rebirths asked for where a birth is
missing. Without one it only listens, and an edge node is known from its next birth on.

Both nodes of a pair listen, as the gateway's own Engine does; only the active one speaks. What the host
must remember it reads from its servers: its STATE is retained there, with the timestamp that the next one
has to exceed. Births are not exchanged between the nodes, since both hear them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from redundancy.adapter.config import ComponentConfig
from redundancy.adapter.ground import Ground
from redundancy.adapter.reports import ComponentStatus, Condition, ServerStatus
from redundancy.adapter.tally import Tally
from redundancy.config import EngineConfig
from redundancy.host.engine import Engine
from redundancy.ports import GatewayView
from redundancy.replication.ledger import Ledger
from redundancy.replication.records import Record
from redundancy.site import Alarm, Site
from sparkplug import EdgeNodeId, Metric

_TOLD_EVERY = 1.0


class SparkplugComponent:
    """As MqttComponent: everything on the loop."""

    def __init__(self, config: ComponentConfig, ground: Ground) -> None:
        self.config = config
        self._ground = ground
        self._log = ground.log(config.id)
        self._acting = self._listening = self._listened = False
        self._tallies: dict[str, Tally] = {}
        self._told: ComponentStatus | None = None
        self._alarm = Alarm(ground.clock, self._pulse)
        self._engine = self._made()

    # -- what should be --------------------------------------------------------------------------

    def listen(self, wanted: bool) -> None:
        """A standby hears the same as the active node; a cold one doesn't."""
        self._listening = wanted
        self._follow()

    def act(self) -> None:
        """This node has the role: speak STATE, where the component is a primary host."""
        if not self._acting:
            self._log.info("this node acts%s", ", and speaks STATE" if self._speaks else "")
        self._acting = True
        self._follow()

    def stand_down(self, why: str, *, goodbye: bool = False) -> None:
        """The role is gone. STATE stays online, because the other node speaks it now; with `goodbye` nobody
        does, and it is set offline."""
        acted, self._acting = self._acting, False
        if acted:
            self._log.info("this node acts no longer: %s", why)
        if acted and self._speaks:
            if goodbye:
                self._engine.goodbye(fresh=True)
            else:
                self._engine.fence(why)
        self._follow()

    def configure(self, config: ComponentConfig) -> None:
        """Follow a changed configuration. Servers that are the same in both keep their sessions."""
        old, self.config = self.config, config
        self._log.info("its settings have changed%s", "" if config.running else "; it was stopped")
        speaks = bool(old.primary_host_id) and old.running
        if speaks != self._speaks or not self._engine.reconfigure(_engine(config)):
            if speaks and self._acting:
                self._engine.goodbye(fresh=True)
            self._engine.shut()
            self._engine = self._made()
        self._tallies = {each.id: self._tallies.get(each.id, Tally()) for each in config.servers}
        self._follow()

    def shut(self) -> None:
        """For good."""
        self.stand_down("the component is gone", goodbye=True)
        self._listening = False
        self._engine.shut()
        self._alarm.cancel()

    @property
    def _speaks(self) -> bool:
        return bool(self.config.primary_host_id) and self.config.running

    def _follow(self) -> None:
        running = self.config.running and bool(self.config.servers)
        listens = running and (self._acting or self._listening)
        if listens and not self._listened:
            addresses = ", ".join(f"{each.id} ({each.server.address})" for each in self.config.servers)
            self._log.info("connecting to %s", addresses)
        self._listened = listens
        self._engine.listen(listens)
        if running and self._acting and self._speaks:
            self._engine.act()
        self._pulse()

    def _made(self) -> Engine:
        ground = self._ground
        self._tallies = {each.id: self._tallies.get(each.id, Tally()) for each in self.config.servers}
        ledger, sink = Ledger(_keep_to_oneself), _HostSink(self)
        site = Site(ground.node, ground.clock, ledger, sink, ground.holds, ground.trouble, ground.farewells)
        return Engine(_engine(self.config), site, self._changed)

    # -- what is ---------------------------------------------------------------------------------

    def status(self) -> ComponentStatus:
        """The component as it is now."""
        servers = tuple(self._server(each.id) for each in self.config.servers)
        standing = sum(server.connected for server in servers)
        condition, why = self._condition(standing)
        return ComponentStatus(self.config.id, condition, why, servers)

    def _condition(self, standing: int) -> tuple[Condition, str]:
        if not self.config.running:
            return Condition.STOPPED, "it was stopped"
        if not self.config.servers:
            return Condition.NOT_CONFIGURED, "it has no data source"
        if not (self._acting or self._listening):
            return Condition.STANDBY, "the other node reads, or nobody does"
        count = len(self.config.servers)
        if not standing:
            return Condition.FAULTED, "none of its servers can be reached"
        condition = Condition.RUNNING if self._acting else Condition.STANDBY
        spoken = len(self._engine.spoken)
        said = f", STATE is online at {spoken}" if self._speaks and self._acting else ""
        return condition, f"listens at {standing} of {count} servers{said}"

    def _server(self, name: str) -> ServerStatus:
        tally = self._tallies[name]
        return ServerStatus(
            name,
            tally.connected,
            tally.connected,
            tally.since,
            self._engine.heard[_name(self.config, name)],
            tally.losses,
            tally.last_error,
        )

    def server_turned(self, name: str, online: bool, why: str) -> None:
        """From the host: it listens at this server, or no longer."""
        server = self.own_name(name)
        tally = self._tallies.get(server)
        if tally is not None:
            tally.losses += tally.connected and not online
            tally.turn(online, self._ground.clock.now().wall)
            tally.last_error = why if not online and self._listened else tally.last_error
            if online:
                self._log.info("%s: connected, listens there", server)
            else:
                self._log.log(logging.WARNING if self._listened else logging.DEBUG, "%s: %s", server, why)

    def own_name(self, name: str) -> str:
        """The component's name of a server that the host calls by `name`."""
        return name.removeprefix(f"{self.config.id}/")

    def _changed(self) -> None:
        self._alarm.set(self._ground.clock.now().mono)

    def _pulse(self) -> None:
        status = self.status()
        if status != self._told:
            self._told = status
            self._ground.sink.component(status)
        if self._acting or self._listening:
            self._alarm.set(self._ground.clock.now().mono + _TOLD_EVERY)


def _name(config: ComponentConfig, server: str) -> str:
    """What the host calls a server."""
    return f"{config.id}/{server}"


def _engine(config: ComponentConfig) -> EngineConfig:
    servers = tuple(replace(each.server, name=_name(config, each.id)) for each in config.dialled())
    # Without a host id of its own it only listens; the id is then in nobody's topics.
    return EngineConfig(
        config.primary_host_id or config.client_id or config.id, servers, client_id=config.client_id
    )


async def _keep_to_oneself(provider: str, key: str, body: bytes, patience: float) -> bool:  # noqa: ARG001
    """What this host remembers is for this process only."""
    return False


class _HostSink:
    """Where the host reports: metrics to the adapter's sink, its servers to the component.

    A redundancy.ports.Sink. What only a node's runtime says is never called here.
    """

    def __init__(self, component: SparkplugComponent) -> None:
        self._component = component

    @property
    def _sink(self) -> Any:
        return self._component._ground.sink

    @property
    def _id(self) -> str:
        return self._component.config.id

    @property
    def _log(self) -> logging.Logger:
        return self._component._log

    def node_born(self, edge: EdgeNodeId, server: str, metrics: tuple[Metric, ...], at: int) -> None:
        server = self._component.own_name(server)
        self._log.info("edge node %s: born at %s with %d metrics", edge, server, len(metrics))
        self._sink.metrics(self._id, edge, None, metrics, at)

    def device_born(self, edge: EdgeNodeId, device: str, metrics: tuple[Metric, ...], at: int) -> None:
        self._log.debug("device %s/%s: born with %d metrics", edge, device, len(metrics))
        self._sink.metrics(self._id, edge, device, metrics, at)

    def values(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int) -> None:
        self._sink.metrics(self._id, edge, device, metrics, at)

    def node_stale(self, edge: EdgeNodeId, at: int, why: str) -> None:
        self._log.info("edge node %s: stale: %s", edge, why)
        self._sink.stale(self._id, edge, None, at, why)

    def device_stale(self, edge: EdgeNodeId, device: str, at: int, why: str) -> None:
        self._log.debug("device %s/%s: stale: %s", edge, device, why)
        self._sink.stale(self._id, edge, device, at, why)

    def server(self, name: str, online: bool, why: str) -> None:
        self._component.server_turned(name, online, why)

    def node_online(self, edge: EdgeNodeId, online: bool, server: str | None, at: int) -> None: ...

    def transmitter(self, edge: EdgeNodeId, online: bool, server: str | None, why: str) -> None: ...

    def gateway(self, view: GatewayView) -> None: ...

    def changeover(self, report: dict[str, Any]) -> None: ...

    def applied(self, records: Sequence[Record]) -> None: ...

    def trouble(self, kind: str, detail: str) -> None:
        self._log.warning("%s: %s", kind, detail)
        self._component._ground.trouble(kind, detail)

    def repeated(self) -> int | None:
        return None

    def note(self, sentence: str) -> None: ...
