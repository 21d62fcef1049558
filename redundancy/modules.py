"""MQTT Engine and MQTT Transmission of one node, as the pair orders them about: together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from redundancy.changeovers import Changeovers
from redundancy.config import EngineConfig, GatewayConfig, NodeConfig, Standby, TransmissionConfig
from redundancy.core.actions import Activate, StandDown
from redundancy.core.events import EdgeSessions, Event, StoodDown, TookOver
from redundancy.edge.transmission import Transmission
from redundancy.host import in_flight
from redundancy.host.engine import Engine
from redundancy.host.evacuation import Evacuation, gone
from redundancy.ports import EdgeTags, EdgeView
from redundancy.replication.ledger import BIRTH, of_provider
from redundancy.replication.records import Record
from redundancy.site import Alarm, Site
from sparkplug import EdgeNodeId

LETGO_PATIENCE = 10.0
"""Seconds to keep STATE after a planned switch whose taker-over is never heard of."""
TAKEOVER_PATIENCE = 3.0
"""Seconds after which the role counts as taken over although some broker has not answered yet."""
FAREWELL_PATIENCE = 0.3
"""Seconds for the last words to leave before the role is released; each is a gap in the plant."""


class Modules:
    """`feed` hands an event to the pair; `changed` is called when anything people can see has changed."""

    def __init__(
        self,
        site: Site,
        tags: EdgeTags,
        node: NodeConfig,
        feed: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self.engine: Engine | None = None
        self.transmission: Transmission | None = None
        self.changeovers = Changeovers(site)
        self._site = site
        self._tags = tags
        self._standby = node.redundancy.standby
        self._peer = node.peer.node if node.peer is not None else ""
        self._predecessor = ""
        self._evacuation = Evacuation()
        self._feed = feed
        self._changed = changed
        self._acting = self._settled = self._peer_acts = False
        self._activated_at = 0.0
        self._sessions = -1
        self._letgo_alarm = Alarm(site.clock, self._letgo_overdue)
        self._settle_alarm = Alarm(site.clock, self.progress)
        self._standing_down: asyncio.Task[None] | None = None
        self._seeing_off: asyncio.Task[None] | None = None

    @property
    def acting(self) -> bool:
        """Whether the pair's last order was to act."""
        return self._acting

    # -- configuration ---------------------------------------------------------------------------

    def configure(self, config: GatewayConfig) -> None:
        """These are the modules from now on, whatever they were."""
        self._configure_engine(config.engine)
        self._configure_transmission(config.transmission)
        self.follow(peer_acts=self._peer_acts)

    def _configure_engine(self, config: EngineConfig | None) -> None:
        old = self.engine
        if old is not None and config is not None and old.reconfigure(config):
            return
        if old is not None:
            if self._acting:
                old.goodbye(fresh=True)
            old.shut()
        self.engine = None if config is None else Engine(config, self._site, self.progress)
        if self.engine is not None and self._acting:
            self.engine.act()

    def _configure_transmission(self, config: TransmissionConfig | None) -> None:
        old = self.transmission
        if old is not None and config is not None:
            old.reconfigure(config)
            return
        if old is not None:
            old.goodbye()
        self.transmission = (
            None if config is None else Transmission(config, self._site, self._tags, self.progress)
        )
        if self.transmission is not None and self._acting:
            self.transmission.act()

    # -- what the pair orders --------------------------------------------------------------------

    def activate(self, order: Activate, heard: float | None) -> None:
        """Act, everywhere at once. `heard`: when the peer was last heard (monotonic seconds)."""
        now = self._site.clock.now().mono
        engine, transmission = self.engine, self.transmission
        awaited: set[EdgeNodeId] = set()
        if engine is not None:
            # A dying host's Will may have sent its edges away just before its last heartbeat came in.
            awaited |= engine.online_since(now if heard is None else heard - 1.0)
        if transmission is not None:
            awaited |= transmission.known()
        self._letgo_alarm.cancel()
        self._site.sink.note(f"{self._site.node} acts with epoch {order.epoch}: {order.cause}")
        self._acting, self._settled, self._activated_at = True, False, now
        if self._predecessor:
            self._begin_report(order, heard, awaited)
        self._predecessor = ""
        if engine is not None:
            engine.act()
        if transmission is not None:
            transmission.act()
        self._settle_alarm.set(now + TAKEOVER_PATIENCE)
        self.progress()

    def _begin_report(self, order: Activate, heard: float | None, awaited: set[EdgeNodeId]) -> None:
        # After a planned switch the node that has sent them still waits for their echoes itself.
        orphans = [] if order.planned else in_flight.take(self._site.ledger, self._predecessor)
        for command in orphans:
            self._site.sink.note(
                f"the command {command.get('metric')} = {command.get('value')} was on its way from "
                f"{self._predecessor}: outcome unknown"
            )
        reception = None if self.engine is None else self.engine.reception
        self.changeovers.begin(
            order, self._predecessor, heard, awaited, orphans, reception, self._replayed, self._dropped
        )

    def stand_down(self, order: StandDown) -> None:
        """Stop commanding at once; what else, the order says."""
        self._acting = False
        self._site.sink.note(f"{self._site.node} gives up epoch {order.epoch}: {order.why}")
        self._settle_alarm.cancel()
        self.changeovers.stand_down()
        if self.engine is not None:
            if order.planned:
                self.engine.hold()
                self._letgo_alarm.set(self._site.clock.now().mono + LETGO_PATIENCE)
            elif order.goodbye:
                self.engine.goodbye(fresh=True)
            else:
                self.engine.fence(order.why)
        if self.transmission is not None:
            if order.planned or order.goodbye:
                self.transmission.goodbye()
            else:
                self.transmission.cut(order.why)
        self._standing_down = asyncio.get_running_loop().create_task(self._stood_down())

    async def _stood_down(self) -> None:
        await self._site.farewells.wait(FAREWELL_PATIENCE)
        self._feed(StoodDown())

    def let_go(self) -> None:
        """The peer has taken over: close what a planned StandDown held."""
        self._letgo_alarm.cancel()
        if self.engine is not None and not self._acting:
            self.engine.leave()

    def peer_leaves(self, leaving: bool) -> None:
        """The peer is being stopped for good, or is not."""
        if self.engine is not None and self._acting:
            self._evacuation.clear(self.engine, self._peer, leaving=leaving)

    def see_off(self, then: Callable[[], None]) -> None:
        """The role is given away, and the broker closes with this node: `then`, once its guests have gone."""

        async def wait() -> None:
            if self._peer_acts:
                await gone(self.engine, self._site.node, self._site.clock)
            then()

        self._seeing_off = asyncio.get_running_loop().create_task(wait())

    def follow(self, *, peer_acts: bool) -> None:
        """What a node that does not act does, by what its peer does."""
        self._peer_acts = peer_acts
        if peer_acts:
            self._predecessor = self._peer
        if self.engine is not None and not self._acting:
            self.engine.listen(self._standby is Standby.WARM)
            if peer_acts and self.engine.peer_births.due:
                self.engine.peer_births.known()
        if self.transmission is not None:
            self.transmission.follow(peer_acts=peer_acts and not self._acting)

    def applied(self, records: Sequence[Record]) -> None:
        """The peer has recorded something."""
        if self.engine is not None:
            self.engine.peer_births.applied(of_provider(records, BIRTH))
        self.changeovers.applied(records)
        self.follow(peer_acts=self._peer_acts)

    def shut(self, *, clean: bool) -> None:
        """Close everything; not `clean` is what the brokers see of a power loss."""
        self._acting = False
        self._letgo_alarm.cancel()
        self._settle_alarm.cancel()
        if self.engine is not None:
            self.engine.shut(clean=clean)
        if self.transmission is not None:
            self.transmission.cut("the runtime has stopped")

    # -- how far they are ------------------------------------------------------------------------

    def progress(self) -> None:
        """A step further, perhaps: is the role taken over, and how is the changeover?"""
        engine, transmission = self.engine, self.transmission
        online: set[EdgeNodeId] = set()
        if engine is not None:
            online |= engine.proven()
        if transmission is not None:
            online |= transmission.online()
        if self._acting:
            self._settle()
            self.changeovers.progress(
                servers=self._spoken,
                online=online,
                replayed=self._replayed,
                dropped=self._dropped,
                quiet=transmission is None or not transmission.resending,
            )
        if len(online) != self._sessions:
            self._sessions = len(online)
            self._feed(EdgeSessions(self._sessions))
        self._changed()

    def edges(self) -> dict[str, EdgeView]:
        """Every edge node that is known here, by "group/edge"."""
        views = {} if self.engine is None else self.engine.edges()
        return views if self.transmission is None else {**views, **self.transmission.edges()}

    def servers(self) -> dict[str, bool]:
        """Every MQTT server: whether this node has a session there."""
        online = {} if self.transmission is None else self.transmission.servers()
        return online if self.engine is None else {**online, **self.engine.servers()}

    def words(self) -> dict[str, str]:
        """Module -> "Running", "Standby", "Starting" or "Faulted: <why>"."""
        words: dict[str, str] = {}
        if self.engine is not None:
            words["engine"] = self._word(self.engine.confirmed, "no MQTT server has our STATE")
        if self.transmission is not None:
            words["transmission"] = self._word(self.transmission.born, "no edge node is online")
        return words

    def _word(self, runs: bool, fault: str) -> str:
        if not self._acting:
            return "Standby"
        if runs:
            return "Running"
        return f"Faulted: {fault}" if self._waited else "Starting"

    @property
    def _waited(self) -> bool:
        return self._site.clock.now().mono - self._activated_at >= TAKEOVER_PATIENCE

    @property
    def _spoken(self) -> list[str]:
        """The servers that have what makes us active there: our STATE, or a birth."""
        spoken = [] if self.engine is None else self.engine.spoken
        if self.transmission is not None:
            spoken += [name for name, used in self.transmission.servers().items() if used]
        return spoken

    @property
    def _replayed(self) -> int:
        """Samples sent or received again since the start."""
        received = 0 if self.engine is None else self.engine.reception.replayed.total()
        return received + (0 if self.transmission is None else self.transmission.replayed)

    @property
    def _dropped(self) -> int:
        return 0 if self.transmission is None else self.transmission.dropped

    def _settle(self) -> None:
        if self._settled:
            return
        engine, transmission = self.engine, self.transmission
        # Whoever held STATE lets go when it hears this, so without a confirmed STATE it is never said.
        host = engine is None or engine.settled or (self._waited and engine.confirmed)
        if host and (transmission is None or transmission.settled or self._waited):
            self._settled = True
            self._feed(TookOver())

    def _letgo_overdue(self) -> None:
        """Nobody says that it took over. Our own timestamp, so that a peer that did outranks us."""
        if not self._acting and self.engine is not None:
            self.engine.goodbye(fresh=False)
