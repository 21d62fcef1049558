"""A host application at one of its MQTT servers: ingest always, commands and STATE while it holds the lease.

| client id            | while               | Will          | does                                       |
|----------------------|---------------------|---------------|--------------------------------------------|
| <host>-<node>        | listening           | none          | subscribes spBv1.0/#, feeds the session    |
| <host>-cmd           | holding             | none          | NCMD, DCMD; shared by the pair: the broker |
|                      |                     |               | throws the old holder off                  |
| <host>-state-<node>  | holding, or held    | STATE offline | publishes and defends STATE                |

and `<host>-legacy-<node>` where the old form of STATE is asked for (legacy_state.py). What this host
publishes begins with STATE online: no command leaves before the server has acknowledged that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from redundancy.config import Server
from redundancy.host.kept_session import KeptSession, OnReport
from redundancy.host.legacy_state import LegacyState
from redundancy.mqtt import Acked, Connection, Lost, Message, Opened, Refused, Report, Subscribed
from redundancy.replication.ledger import STATE_CLOCK, Ledger
from redundancy.site import Alarm, Site
from sparkplug import HostState, StateError, state_topic
from sparkplug.effects import Close, Effect, Problem, Publish, Reopen, Subscribe
from sparkplug.presence import HostPresence
from sparkplug.state import LAST_TIMESTAMP

REOPEN_INTERVAL = 2.0
"""Seconds between two new STATE sessions: who forges STATE must not set the pace of our reconnects."""


class StateClock:
    """STATE timestamps of this host: never below the highest seen anywhere, even when clocks go back.

    All servers carry the same one (`current`). Edge nodes remember the highest they have seen on any
    server, so a lower one on the next server would strand them there.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.highest = ledger.highest(STATE_CLOCK)
        self.current = 0
        self._ledger = ledger

    @property
    def outranked(self) -> bool:
        """A higher timestamp than ours has been seen somewhere, or we have none yet."""
        return self.current == 0 or self.current < self.highest

    def seen(self, server: str, timestamp: int) -> None:
        """A STATE of ours with this timestamp is out there."""
        if self.highest < timestamp <= LAST_TIMESTAMP:
            self.highest = timestamp
            self._ledger.note(STATE_CLOCK, server, b"%d" % timestamp)

    def used(self, server: str) -> int:
        """`current`, for a session at this server that is about to connect."""
        self._ledger.note(STATE_CLOCK, server, b"%d" % self.current)
        return self.current

    def advance(self, wall: int) -> int:
        """A new timestamp for all servers."""
        # At the very end a tie is as good as a victory: edge nodes take the same timestamp again.
        self.current = self.highest = min(max(wall, self.highest + 1), LAST_TIMESTAMP)
        return self.current


class HostServerOwner(Protocol):
    """Whom a HostServer reports to."""

    def ingested(self, server: HostServer, report: Report) -> None:
        """The ingest session opened, closed or received something."""

    def stated(self, server: HostServer) -> None:
        """STATE online was acknowledged, or the attempt to get there has just failed."""

    def commanding(self, server: HostServer) -> None:
        """STATE is online and the command session open: NCMD and DCMD can be sent from now on."""

    def advanced(self) -> None:
        """The STATE clock has a new timestamp: `follow_clock` on every server."""


class HostServer:
    """The three sessions at one server. `confirmed`: the broker has acknowledged our STATE online."""

    def __init__(
        self,
        server: Server,
        host_id: str,
        site: Site,
        clock: StateClock,
        owner: HostServerOwner,
        *,
        legacy: bool = False,
        client: str = "",
    ) -> None:
        self.name = server.name
        self.confirmed = False
        self._server = server
        self._host_id = host_id
        self._client = client or host_id
        self._site = site
        self._clock = clock
        self._owner = owner
        self._presence = HostPresence(host_id)
        self._topic = state_topic(host_id)
        self._timestamp = 0
        self._held = False
        self._announced = asyncio.Event()  # STATE online has been acknowledged since we act here
        self._legacy = LegacyState(server, host_id, site, self._stated) if legacy else None
        self._awaited: set[int] = set()
        self._online_mid: int | None = None
        self._reopen_from = 0.0
        self._reopen = Alarm(site.clock, self._reopen_now)
        self._defence = Alarm(site.clock, self._defend)
        kept = KeptSession
        self.ingest = kept(
            site, f"{self._client}-{site.node}", self._connect_ingest, _always, self._on_ingest
        )
        self.cmd = kept(site, f"{self._client}-cmd", self._connect_cmd, site.holds, self._on_cmd)
        self.state = kept(
            site, f"{self._client}-state-{site.node}", self._connect_state, self._may_state, self._on_state
        )

    @property
    def failed(self) -> bool:
        """Tried since it was last wanted, without getting there."""
        return self.cmd.failed or self.state.failed

    @property
    def settled(self) -> bool:
        """STATE is online in every form asked for, or can't be: whoever had the role may go silently."""
        spoken = self.confirmed and (self._legacy is None or self._legacy.settled)
        return spoken or self.failed

    def act(self) -> None:
        """Command and speak STATE. The command session's CONNECT throws off whoever held the role before;
        STATE goes beside it, since a command waits for both and a planned switch for the command."""
        self._held = False
        self.cmd.want()
        self.state.want()
        if self.state.is_open:
            self.follow_clock()
        if self._legacy is not None and self._announced.is_set():
            self._legacy.act()

    def hold(self) -> None:
        """A planned switch: no commands from now on, but STATE stays until the peer has taken over."""
        self._held = self.state.is_open
        self.cmd.unwant()
        if self._legacy is not None:
            self._legacy.hold()
        if not self._held:
            self.state.unwant()

    def leave(self) -> None:
        """The peer speaks STATE: go without a word, the host application is the pair and goes on."""
        if self.state.is_open:
            self._perform(self._presence.leave())
        self.fence()

    def goodbye(self, timestamp: int | None) -> None:
        """STATE offline to the letter. None: with this session's own timestamp, which a peer that has
        taken over without our knowing outranks."""
        if self._legacy is not None:
            self._legacy.goodbye()
        if self.state.is_open and self._timestamp:
            self._held = True
            stamp = self._timestamp if timestamp is None else timestamp
            self._perform(self._presence.goodbye(self._site.clock.now(), stamp))
        self.fence()

    def fence(self) -> None:
        """Close what only the holder may have. DISCONNECT, not a cut: our Will would contradict the peer."""
        self._fence_legacy(clean=True)
        self._held = self.confirmed = False
        self._announced.clear()
        self._reopen.cancel()
        self._defence.cancel()
        self.cmd.unwant()
        self.state.unwant()

    def shut(self, *, clean: bool = True) -> None:
        """Close everything; not `clean` is what the brokers see of a power loss."""
        self._fence_legacy(clean=clean)
        self._held = self.confirmed = False
        self._announced.clear()
        self._reopen.cancel()
        self._defence.cancel()
        for session in (self.cmd, self.state, self.ingest):
            session.unwant(clean=clean)

    def command(self, publish: Publish) -> bool:
        """Send an NCMD or DCMD; False if that can't be done now."""
        sent = self._announced.is_set() and self.cmd.publish(publish.topic, publish.payload, publish.qos)
        return sent is not False and sent is not None

    async def announced(self, patience: float) -> bool:
        """Whether commands can leave, after up to `patience` seconds if the role is just being taken."""
        if self.cmd.wanted and not self.failed:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._announced.wait()
        return self._announced.is_set()

    def saw(self, timestamp: int) -> None:
        """A STATE of ours with this timestamp was seen at this server, on whatever session."""
        self._clock.seen(self.name, timestamp)

    def follow_clock(self) -> None:
        """Carry the clock's timestamp. DISCONNECT keeps STATE online meanwhile, so no edge node notices."""
        if self.state.wanted and not self._held and self._timestamp < self._clock.current:
            self.state.renew()

    def _may_state(self) -> bool:
        return self._held or self._site.holds()

    def _connection(self, client: str, report: OnReport) -> Connection:
        return Connection(asyncio.get_running_loop(), self._server, client, report)

    def _connect_ingest(self, report: OnReport) -> Connection:
        return self._connection(f"{self._client}-{self._site.node}", report)

    def _connect_cmd(self, report: OnReport) -> Connection:
        return self._connection(f"{self._client}-cmd", report)

    def _connect_state(self, report: OnReport) -> Connection | None:
        if self._held:
            return None
        now = self._site.clock.now()
        outranked = self._clock.outranked
        if outranked:
            self._clock.advance(now.wall)
        self._timestamp = self._clock.used(self.name)
        if outranked:
            self._owner.advanced()
        will = self._presence.open(self._timestamp, now)
        client = f"{self._client}-state-{self._site.node}"
        return Connection(asyncio.get_running_loop(), self._server, client, report, will=will)

    def _on_ingest(self, report: Report) -> None:
        self._owner.ingested(self, report)

    def _on_cmd(self, report: Report) -> None:
        match report:
            case Opened() if self._announced.is_set():
                self._owner.commanding(self)
            case Lost() | Refused():
                self._owner.stated(self)

    def _on_state(self, report: Report) -> None:
        now = self._site.clock.now()
        match report:
            case Opened():
                self._awaited.clear()
                self._online_mid = None
                self._perform(self._presence.connected(now))
            case Subscribed(mid, granted):
                if any(code >= 0x80 for code in granted):
                    self._site.trouble("subscribe", f"{self.name} refuses the subscription to {self._topic}")
                self._awaited.discard(mid)
                if not self._awaited and self._online_mid is None and not self._held:
                    self._perform(self._presence.subscribed(now))
            case Acked(mid) if mid == self._online_mid and not self.confirmed:
                self._confirm()
            case Message(topic, payload) if not self._held:
                if topic == self._topic:
                    self._own_state(payload)
                self._perform(self._presence.receive(topic, payload, now))
            case Lost() | Refused():
                self.confirmed = False
                self._perform(self._presence.disconnected(now))
                self._owner.stated(self)
        self._defence.set(self._presence.deadline() if self.state.is_open else None)

    def _confirm(self) -> None:
        first = not self._announced.is_set()
        self.confirmed = True
        self._announced.set()
        if self._legacy is not None and not self._held:
            self._legacy.act()
        self._owner.stated(self)
        if first and self.cmd.is_open:
            self._owner.commanding(self)

    def _stated(self) -> None:
        self._owner.stated(self)

    def _defend(self) -> None:
        """What the defence of STATE still owed."""
        if self.state.is_open and not self._held:
            self._perform(self._presence.tick(self._site.clock.now()))
            self._defence.set(self._presence.deadline())

    def _fence_legacy(self, *, clean: bool) -> None:
        if self._legacy is not None:
            self._legacy.fence(clean=clean)

    def _own_state(self, payload: bytes) -> None:
        """Edges ignore a STATE older than the newest they saw: a newer one than ours means: connect anew."""
        try:
            state = HostState.decode(payload)
        except StateError:
            return  # the presence counts and answers it
        self.saw(state.timestamp)
        if self._timestamp < state.timestamp <= LAST_TIMESTAMP:
            self._ask_reopen(f"a newer STATE than ours is on {self.name}")

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Publish(topic, payload, qos, retain):
                    self._online_mid = self.state.publish(topic, payload, qos, retain)
                case Subscribe(filters):
                    mid = self.state.subscribe(filters)
                    if mid is not None:
                        self._awaited.add(mid)
                case Close(clean):
                    self.state.unwant(clean=clean)
                case Reopen(why):
                    self._ask_reopen(why)
                case Problem(kind, detail):
                    self._site.trouble(kind, f"{self.name}: {detail}")

    def _ask_reopen(self, why: str) -> None:
        self._site.trouble("state-reopened", why)
        self._reopen.set(max(self._reopen_from, self._site.clock.now().mono))

    def _reopen_now(self) -> None:
        self._reopen_from = self._site.clock.now().mono + REOPEN_INTERVAL
        if self._site.holds() and not self._held:
            self._clock.advance(self._site.clock.now().wall)
            self._owner.advanced()


def _always() -> bool:
    return True
