"""One component of kind MQTT: its servers, from which of them data come, and how they get to the sink.

Mode `failover`: the servers do not mirror one another. Each message is at one of them, because whoever
publishes walks through the same list; data come from one server at a time, and what another one has kept
for us is taken on a visit or when it becomes the target. Nothing is compared, nothing dropped.

Mode `all`: the servers mirror one another, because whoever publishes does so everywhere, or because they are
bridged. Data come from all at once, and second copies are dropped (pairing.py says what a second copy is, and
what that can't know).

At QoS 1 and 2 a message is acknowledged once the sink has it, in the session that its server keeps: what
was on its way when a server, a wire, this process or the other node of the pair failed comes again. At QoS 2
nothing comes twice while this process lives; after a crash, what the sink had but the server did not know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from redundancy.adapter.config import ComponentConfig, Mode, ServerConfig
from redundancy.adapter.ground import TRACE, Ground
from redundancy.adapter.intake import Intake
from redundancy.adapter.pairing import Pairing
from redundancy.adapter.reports import (
    Arrival,
    ComponentStatus,
    Condition,
    ServerStatus,
)
from redundancy.adapter.server_sessions import ServerSessions
from redundancy.adapter.tally import Tally
from redundancy.core.failover import Close, Failover, Leg, Open, Order, Pace, Probe, Unprobe, Visit
from redundancy.mqtt import Message
from redundancy.site import Alarm

TOLD_EVERY = 1.0
"""Seconds between two reports that differ in their counts only."""


class MqttComponent:
    """Everything is called on the loop. `act` and `stand_down` come from the pair, `configure` any time."""

    def __init__(self, config: ComponentConfig, ground: Ground) -> None:
        self.config = config
        self._ground = ground
        self._acting = False
        self._pump: asyncio.Task[None] | None = None
        self._intake = Intake(config.queue, ground.sink.take, ground.holds, ground.trouble)
        self._pairing = Pairing()
        self._duplicates = 0
        self._tallies: dict[str, Tally] = {}
        self._sessions: dict[str, ServerSessions] = {}
        self._cores: dict[str, Failover] = {}
        self._alarms: dict[Failover, Alarm] = {}
        self._told: ComponentStatus | None = None
        self._tell_alarm = Alarm(ground.clock, self._tell)
        self._tell_from = 0.0
        self._log = ground.log(config.id)
        self._targets: dict[Failover, str | None] = {}
        self._furnish(config)

    # -- what should be --------------------------------------------------------------------------

    def act(self) -> None:
        """This node has the role: connect, unless the component is stopped."""
        if not self._acting:
            self._log.info("this node acts; %s", _plan(self.config))
        self._acting = True
        if not self.config.running or not self.config.servers:
            self._tell()
            return
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._intake.run(), name=self.config.id)
        for core in self._alarms:
            self._perform(core, core.start(self._now()))

    def stand_down(self, why: str) -> None:
        """The role is gone: close everything. What the sink has not taken stays at the servers."""
        if self._acting:
            self._log.info("this node reads no longer: %s", why)
        self._acting = False
        self._halt(why)
        for tally in self._tallies.values():
            tally.off(self._wall())
        self._tell()

    def configure(self, config: ComponentConfig) -> None:
        """Follow a changed configuration; a server that is the same in both keeps its session.

        Filters change without a reconnect. Another client id, mode or the stop are a new beginning.
        """
        old, self.config = self.config, config
        self._log.info("its settings have changed; %s", _plan(config))
        self._intake.limit = config.queue
        fresh = (old.client_id, old.failover.mode) != (config.client_id, config.failover.mode)
        if fresh or not config.running or not old.running:
            self._halt("the settings have changed")
            self._furnish(config)
        else:
            self._refurnish(old, config)
        if self._acting:
            self.act()

    def shut(self) -> None:
        """For good."""
        self.stand_down("the component is gone")
        self._tell_alarm.cancel()

    def _halt(self, why: str) -> None:
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        for core, alarm in self._alarms.items():
            alarm.cancel()
            for order in core.stop(why):
                self._carry_out(order)
        self._intake.clear()
        self._targets.clear()
        for sessions in self._sessions.values():
            sessions.forget()

    def _furnish(self, config: ComponentConfig) -> None:
        """Sessions and cores for all servers, all anew."""
        self._sessions = {each.id: self._at(each) for each in config.dialled()}
        self._tallies = {name: self._tallies.get(name, Tally()) for name in self._sessions}
        groups = [tuple(self._sessions)] if config.failover.mode is Mode.FAILOVER else _each(self._sessions)
        made = [Failover(group, _pace(config), f"{config.client_id} {group}") for group in groups if group]
        self._cores = {name: core for core in made for name in core.servers}
        self._alarms = {core: self._alarm(core) for core in made}

    def _refurnish(self, old: ComponentConfig, config: ComponentConfig) -> None:
        """Only what is different."""
        before = {each.id: each for each in old.dialled()}
        after = {each.id: each for each in config.dialled()}
        changed = {name for name, each in after.items() if name in before and before[name] != each}
        if config.failover.mode is Mode.ALL and (changed or before.keys() != after.keys()):
            self._halt("the servers have changed")
            self._furnish(config)
            return
        orders = []
        for core in self._alarms:
            names = tuple(after) if config.failover.mode is Mode.FAILOVER else tuple(core.servers)
            orders += [(core, core.configure(names, _pace(config), self._now(), changed))]
        if not self._alarms or not after:
            self._halt("no server is configured")
            self._furnish(config)
            return
        # Closing comes first, and is for the sessions that were.
        for _, wanted in orders:
            for order in [each for each in wanted if isinstance(each, Close | Unprobe)]:
                self._carry_out(order)
        self._sessions = {
            name: self._at(each) if name in changed or name not in self._sessions else self._sessions[name]
            for name, each in after.items()
        }
        self._tallies = {name: self._tallies.get(name, Tally()) for name in after}
        self._cores = {name: core for core, _ in orders for name in core.servers}
        if old.filters != config.filters:
            for sessions in self._sessions.values():
                sessions.subscribe(config.filters)
        for core, wanted in orders:
            self._perform(core, [each for each in wanted if not isinstance(each, Close | Unprobe)])

    def _at(self, server: ServerConfig) -> ServerSessions:
        return ServerSessions(server, self.config.client_id, self.config.filters, self)

    def _alarm(self, core: Failover) -> Alarm:
        return Alarm(self._ground.clock, lambda: self._perform(core, core.tick(self._now())))

    # -- what is ---------------------------------------------------------------------------------

    def status(self) -> ComponentStatus:
        """The component as it is now."""
        config = self.config
        return ComponentStatus(
            config.id,
            self._condition(),
            self._why(),
            tuple(self._server(each.id) for each in config.servers),
            sum(core.switches for core in self._alarms),
            self._intake.waiting,
            self._intake.dropped,
            self._duplicates,
        )

    def _condition(self) -> Condition:
        if not self.config.running:
            return Condition.STOPPED
        if not self.config.servers:
            return Condition.NOT_CONFIGURED
        if not self._acting:
            return Condition.STANDBY
        return Condition.RUNNING if any(core.target for core in self._alarms) else Condition.FAULTED

    def _why(self) -> str:
        match self._condition():
            case Condition.STOPPED:
                return "it was stopped"
            case Condition.NOT_CONFIGURED:
                return "it has no data source"
            case Condition.STANDBY:
                return "the other node reads, or nobody does"
        if self.config.failover.mode is Mode.FAILOVER:
            return next(iter(self._alarms)).why
        standing = sum(core.target is not None for core in self._alarms)
        if standing:
            return f"data come from {standing} of {len(self._alarms)} servers"
        return "; ".join(core.why for core in self._alarms)

    def _server(self, name: str) -> ServerStatus:
        tally, core = self._tallies[name], self._cores[name]
        standing = core.servers[name]
        return ServerStatus(
            name,
            tally.connected,
            core.target == name,
            tally.since,
            tally.messages,
            standing.failovers,
            tally.last_error,
        )

    # -- what the sessions say (server_sessions.Owner) -------------------------------------------

    def ready(self, server: str) -> None:
        """See Owner."""
        self._log.info("%s: connected, the subscriptions are granted", server)
        self._perform(self._cores[server], self._cores[server].ready(server, self._now()))

    def ended(self, server: str, why: str) -> None:
        """See Owner."""
        self._failed(server, why)
        self._perform(self._cores[server], self._cores[server].ended(server, why, self._now()))

    def left(self, server: str) -> None:
        """See Owner."""
        self._log.debug("%s: left in peace, what waited there is taken", server)
        self._perform(self._cores[server], self._cores[server].left(server, self._now()))

    def probed(self, server: str) -> None:
        """See Owner."""
        self._log.info("%s: stands by, it can be reached", server)
        self._perform(self._cores[server], self._cores[server].probed(server, self._now()))

    def probe_ended(self, server: str, why: str) -> None:
        """See Owner."""
        self._failed(server, why)
        self._perform(self._cores[server], self._cores[server].probe_ended(server, why, self._now()))

    def objected(self, server: str, why: str) -> None:
        """See Owner."""
        self._tallies[server].last_error = why
        self._log.warning("%s: %s", server, why)
        self._ground.trouble("adapter-server", f"{self.config.id}, {server}: {why}")

    def arrived(self, server: str, message: Message, taken: Callable[[], None]) -> None:
        """See Owner."""
        self._tallies[server].messages += 1
        self._tell_soon()
        topic, payload, retain = message.topic, message.payload, message.retain
        if self.config.failover.mode is Mode.ALL and not self._pairing.is_new(
            server, topic, payload, retain, self._now()
        ):
            self._duplicates += 1
            self._log.log(TRACE, "%s: a second copy of a message on %s", server, topic)
            taken()
            return
        self._intake.put(
            Arrival(self.config.id, server, topic, payload, message.qos, retain, self._wall()), taken
        )

    # -- inside ----------------------------------------------------------------------------------

    def _perform(self, core: Failover, orders: Sequence[Order]) -> None:
        for order in orders:
            self._carry_out(order)
        self._aimed(core)
        self._alarms[core].set(core.deadline())
        for name, standing in core.servers.items():
            up = standing.session in (Leg.OPEN, Leg.LEAVING) or standing.probe is Leg.OPEN
            self._tallies[name].turn(up, self._wall())
        if not any(one.target for one in self._alarms):
            self._pairing.blind()
        self._tell()

    def _aimed(self, core: Failover) -> None:
        """Say so when data come from elsewhere."""
        before, now = self._targets.get(core), core.target
        self._targets[core] = now
        if before != now:
            came = "no data come" if now is None else f"data come from {now}"
            self._log.log(logging.WARNING if now is None else logging.INFO, "%s: %s", came, core.why)

    def _failed(self, server: str, why: str) -> None:
        """A session could not be opened, or is lost. One that fails again and again is no news."""
        again = self._tallies[server].last_error == why and not self._tallies[server].connected
        self._log.log(logging.DEBUG if again else logging.WARNING, "%s: %s", server, why)
        self._tallies[server].last_error = why

    def _carry_out(self, order: Order) -> None:
        sessions = self._sessions[order.server]
        level = logging.INFO if isinstance(order, Open) else logging.DEBUG
        self._log.log(level, "%s", _said(order, sessions.config))
        match order:
            case Open():
                sessions.open()
            case Close(_, linger):
                sessions.close(linger=linger)
            case Probe():
                sessions.probe()
            case Unprobe():
                sessions.unprobe()
            case Visit():
                sessions.visit()

    def _tell_soon(self) -> None:
        self._tell_alarm.set(max(self._tell_from, self._now()))

    def _tell(self) -> None:
        status = self.status()
        if status != self._told:
            self._told = status
            self._tell_from = self._now() + TOLD_EVERY
            self._ground.sink.component(status)

    def _now(self) -> float:
        return self._ground.clock.now().mono

    def _wall(self) -> int:
        return self._ground.clock.now().wall


def _pace(config: ComponentConfig) -> Pace:
    failover = config.failover
    return Pace(
        patience=failover.connect_timeout + 1.0,  # CONNACK within the time-out, SUBACK within a second more
        failback=failover.failback,
        first_pause=failover.first_pause,
        longest_pause=failover.longest_pause,
        # Only what has a QoS waits at a server; all of it comes from everywhere in mode all.
        reserve=failover.mode is Mode.FAILOVER and any(qos for _, qos in config.filters),
    )


def _plan(config: ComponentConfig) -> str:
    """Which servers it reads from, for its log."""
    if not config.running or not config.servers:
        return "it was stopped" if not config.running else "it has no data source"
    servers = ", ".join(f"{each.id} ({each.server.address})" for each in config.servers)
    return f"servers in order, mode {config.failover.mode.value}: {servers}"


def _said(order: Order, server: ServerConfig) -> str:
    match order:
        case Open():
            return f"{server.id}: connecting to {server.server.address}"
        case Close(_, linger):
            return f"{server.id}: disconnecting" + (", when what is still coming is taken" if linger else "")
        case Probe():
            return f"{server.id}: trying whether {server.server.address} can be reached"
        case Unprobe():
            return f"{server.id}: no longer trying whether it can be reached"
        case Visit():
            return f"{server.id}: visiting it for what waits there"


def _each(names: Sequence[str] | dict[str, ServerSessions]) -> list[tuple[str, ...]]:
    return [(name,) for name in names]
