"""One MQTT session that is kept open for as long as it is wanted: what a host has at each broker.

Level-triggered: whoever owns it says what should be (`want`, `unwant`), and each loss is followed by a
fresh client object, never by a reconnect of the old one, so that no old Will and no queued message can
come back to life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from redundancy.mqtt import Connection, Lost, Opened, Refused, Report
from redundancy.site import Site

FIRST_RETRY, LAST_RETRY = 0.25, 2.0
GLANCE = 0.02
"""Seconds between two looks at a session that is still saying goodbye."""
SHORT_LIVED = 2.0
"""A session lost sooner than this after it opened was probably taken over by another client."""

OnReport = Callable[[Connection, Report], None]


class KeptSession:
    """`connect` makes the Connection (and its Will) afresh each time; None means: not now, ask later."""

    def __init__(
        self,
        site: Site,
        name: str,
        connect: Callable[[OnReport], Connection | None],
        allowed: Callable[[], bool],
        on_report: Callable[[Report], None],
    ) -> None:
        self.wanted = False
        self.is_open = False
        self.why = "not connected yet"
        self.failed = False
        self._site = site
        self._name = name
        self._connect = connect
        self._allowed = allowed
        self._on_report = on_report
        self._connection: Connection | None = None
        self._leaving: Connection | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._delay = FIRST_RETRY
        self._opened_at = 0.0
        self._short_lived = 0

    def want(self) -> None:
        """Open it now, unless it is open or on its way."""
        if not self.wanted:
            self.wanted, self.failed, self._delay = True, False, FIRST_RETRY
        if self._connection is None and self._retry is None:
            self._open()

    def unwant(self, *, clean: bool = True) -> None:
        """Close it and leave it closed. Clean sends DISCONNECT, so that the broker forgets the Will."""
        self.wanted = False
        self._drop(clean)

    def renew(self, *, after: float = 0.0) -> None:
        """Close it cleanly and open a fresh one in `after` seconds."""
        self._drop(clean=True)
        if self.wanted:
            self._later(after)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> int | None:
        """The packet's mid, or None when the session isn't open or may not speak."""
        if self._connection is None or not self.is_open or not self._allowed():
            return None
        mid = self._connection.publish(topic, payload, qos, retain)
        return mid if mid >= 0 else None

    def subscribe(self, filters: tuple[tuple[str, int], ...]) -> int | None:
        """The packet's mid, or None when the session isn't open."""
        if self._connection is None or not self.is_open:
            return None
        mid = self._connection.subscribe(filters)
        return mid if mid >= 0 else None

    def _open(self) -> None:
        self._retry = None
        if not self.wanted or self._connection is not None:
            return
        if not self._allowed():
            self._later(LAST_RETRY)
            return
        if self._leaving is not None and not self._leaving.ended:
            # The same client id: the server would throw the old one off, and publish its Will.
            self._later(GLANCE)
            return
        self._connection = self._connect(self._report)
        if self._connection is None:
            self._later(self._delay)
        else:
            self._connection.open()

    def _report(self, connection: Connection, report: Report) -> None:
        if connection is not self._connection:
            return
        if not self._allowed():
            # After a pause the lease may be gone while reports still queue up: nothing may follow them.
            self._drop(clean=True)
            self._later(LAST_RETRY)
            return
        if isinstance(report, Opened):
            self.is_open, self.failed, self.why = True, False, ""
            self._opened_at = self._site.clock.now().mono
        elif isinstance(report, Lost | Refused):
            self._closed(report.why)
        self._on_report(report)

    def _closed(self, why: str) -> None:
        lived = self._site.clock.now().mono - self._opened_at if self.is_open else 0.0
        if self.is_open and lived < SHORT_LIVED:
            self._short_lived += 1
            if self._short_lived >= 3:
                self._site.trouble("client-id", f"{self._name} is thrown off as soon as it connects: {why}")
        elif lived:
            self._short_lived, self._delay = 0, FIRST_RETRY
        self._connection, self.is_open, self.failed, self.why = None, False, True, why
        self._later(self._delay)
        self._delay = min(self._delay * 2, LAST_RETRY)

    def _later(self, seconds: float) -> None:
        if self._retry is None and self.wanted:
            self._retry = asyncio.get_running_loop().call_later(seconds, self._open)

    def _drop(self, clean: bool) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        connection, self._connection = self._connection, None
        self.is_open = False
        if connection is not None:
            connection.close(clean)
            self._leaving = connection
            self._site.farewells.add(connection)
