"""Whether this node can do its work, from every side that knows something about it."""

from __future__ import annotations

from collections.abc import Callable

from redundancy.core.events import Event, Healthy

SERVERS_PATIENCE = 10.0
"""Seconds without any MQTT server after which a host looks for a peer that has one."""


class Health:
    """Collects faults by where they were found; the pair hears of every change."""

    def __init__(self, feed: Callable[[Event], None], now: float) -> None:
        self._feed = feed
        self._faults: dict[str, str] = {}
        self._reached_at = now

    def judge(self, where: str, ok: bool, why: str) -> None:
        """What is known at `where`; `why` is a sentence, used when it is not well."""
        before = dict(self._faults)
        self._faults.pop(where, None)
        if not ok:
            self._faults[where] = why
        if self._faults != before:
            self.tell()

    def servers(self, reachable: bool, peer_connected: bool, now: float) -> None:
        """A host that reaches no MQTT server is unwell, but only while a peer could do better: with
        nobody to hand over to it must be ready to act as soon as a server is back."""
        if reachable:
            self._reached_at = now
        lost = peer_connected and now - self._reached_at > SERVERS_PATIENCE
        self.judge("servers", not lost, "no MQTT server can be reached")

    def tell(self) -> None:
        """Once more, for a pair that has only just started to listen."""
        self._feed(Healthy(not self._faults, "; ".join(self._faults.values())))
