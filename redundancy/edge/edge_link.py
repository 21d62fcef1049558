"""One edge node of MQTT Transmission: its MQTT session on one server at a time, and its samples.

Acting, it walks the servers, is born and publishes. Standing by, it only keeps the samples that the
acting node may lose: both nodes of a pair sample the same tags, so whoever is born next can send them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from redundancy.config import TransmissionConfig, Transmitter
from redundancy.core.server_set import ServerWalk
from redundancy.edge.window import Sample, SampleWindow, by_device
from redundancy.mqtt import Connection, Lost, Message, Opened, Refused, Report
from redundancy.ports import EdgeTags
from redundancy.replication.ledger import BDSEQ, HOST_STATE, TRANSMITTER
from redundancy.site import Alarm, Site
from sparkplug import DataType, EdgeNodeId, EdgeSession, EdgeState, Metric, Properties
from sparkplug.effects import (
    BirthDue,
    Close,
    Commanded,
    Effect,
    HostOffline,
    HostSilent,
    NextServerAsked,
    Problem,
    Publish,
    Subscribe,
)

BATCH = 200
"""Metrics in one message of re-sent samples."""
BURST, PAUSE = 20, 0.02
"""Messages of re-sent samples in a row, and seconds between: live samples must get their turn."""
SHORT_LIVED, FOREIGN_DELAY = 2.0, 5.0
"""A session lost sooner than this was probably taken over by another client; then wait so long."""

Shapes = dict[str | None, dict[str | None, tuple[DataType, Properties | None]]]
"""By device, None for the node itself: the names of a birth with what only a birth says about them."""


class EdgeLink:
    """`on_progress` is called when the edge node comes online or goes. `started`: when its start-up delay
    began (monotonic seconds), now if not given.
    """

    def __init__(
        self,
        transmitter: Transmitter,
        config: TransmissionConfig,
        site: Site,
        tags: EdgeTags,
        on_progress: Callable[[], None],
        started: float | None = None,
    ) -> None:
        self.edge = EdgeNodeId.checked(transmitter.group, transmitter.edge)
        self.window = SampleWindow(config.rolling_window, config.history_limit)
        self.online = self.failed = False
        self.server: str | None = None
        self.why = "this node does not act"
        self.replayed = 0
        self._transmitter = transmitter
        self._config = config
        self._site = site
        self._tags = tags
        self._on_progress = on_progress
        self._started = site.clock.now().mono if started is None else started
        self._session = self._new_session()
        self._walk = self._new_walk()
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._commands: set[asyncio.Task[None]] = set()
        self._connect_alarm = Alarm(site.clock, self._connect)
        self._session_alarm = Alarm(site.clock, self._tick)
        self._fresh: dict[str | None, list[tuple[Metric, bool]]] = {}
        self._pump: asyncio.TimerHandle | None = None
        self._acting = self._served = False
        self._opened_at: float | None = None
        self._thrown_off = 0
        self._shapes: Shapes = {}

    # -- what should be --------------------------------------------------------------------------

    def act(self) -> None:
        """Be the edge node: connect, be born, publish."""
        if self._acting:
            return
        self._acting, self.failed, self._served = True, False, False
        self._session = self._new_session()
        self._walk = self._new_walk()
        self._connect()

    def goodbye(self) -> None:
        """NDEATH and DISCONNECT: the role moves, and the peer is born anew."""
        if self._acting and self._connection is not None:
            self._perform(self._session.goodbye(self._site.clock.now()))
        self._stop("this node does not act", clean=True)

    def cut(self, why: str) -> None:
        """Drop the connection without a word; the broker speaks our Will."""
        self._stop(why, clean=False)

    def served_by_peer(self, served: bool) -> None:
        """Standing by: whether the peer publishes for this edge node now, so that samples reach a host."""
        if self._acting or served == self._served:
            return
        self._served = served
        now = self._site.clock.now().mono
        if served:
            self.window.presume_sent(now)
        else:
            self.window.rewind(now)

    def rebirth(self) -> None:
        """What the edge node publishes has changed its shape: births again. Devices that only came or went
        get their DBIRTH or DDEATH, and the others notice nothing.
        """
        if not self.online:
            return
        node, devices = self._tags.births(self.edge)
        shapes = _shapes(node, devices)
        gone, came = self._shapes.keys() - shapes.keys(), shapes.keys() - self._shapes.keys()
        same = all(self._shapes[one] == shapes[one] for one in shapes.keys() - came)
        # A template's definition may have changed without its name; it belongs to the NBIRTH.
        templates = any(datatype is DataType.Template for datatype, _ in shapes[None].values())
        if not same or not (gone or came) or templates:
            self._birth()
            return
        now = self._site.clock.now()
        for device in gone:
            self._perform(self._session.device_death(device or "", now))
        for device in came:
            self._perform(self._session.device_birth(device or "", devices[device or ""], now))
        self._shapes = shapes

    # -- samples ---------------------------------------------------------------------------------

    def sample(self, device: str | None, metric: Metric, stored: bool) -> None:
        """A tag changed. Several in one turn of the loop travel in one message."""
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._flush)
        self._fresh.setdefault(device, []).append((metric, stored))

    def _flush(self) -> None:
        fresh, self._fresh = self._fresh, {}
        now = self._site.clock.now().mono
        for device, items in fresh.items():
            effects = self._data(device, [metric for metric, _ in items]) if self.online else []
            reached = _published(effects) or (not self._acting and self._served)
            for metric, stored in items:
                if stored and reached:
                    self.window.sent(Sample(device, metric), now)
                elif stored:
                    self.window.wait(Sample(device, metric))
            # Last, because a birth that is due for a new metric sends again what the window holds.
            self._perform(effects)
        if self.online and self.window.waiting:
            self._resend_soon()

    def _data(self, device: str | None, metrics: list[Metric]) -> list[Effect]:
        """Nothing may leave when the lease is gone, and nothing is sent between BirthDue and the births."""
        return self._session.data(device, metrics, self._site.clock.now()) if self._site.holds() else []

    def _resend(self) -> None:
        """A burst of what the host may lack, and after a pause the next, until nothing waits."""
        self._pump = None
        for _ in range(BURST):
            if not self.online:
                return
            if not self._resend_batch():
                break
            if not self.window.waiting:
                self._tell("online")
                self._on_progress()
                return
        self._resend_soon()

    def _resend_soon(self) -> None:
        if self._pump is None:
            self._pump = asyncio.get_running_loop().call_later(PAUSE, self._resend)

    def _resend_batch(self) -> bool:
        """False: nothing may leave now, which need not mean that the session or the role is over."""
        batch = self.window.take(BATCH, self._site.clock.now().mono)
        known = [one for one in batch if one.metric.name in self._shapes.get(one.device, ())]
        if len(known) < len(batch):
            self._site.trouble("sample-orphan", f"{self.edge}: samples of tags that are no longer there")
        for device, metrics in by_device(known).items():
            effects = self._data(device, [metric._replace(is_historical=True) for metric in metrics])
            if not _published(effects):
                self.window.give_back(known)
                self._resend_soon()
                self._perform(effects)
                return False
            self._perform(effects)
        self.replayed += len(known)
        return True

    # -- the connection --------------------------------------------------------------------------

    def _new_session(self) -> EdgeSession:
        return EdgeSession(
            self.edge,
            self._config.host_id,
            state_wait=self._config.state_wait,
            use_aliases=self._transmitter.use_aliases,
            last_state=self._site.ledger.number(HOST_STATE, str(self.edge)) or 0,
            legacy_state=self._config.legacy_state,
        )

    def _new_walk(self) -> ServerWalk:
        walk = ServerWalk(len(self._config.servers), hash(self.edge) & 0xFFFFFFFF)
        walk.delay(self._started, self._config.startup_delay)
        return walk

    def _connect(self) -> None:
        """Connect when the walk says so; called again by the alarm until it does."""
        if not self._acting or self._connection is not None or self._connecting is not None:
            return
        now = self._site.clock.now().mono
        if not self._config.servers or not self._site.holds():
            self._connect_alarm.set(now + 1.0)
        elif now < self._walk.retry_at:
            self._connect_alarm.set(self._walk.retry_at)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        last = self._site.ledger.number(BDSEQ, str(self.edge))
        bd_seq = 0 if last is None else (last + 1) % 256
        server, client = self._config.servers[self._walk.current], f"{self.edge.group}-{self.edge.edge}"
        try:
            # Before CONNECT, so that the peer can't start a session that this one's Will would end.
            await self._site.ledger.remember(BDSEQ, str(self.edge), b"%d" % bd_seq)
            await self._site.farewells.namesake(server, client)
        finally:
            self._connecting = None
        if not self._acting or not self._site.holds():
            self._connect()
            return
        will = self._session.open(bd_seq, self._site.clock.now())
        self.server, self._opened_at = server.name, None
        self._connection = Connection(asyncio.get_running_loop(), server, client, self._report, will=will)
        self._connection.open()

    def _report(self, connection: Connection, report: Report) -> None:
        if connection is not self._connection:
            return
        if not self._site.holds():
            # The lease ran out while we slept: nothing that is still queued may follow.
            self.cut("this node has lost its role")
            return
        now = self._site.clock.now()
        match report:
            case Opened():
                self._opened_at = now.mono
                self._perform(self._session.connected(now))
            case Message(topic, payload):
                self._perform(self._session.receive(topic, payload, now))
                self._site.ledger.note(HOST_STATE, str(self.edge), b"%d" % self._session.last_state)
            case Lost(why) | Refused(why):
                self._lost(why)

    def _lost(self, why: str) -> None:
        now = self._site.clock.now()
        self._connection = None
        self._perform(self._session.disconnected(now))
        self._walk.failed(now.mono, why)
        self._offline(why)
        if self._opened_at is not None and now.mono - self._opened_at < SHORT_LIVED:
            self._thrown_off += 1
        else:
            self._thrown_off = 0
        if self._thrown_off >= 3:
            self._site.trouble("client-id", f"{self.edge} is thrown off {self.server} as soon as it connects")
            self._connect_alarm.set(now.mono + FOREIGN_DELAY)
        else:
            self._connect()

    def _tick(self) -> None:
        if self._connection is not None:
            self._perform(self._session.tick(self._site.clock.now()))

    # -- effects of the session ------------------------------------------------------------------

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            self._perform_one(effect)
        self._session_alarm.set(self._session.deadline() if self._connection is not None else None)

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Publish(topic, payload, qos, retain) if self._connection is not None:
                self._connection.publish(topic, payload, qos, retain)
            case Subscribe(filters) if self._connection is not None:
                self._connection.subscribe(filters)
            case Close(clean, why, with_will):
                self._close(clean, with_will=with_will)
                self._offline(why)
            case BirthDue():
                self._birth()
            case HostOffline(why) | HostSilent(why):
                self._move_on(why)
            case NextServerAsked():
                self._perform(self._session.goodbye(self._site.clock.now()))
                self._walk.sent_on(self._site.clock.now().mono, "the host asked for the next server")
                self._begin_anew("the host asked for the next server")
            case Commanded(device, metrics):
                self._command(device, metrics)
            case Problem(kind, detail):
                self._site.trouble(kind, f"{self.edge}: {detail}")

    def _birth(self) -> None:
        node, devices = self._tags.births(self.edge)
        was_online = self.online
        self._perform(self._session.birth(node, devices, self._site.clock.now()))
        if self._session.state is not EdgeState.ONLINE:
            return
        now = self._site.clock.now().mono
        self._shapes = _shapes(node, devices)
        self._walk.connected(now)
        self.online, self.why = True, ""
        self.window.rewind(now)
        if self._pump is None:
            self._resend()
        if not was_online:
            self._site.sink.transmitter(self.edge, True, self.server, "")
            self._on_progress()

    def _command(self, device: str | None, metrics: tuple[Metric, ...]) -> None:
        task = asyncio.get_running_loop().create_task(self._tags.command(self.edge, device, metrics))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    def _move_on(self, why: str) -> None:
        self._walk.left(self._site.clock.now().mono, why)
        self._begin_anew(why)

    def _begin_anew(self, why: str) -> None:
        self._offline(why)
        self._connect()

    def _offline(self, why: str) -> None:
        """Nobody receives our samples any more, and the latest may not have arrived either."""
        self.why, self.failed = why, True
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self.online:
            self.online = False
            self.window.rewind(self._site.clock.now().mono)
            self._site.sink.transmitter(self.edge, False, self.server, why)
        if self._acting:
            self._tell("waiting")
        self._on_progress()

    def _tell(self, word: str) -> None:
        """To the standby, so that it keeps every sample for as long as nobody gets any."""
        self._site.ledger.note(TRANSMITTER, str(self.edge), word.encode())

    def _close(self, clean: bool, *, with_will: bool = False) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(clean, with_will=with_will)
            self._site.farewells.add(connection)

    def _stop(self, why: str, *, clean: bool) -> None:
        self._acting = False
        self._connect_alarm.cancel()
        self._session_alarm.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._close(clean)
        self._offline(why)
        self.server = None

    @property
    def resending(self) -> bool:
        """Online, and not yet done with what the host may lack."""
        return self.online and (self._pump is not None or self.window.waiting > 0)


def _published(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, Publish) for effect in effects)


def _shapes(node: Sequence[Metric], devices: Mapping[str, Sequence[Metric]]) -> Shapes:
    births: list[tuple[str | None, Sequence[Metric]]] = [(None, node), *devices.items()]
    return {
        device: {one.name: (one.datatype, one.properties) for one in metrics} for device, metrics in births
    }
