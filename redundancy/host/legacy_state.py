"""The host's word on `STATE/<host id>`, for edge nodes that are older than Sparkplug 3.0 (an option).

One more session at each server, `<host>-legacy-<node>`, because a CONNECT has one Will and that is the real
STATE's. It is opened when the server has acknowledged the real STATE, and follows it from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from redundancy.config import Server
from redundancy.host.kept_session import KeptSession, OnReport
from redundancy.mqtt import Connection, Lost, Message, Opened, Refused, Report, Subscribed
from redundancy.site import Alarm, Site
from sparkplug.effects import Close, Effect, Publish, Subscribe
from sparkplug.legacy import LegacyPresence


class LegacyState:
    """At one server. The methods are HostServer's, with the same meaning. `said` is called when ONLINE is on
    its way, after the server has granted what else is said under the topic."""

    def __init__(self, server: Server, host_id: str, site: Site, said: Callable[[], None]) -> None:
        self.spoken = False
        self._said = said
        self._server = server
        self._site = site
        self._client = f"{host_id}-legacy-{site.node}"
        self._presence = LegacyPresence(host_id)
        self._held = False
        self._alarm = Alarm(site.clock, self._tick)
        self._session = KeptSession(site, self._client, self._connect, self._may_speak, self._on_report)

    @property
    def settled(self) -> bool:
        """ONLINE is said, or can't be."""
        return self.spoken or self._session.failed

    def act(self) -> None:
        """Say ONLINE, and answer whoever says otherwise."""
        self._held = False
        self._session.want()

    def hold(self) -> None:
        """A planned switch: ONLINE stays until the peer has taken over."""
        self._held = self._session.is_open
        if not self._held:
            self._session.unwant()

    def goodbye(self) -> None:
        """OFFLINE, and close."""
        if self._session.is_open:
            self._held = True
            self._perform(self._presence.goodbye())
        self.fence()

    def fence(self, *, clean: bool = True) -> None:
        """Close without a word."""
        self._held = self.spoken = False
        self._alarm.cancel()
        self._session.unwant(clean=clean)

    def _may_speak(self) -> bool:
        return self._held or self._site.holds()

    def _connect(self, report: OnReport) -> Connection | None:
        if self._held:
            return None
        will = self._presence.open()
        return Connection(asyncio.get_running_loop(), self._server, self._client, report, will=will)

    def _on_report(self, report: Report) -> None:
        now = self._site.clock.now()
        match report:
            case Opened():
                self._perform(self._presence.connected())
            case Subscribed() if not self._held:
                self._perform(self._presence.subscribed(now))
                self.spoken = True
                self._said()
            case Message(topic, payload) if not self._held:
                self._perform(self._presence.receive(topic, payload, now))
            case Lost() | Refused():
                self.spoken = False
                self._said()

    def _tick(self) -> None:
        if self._session.is_open and not self._held:
            self._perform(self._presence.tick(self._site.clock.now()))

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Publish(topic, payload, qos, retain):
                    self._session.publish(topic, payload, qos, retain)
                case Subscribe(filters):
                    self._session.subscribe(filters)
                case Close(clean):
                    self._session.unwant(clean=clean)
        self._alarm.set(self._presence.deadline())
