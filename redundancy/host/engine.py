"""MQTT Engine: the Sparkplug host application of this node, over all its MQTT servers.

Both nodes of a pair listen (unless the standby is cold); only the lease holder commands and speaks
STATE. What should be is set by `listen`, `act`, `hold`, `fence`; the sessions follow by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from redundancy.config import EngineConfig, Server
from redundancy.host import in_flight
from redundancy.host.commands import Commands
from redundancy.host.host_server import HostServer, StateClock
from redundancy.host.peer_births import PeerBirths
from redundancy.host.reception import Reception
from redundancy.mqtt import Lost, Message, Opened, Refused, Report
from redundancy.ports import SWITCH_PATIENCE, Answer, EdgeView, Outcome
from redundancy.site import Alarm, Site
from sparkplug import (
    DataType,
    EdgeNodeId,
    HostSession,
    HostState,
    LocalProtocolError,
    Metric,
    StateError,
    Value,
    state_topic,
)
from sparkplug.effects import (
    DeviceBorn,
    DeviceDied,
    Effect,
    NodeBorn,
    NodeDied,
    NodeStale,
    Problem,
    RebirthWanted,
    Subscribe,
    Values,
)

Types = dict[str | None, dict[str, DataType]]
"""Device (None: the node itself) -> metric name -> data type, from the latest birth."""


class Engine:
    """One host application. `on_progress` is called when a server or an edge node comes or goes."""

    def __init__(self, config: EngineConfig, site: Site, on_progress: Callable[[], None]) -> None:
        self.config = config
        self.reception = Reception()
        self.heard: Counter[str] = Counter()  # messages by server
        self._site = site
        self._on_progress = on_progress
        self._state_topic = state_topic(config.host_id)
        self._host = HostSession(config.host_id, reorder_timeout=config.reorder_timeout)
        self.peer_births = PeerBirths(
            self._host,
            site,
            lambda: self.config.servers,
            self._perform,
            lambda: self._acting and site.holds(),
        )
        self._clock = StateClock(site.ledger)
        self._servers = {server.name: self._server(server) for server in config.servers}
        self._commands = Commands(lambda orders: in_flight.note(site.ledger, site.node, orders))
        self._types: dict[EdgeNodeId, Types] = {}
        self._online: dict[EdgeNodeId, str] = {}
        self._lost_at: dict[EdgeNodeId, float] = {}
        self._told: dict[str, bool] = {}
        self._views: dict[str, EdgeView] | None = None
        self._alarm = Alarm(site.clock, self._tick)
        self._listening = False
        self._acting = False

    # -- what should be --------------------------------------------------------------------------

    def listen(self, wanted: bool) -> None:
        """Keep an ingest session at every server; a cold standby doesn't."""
        self._listening = wanted
        for server in self._servers.values():
            if wanted:
                server.ingest.want()
            else:
                server.ingest.unwant()
                self._gone(server, "a cold standby does not listen")

    def act(self) -> None:
        """Command and speak STATE at every server, all at the same time."""
        if not self._acting and (self._clock.outranked or not self.confirmed):
            self._clock.advance(self._site.clock.now().wall)
        self._acting = True
        self.listen(True)
        for server in self._servers.values():
            server.act()
        self.peer_births.take_over()

    def hold(self) -> None:
        """A planned switch: no command any more; STATE stays online until `leave` or `goodbye`."""
        self._acting = False
        for server in self._servers.values():
            server.hold()

    def leave(self) -> None:
        """The peer has taken over: go without STATE offline."""
        for server in self._servers.values():
            server.leave()

    def goodbye(self, *, fresh: bool) -> None:
        """Nobody takes over: STATE offline everywhere, to the letter of the specification."""
        self._acting = False
        stamp = self._clock.advance(self._site.clock.now().wall) if fresh else None
        for server in self._servers.values():
            server.goodbye(stamp)

    def fence(self, why: str) -> None:
        """The lease is lost: say nothing more, anywhere."""
        self._acting = False
        for server in self._servers.values():
            server.fence()
        self._commands.give_up(why)

    def shut(self, *, clean: bool = True) -> None:
        """Close every session; nothing follows."""
        self._acting = self._listening = False
        self._alarm.cancel()
        for server in self._servers.values():
            server.shut(clean=clean)
        self._commands.give_up("the runtime has stopped")

    def reconfigure(self, config: EngineConfig) -> bool:
        """Follow changed servers and settings; False when only a new Engine can (another host id, say).

        A server that is no longer in the set hears STATE offline: its edge nodes must not wait there.
        """
        if _identity(config) != _identity(self.config):
            return False
        old = {server.name: server for server in self.config.servers}
        new = {server.name: server for server in config.servers}
        stays = {server.address for server in config.servers}
        left = self._acting and any(server.address not in stays for server in old.values())
        stamp = self._clock.advance(self._site.clock.now().wall) if left else None
        for name in [name for name in old if old[name] != new.get(name)]:
            gone = self._servers.pop(name)
            if left and old[name].address not in stays:
                gone.goodbye(stamp)
            gone.shut()
            self._gone(gone, "the server's settings changed")
        self.config = config
        for name in [name for name in new if name not in self._servers]:
            self._servers[name] = self._server(new[name])
        self._servers = {name: self._servers[name] for name in new}
        self.listen(self._listening)
        if self._acting:
            self.act()
        if left:
            # Edge nodes that come from there have seen that timestamp.
            self.advanced()
        return True

    # -- what is ---------------------------------------------------------------------------------

    @property
    def spoken(self) -> list[str]:
        """The servers that have acknowledged our STATE online."""
        return [name for name, server in self._servers.items() if server.confirmed]

    @property
    def confirmed(self) -> bool:
        """A broker has acknowledged our STATE online."""
        return bool(self.spoken)

    @property
    def settled(self) -> bool:
        """STATE is online at every server that can be reached."""
        servers = self._servers.values()
        return not servers or (self.confirmed and all(one.settled for one in servers))

    def servers(self) -> dict[str, bool]:
        """Name -> whether this node listens there."""
        return {name: server.ingest.is_open for name, server in self._servers.items()}

    @property
    def reachable(self) -> bool:
        """Some server can be reached, or none is configured, or this node does not try."""
        return not self._listening or not self._servers or any(self.servers().values())

    def edges(self) -> dict[str, EdgeView]:
        """Every edge node that was ever born here, by "group/edge"."""
        if self._views is None:
            self._views = {str(edge): self._view(edge) for edge in self._types}
        return self._views

    def _view(self, edge: EdgeNodeId) -> EdgeView:
        node = self._host.node(edge)
        if node is None:
            return EdgeView(edge, False, None)
        return EdgeView(edge, node.online, node.server, devices=dict(node.devices))

    def online_since(self, moment: float) -> set[EdgeNodeId]:
        """Edge nodes that are online, or were at some time after `moment` (monotonic seconds)."""
        return {*self._online, *(edge for edge, at in self._lost_at.items() if at >= moment)}

    def online_at(self, servers: Collection[str]) -> list[EdgeNodeId]:
        """The edge nodes that are online at one of these servers."""
        return [edge for edge, name in self._online.items() if name in servers]

    def knows(self, edge: EdgeNodeId, metric: str) -> bool:
        """Whether the edge node itself was born with this metric."""
        return metric in self._types.get(edge, {}).get(None, {})

    def proven(self) -> set[EdgeNodeId]:
        """Edge nodes that are online at a server which has acknowledged our STATE."""
        return {
            edge
            for edge, name in self._online.items()
            if (server := self._servers.get(name)) is not None and server.confirmed
        }

    # -- commands --------------------------------------------------------------------------------

    async def write(
        self, edge: EdgeNodeId, device: str | None, name: str, value: Value, patience: float
    ) -> Outcome:
        """Order a metric to become `value`. Never raises for what an operator may type."""
        if not self._acting or not self._site.holds():
            return Outcome(Answer.REFUSED, "this node does not hold the role")
        if self.config.block_commands:
            return Outcome(Answer.REFUSED, "commands are blocked in the settings of MQTT Engine")
        now = self._site.clock.now()
        try:
            (metric,) = self._host.fit(edge, device, (self._order(edge, device, name, value),), now)
            addressed = self._host.command(edge, device, (metric,), now)
        except (ValueError, LocalProtocolError) as error:
            return Outcome(Answer.FAILED, str(error))
        server = self._servers.get(addressed.server)
        if server is not None:
            await server.announced(SWITCH_PATIENCE)
        order = self._commands.place((edge, device, name), metric.value)
        publish = addressed.publish
        if server is None or not server.command(publish):
            self._commands.withdraw(order)
            return Outcome(Answer.FAILED, f"no command session at {addressed.server}")
        if name.startswith("Node Control/"):
            self._commands.withdraw(order)  # answered by a birth or a death, never by an echo
            return Outcome(Answer.SENT)
        return await self._commands.outcome(order, patience)

    def _order(self, edge: EdgeNodeId, device: str | None, name: str, value: Value) -> Metric:
        node = self._host.node(edge)
        if node is None or not node.online:
            raise ValueError(f"{edge} is offline")
        if device is not None and not node.devices.get(device):
            raise ValueError(f"{edge}/{device} is offline")
        datatype = self._types.get(edge, {}).get(device, {}).get(name)
        if datatype is None:
            raise ValueError(f"{edge} has no metric {name!r}")
        if value is None:
            raise ValueError("a command needs a value")
        return Metric(name, datatype, value)

    # -- reports of the sessions (HostServerOwner) -----------------------------------------------

    def ingested(self, server: HostServer, report: Report) -> None:
        """See HostServerOwner."""
        now = self._site.clock.now()
        match report:
            case Message(topic, payload):
                self.heard[server.name] += 1
                if topic == self._state_topic:
                    self._saw_state(server, payload)
                else:
                    self._perform(self._host.receive(server.name, topic, payload, now))
            case Opened():
                self._told[server.name] = True
                self._site.sink.server(server.name, True, "")
                self._perform(self._host.connected(server.name, now), server)
                self.peer_births.due = True
                self._on_progress()
            case Lost(why) | Refused(why):
                self._gone(server, why)

    def stated(self, server: HostServer) -> None:  # noqa: ARG002
        """See HostServerOwner."""
        self._on_progress()

    def commanding(self, server: HostServer) -> None:
        """See HostServerOwner: the births that are still missing, which a standby could not ask for."""
        for wanted in self._host.wanted():
            if wanted.server == server.name:
                self._ask_rebirth(wanted.edge)

    def advanced(self) -> None:
        """See HostServerOwner."""
        for server in self._servers.values():
            server.follow_clock()

    def _server(self, server: Server) -> HostServer:
        legacy = self.config.legacy_state
        name, client = self.config.host_id, self.config.client_id
        return HostServer(server, name, self._site, self._clock, self, legacy=legacy, client=client)

    def _gone(self, server: HostServer, why: str) -> None:
        if self._told.get(server.name) is not False:
            self._site.sink.server(server.name, False, why)
            if self._told.get(server.name):
                self._perform(self._host.disconnected(server.name, self._site.clock.now()))
            self._told[server.name] = False
            self._on_progress()

    def _saw_state(self, server: HostServer, payload: bytes) -> None:
        try:
            server.saw(HostState.decode(payload).timestamp)
        except StateError as error:
            self._site.trouble("state", f"{server.name}: {error}")

    def _tick(self) -> None:
        self._perform(self._host.tick(self._site.clock.now()))

    def _perform(self, effects: Sequence[Effect], server: HostServer | None = None) -> None:
        for effect in effects:
            self._perform_one(effect, server)
        self._alarm.set(self._host.deadline())

    def _perform_one(self, effect: Effect, server: HostServer | None) -> None:
        sink = self._site.sink
        match effect:
            case Values(edge, device, metrics, at):
                self.reception.heard(edge, metrics, self._site.clock.now().mono)
                self._commands.echo(edge, device, metrics)
                sink.values(edge, device, metrics, at)
            case NodeBorn():
                self._born(effect)
            case DeviceBorn(edge, device, metrics, at):
                self.peer_births.follow(effect)
                self._views = None
                self._types.setdefault(edge, {})[device] = _types(metrics)
                self._commands.echo(edge, device, metrics)
                sink.device_born(edge, device, metrics, at)
            case NodeDied(edge, _, at, why):
                self.peer_births.follow(effect)
                self._offline(edge, at, why)
            case NodeStale(edge, _, at, why):
                self._offline(edge, at, why)
            case DeviceDied(edge, device, at):
                self.peer_births.follow(effect)
                self._views = None
                # Its orders wait on: a rebirth takes every device away for a moment, and answers with DBIRTH.
                sink.device_stale(edge, device, at, "the device has died")
            case RebirthWanted(edge, _, cause):
                self._site.trouble("rebirth", f"{edge}: {cause}")
                self._ask_rebirth(edge)
            case Subscribe(filters) if server is not None:
                server.ingest.subscribe(filters)
            case Problem(kind, detail):
                self._site.trouble(kind, detail)

    def _born(self, born: NodeBorn) -> None:
        edge = born.edge
        self._views = None
        self._types[edge] = {None: _types(born.metrics)}
        self._commands.echo(edge, None, born.metrics)
        self._online[edge] = born.server
        self._lost_at.pop(edge, None)
        self.peer_births.follow(born)
        self._site.sink.node_born(edge, born.server, born.metrics, born.at)
        self._site.sink.node_online(edge, True, born.server, born.at)
        self._on_progress()

    def _offline(self, edge: EdgeNodeId, at: int, why: str) -> None:
        self._views = None
        if self._online.pop(edge, None) is not None:
            self._lost_at[edge] = self._site.clock.now().mono
        self._commands.give_up(f"{edge} went offline before it answered", edge)
        self._site.sink.node_stale(edge, at, why)
        self._site.sink.node_online(edge, False, None, at)
        self._on_progress()

    def _ask_rebirth(self, edge: EdgeNodeId) -> None:
        """Only the holder has a command session; the session says how often, and keeps the wish."""
        addressed = self._host.rebirth(edge, self._site.clock.now())
        server, publish = self._servers.get(addressed.server), addressed.publish
        if server is not None and self._acting:
            server.command(publish)


def _types(metrics: Iterable[Metric]) -> dict[str, DataType]:
    return {metric.name: metric.datatype for metric in metrics if metric.name is not None}


def _identity(config: EngineConfig) -> tuple[str, str, float, bool]:
    """What an Engine keeps for life."""
    return config.host_id, config.client_id, config.reorder_timeout, config.legacy_state
