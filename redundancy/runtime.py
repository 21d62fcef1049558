"""A node's runtime: who acts, and the machinery of acting, on one asyncio loop in one thread.

Every method is to be called on the loop that runs `run()`; another thread hops there first
(`loop.call_soon_threadsafe`).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from redundancy import promise
from redundancy.clock import Clock
from redundancy.config import GatewayConfig, NodeConfig
from redundancy.core.actions import (
    Action,
    Activate,
    FailoverAnswer,
    LetGo,
    Note,
    Send,
    StandDown,
    Stopped,
)
from redundancy.core.events import (
    ConfigKnown,
    Event,
    Intruder,
    IntruderGone,
    LinkDown,
    LinkUp,
    Received,
    StopAsked,
)
from redundancy.core.messages import Release, SwitchAsked, from_wire, to_wire
from redundancy.core.pair import Pair
from redundancy.core.settings import PairSettings
from redundancy.core.view import ACTING, PairView, State
from redundancy.health import Health
from redundancy.link.links import LinkEvents, Links
from redundancy.modules import Modules
from redundancy.pair_driver import PairDriver
from redundancy.ports import Answer, EdgeTags, GatewayView, Outcome, Refused, Sink
from redundancy.replication.ledger import PATIENCE, PROVIDERS, Ledger
from redundancy.replication.reconciler import Reconciler
from redundancy.replication.records import Record, RecordStore
from redundancy.replication.replicator import Replicator
from redundancy.site import Farewells, Site, Troubles
from redundancy.wishes import Wishes
from sparkplug import EdgeNodeId, Metric, Value

log = logging.getLogger(__name__)

PROMISE = "promise.json"
DOCUMENTS = ("config", "people")
"""Providers whose one record is a whole document, which a standby may have kept out."""
EARLY = 10_000
"""Samples to keep that come before the runtime knows its configuration."""
STOP_PATIENCE = 12.0
"""Seconds a drain may take before the runtime ends all the same."""


class Runtime:
    """One node. Two of them fit in one process, on one loop or on two."""

    def __init__(
        self,
        node: NodeConfig,
        config: GatewayConfig | None,
        folder: Path,
        clock: Clock,
        store: RecordStore,
        sink: Sink,
        tags: EdgeTags,
        history: Reconciler | None = None,
    ) -> None:
        self.loop_lag = 0.0
        self._node = node
        self._config = config
        self._folder = folder
        self._clock = clock
        self._store = store
        self._sink = sink
        self._boot = uuid.uuid4().hex
        self._troubles = Troubles(clock, sink)
        self._ledger = Ledger(self._write_record)
        site = Site(node.node, clock, self._ledger, sink, self.holds, self._troubles, Farewells())
        self._modules = Modules(site, tags, node, self._feed, self._show_soon)
        self._replicator = Replicator(store, self._applied, self._troubles, acting=self._acting_epoch)
        self._wishes = Wishes(
            node.node,
            self._ledger,
            self._feed,
            self._modules.changeovers.asked,
            lambda: self._pair_view().active_node,
        )
        pulls = {"records": self._replicator.events} | ({"history": history.events} if history else {})
        self._links = Links(node, self._boot, self._link_events(), pulls)
        self._history = history
        self._pair: Pair | None = None
        self._driver: PairDriver | None = None
        self._ended = asyncio.Event()
        self._drained = False
        self._early: deque[tuple[EdgeNodeId, str | None, Metric, bool]] = deque(maxlen=EARLY)
        self._shown: GatewayView | None = None
        self._show_due = False
        self._health = Health(self._feed, clock.now().mono)

    # -- life ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until `stop` has drained. Raises OSError when the pair link's address is taken.

        Cancelling it is what the others see of a power loss: no goodbye, no drain.
        """
        path = self._folder / PROMISE
        promised = await asyncio.to_thread(promise.load, path)
        for provider in PROVIDERS:
            self._ledger.absorb(await asyncio.to_thread(self._store.latest, provider))
        settings = PairSettings.of(self._node, self._boot, zlib.crc32(self._boot.encode()))
        self._pair = Pair(settings, promised, self._clock.now().mono)
        self._driver = PairDriver(
            self._pair, self._clock, lambda made: promise.save(path, made), self._perform, self._changed
        )
        try:
            await self._links.start()
            self._health.tell()
            self._wishes.remembered()
            if self._config is not None:
                self.reconfigure(self._config)
            await self._serve(self._driver)
        finally:
            self._modules.shut(clean=self._drained)
            await self._links.close()
            await self._replicator.close()
            if self._history is not None:
                await self._history.close()

    async def _serve(self, driver: PairDriver) -> None:
        names = {"pair": driver.run(), "ledger": self._ledger.write_behind(), "pulse": self._pulse()}
        tasks = [asyncio.create_task(work, name=name) for name, work in names.items()]
        ended = asyncio.create_task(self._ended.wait(), name="ended")
        try:
            done, _ = await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a part that fell over takes the node with it: the peer is better off
        finally:
            for task in (*tasks, ended):
                task.cancel()
            await asyncio.gather(*tasks, ended, return_exceptions=True)

    def stop(self, *, drain: bool = True) -> None:
        """With `drain` the role is handed over first (SIGTERM); without, everything is dropped at once."""
        if drain and self._driver is not None:
            self._driver.feed(StopAsked())
            asyncio.get_running_loop().call_later(STOP_PATIENCE, self._ended.set)
        else:
            self._ended.set()

    async def _pulse(self) -> None:
        """How late the loop is, and a view at least every second."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.5
            await asyncio.sleep(0.5)
            self.loop_lag = max(0.0, loop.time() - due)
            self._modules.progress()
            engine, peer = self._modules.engine, self._pair_view().peer
            reachable = engine is None or engine.reachable
            self._health.servers(reachable, peer is not None and peer.connected, self._clock.now().mono)
            self._show()

    # -- what is asked of it ---------------------------------------------------------------------

    def holds(self) -> bool:
        """Whether this node may act at this very moment: asked before every effect.

        Not under a term whose promise is still being written: after a crash it would come a second time.
        """
        if self._pair is None or self._driver is None or self._driver.saving:
            return False
        return self._pair.holds(self._clock.now().mono)

    def view(self) -> GatewayView:
        """The node as it is now; also pushed to `Sink.gateway` on every change and renewal."""
        pair = self._pair_view()
        servers, edges = self._modules.servers(), self._modules.edges()
        return GatewayView(
            gateway=self._node.gateway,
            node=pair.node,
            role=pair.role,
            state=pair.state.value,
            epoch=pair.epoch,
            why=pair.why,
            since=pair.since,
            lease_until=pair.lease_until,
            cause=pair.cause,
            peer=pair.peer,
            witness=pair.witness,
            policy=pair.policy,
            switch_pending=pair.switch_pending,
            warnings=(*pair.warnings, *self._links.warnings),
            modules=self._modules.words(),
            config_version=self._config.version if self._config is not None else "",
            lag=self._replicator.lag,
            servers=servers,
            edges=edges,
            troubles=dict(self._troubles.counts),
        )

    async def write(
        self,
        edge: EdgeNodeId,
        device: str | None,
        name: str,
        value: Value,
        timeout: float = 3.0,  # noqa: ASYNC109
    ) -> Outcome:
        """Host: order a metric to become `value` and wait up to `timeout` seconds for its echo."""
        engine = self._modules.engine
        if engine is None:
            return Outcome(Answer.FAILED, "MQTT Engine is not configured on this gateway")
        return await engine.write(edge, device, name, value, timeout)

    async def failover(self, reason: str, by: str, *, even_if_silent: bool = False) -> str:
        """Ask the pair to move the role; answers the changeover's id. Raises Refused.

        `even_if_silent`: this node is to take it although neither its peer nor a witness can be asked
        (redundancy.core.forced). Awaits the active node's answer, at most 2 s.
        """
        if self._driver is None:
            raise Refused("the runtime is still starting")
        return await self._wishes.failover(reason, by, even_if_silent=even_if_silent)

    def maintenance(self, on: bool, by: str, reason: str = "") -> None:
        """Begin: hand the role over if there is somebody to take it, and ask for none. Or end it.

        Lasts over restarts. Raises Refused.
        """
        if self._driver is None:
            raise Refused("the runtime is still starting")
        if on and self._node.peer is None:
            raise Refused(f"{self._node.node} is Independent: nobody could act instead")
        self._wishes.maintenance(on, by, reason)

    def resync(self, by: str, documents: Sequence[str] = DOCUMENTS) -> None:
        """Exchange every record with the peer again; the active node's `documents` win."""
        self._sink.note(f"{by} asked for all records to be exchanged again")
        self._replicator.resync(documents)

    def sample(self, edge: EdgeNodeId, device: str | None, metric: Metric, stored: bool) -> None:
        """Edge: a tag changed. Published while online; kept for re-sending when `stored`."""
        if self._modules.transmission is None:
            self._early.append((edge, device, metric, stored))
        else:
            self._modules.transmission.sample(edge, device, metric, stored)

    def rebirth(self) -> None:
        """Edge: what the edge nodes publish has changed its shape; births again, where online."""
        if self._modules.transmission is not None:
            self._modules.transmission.rebirth()

    async def remember(self, provider: str, key: str, body: bytes) -> bool:
        """Write a record and wait shortly for the peer to have it; False: recorded here only.

        Raises what the store raises when it can't write.
        """
        return await self._replicator.remember(provider, key, body, self._pair_view().epoch, PATIENCE)

    def records_grew(self) -> None:
        """Another process appended to the record store: push what is new."""
        self._replicator.poke()

    def healthy(self, ok: bool, why: str) -> None:
        """What the world outside knows of this node's health; an unwell node gives its role up."""
        self._health.judge("node", ok, why)

    def reconfigure(self, config: GatewayConfig) -> None:
        """The gateway's configuration is now this one, whatever it was."""
        self._config = config
        if self._driver is None:
            return
        self._modules.configure(config)
        while self._early and self._modules.transmission is not None:
            self._modules.transmission.sample(*self._early.popleft())
        self._driver.feed(ConfigKnown(config.version))
        self._show_soon()

    # -- what the pair orders --------------------------------------------------------------------

    def _perform(self, action: Action) -> None:
        match action:
            case Send(to, message):
                self._links.send(to, to_wire(message))
            case Activate():
                peer = self._pair_view().peer
                self._modules.activate(action, peer.last_seen if peer is not None else None)
            case StandDown():
                self._modules.stand_down(action)
            case LetGo():
                self._modules.let_go()
            case Stopped():
                self._drained = True
                self._modules.see_off(self._ended.set)
            case FailoverAnswer():
                self._wishes.answered(action)
            case Note(sentence):
                log.info("%s: %s", self._node.node, sentence)
                self._sink.note(sentence)

    def _changed(self) -> None:
        """The pair has handled an event."""
        peer = self._pair_view().peer
        self._modules.follow(peer_acts=peer is not None and peer.connected and peer.state in ACTING)
        self._modules.peer_leaves(peer is not None and peer.connected and peer.leaving)
        self._show_soon()

    async def _write_record(self, provider: str, key: str, body: bytes, patience: float) -> bool:
        epoch = self._pair_view().epoch
        try:
            return await self._replicator.remember(provider, key, body, epoch, patience)
        except Exception as error:  # noqa: BLE001  whatever a database may raise: the role is not its hostage
            self._troubles("store", f"{provider} {key} could not be written: {error}")
            return False

    def _acting_epoch(self) -> int:
        return self._pair_view().epoch if self.holds() else 0

    def _applied(self, records: Sequence[Record]) -> None:
        self._ledger.absorb(record for record in records if record.provider in PROVIDERS)
        self._modules.applied(records)
        self._sink.applied(records)

    # -- the links -------------------------------------------------------------------------------

    def _link_events(self) -> LinkEvents:
        return LinkEvents(
            received=self._received,
            up=self._link_up,
            down=lambda name, why: self._feed(LinkDown(name, why)),
            intruder=lambda why: self._troubles("intruder", why),
            wrong_peer=self._wrong_peer,
            wrong_peer_gone=lambda: self._feed(IntruderGone()),
        )

    def _received(self, sender: str, raw: dict[str, object]) -> None:
        try:
            message = from_wire(raw)
        except ValueError as error:
            self._troubles("message", f"{sender}: {error}")
            return
        if isinstance(message, SwitchAsked | Release):
            self._modules.changeovers.asked(message.request)
        self._feed(Received(sender, message))

    def _link_up(self, name: str) -> None:
        if self._node.peer is not None and name == self._node.peer.node:
            self._feed(IntruderGone())
        self._feed(LinkUp(name))

    def _wrong_peer(self, why: str) -> None:
        self._troubles("wrong-peer", why)
        self._feed(Intruder(why))

    def _feed(self, event: Event) -> None:
        if self._driver is not None:
            self._driver.feed(event)

    # -- the view --------------------------------------------------------------------------------

    def _pair_view(self) -> PairView:
        if self._pair is not None:
            view = self._pair.view(self._clock.now().mono)
            if view.state is not State.ACTIVE or self._modules.acting:
                return view
            # The pair has decided, and nothing may act on it before its promise is on disk.
            why = f"writes its promise of term {view.epoch} to disk"
            return replace(view, state=State.CANDIDATE, why=why, lease_until=0.0)
        return PairView.starting(self._node.node, self._node.role.value)

    def _show_soon(self) -> None:
        """Once a turn of the loop, however much has happened in it."""
        if not self._show_due:
            with suppress(RuntimeError):  # no loop yet: there is nobody to show it to
                asyncio.get_running_loop().call_soon(self._show)
                self._show_due = True

    def _show(self) -> None:
        self._show_due = False
        view = self.view()
        if view != self._shown:
            self._shown = view
            self._sink.gateway(view)
