"""The changeovers that ended at this node: watched while they run, then put on record for both nodes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable

from redundancy.changeover import Changeover
from redundancy.core.actions import Activate
from redundancy.ledger import CHANGEOVER
from redundancy.records import Record
from redundancy.site import Site
from sparkplug import EdgeNodeId


class Changeovers:
    """At most one runs at a time; a new one ends the old one as it stands."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._running: Changeover | None = None
        self._asked: dict[str, float] = {}
        self._counted = (0, 0)

    @property
    def running(self) -> bool:
        """Whether there is still something to measure."""
        return self._running is not None

    def asked(self, request: str) -> None:
        """A person's wish has become known here; the changeover is counted from this moment."""
        if request:
            if len(self._asked) > 100:
                self._asked.clear()  # wishes that were refused
            self._asked.setdefault(request, self._site.clock.now().mono)

    def begin(
        self,
        order: Activate,
        source: str,
        heard: float | None,
        awaited: set[EdgeNodeId],
        replayed: int,
        dropped: int,
    ) -> None:
        """This node has become active after `source`, which was last heard at `heard` (monotonic seconds).

        `replayed` and `dropped` are the counters as they stand now.
        """
        now = self._site.clock.now()
        base = self._asked.pop(order.request, None)
        if base is None:
            base = heard if heard is not None else now.mono
        started = now.wall - round((now.mono - base) * 1000)
        identity = order.request or uuid.uuid4().hex
        self._end()
        self._counted = (replayed, dropped)
        self._running = Changeover(
            identity, order.cause, source, self._site.node, order.epoch, started, base, awaited
        )
        self._running.active(now.mono)
        self._report()

    def progress(
        self, *, speaks: bool, online: Iterable[EdgeNodeId], replayed: int, dropped: int, quiet: bool
    ) -> None:
        """How far the modules are: `speaks` at a first broker, which edge nodes are `online` through us,
        the counters, and whether the re-sending is over (`quiet`)."""
        running = self._running
        if running is None:
            return
        now = self._site.clock.now().mono
        if speaks and running.mqtt(now):
            self._report()
        running.edges_online(online, now)
        if running.overdue(now) or (running.complete and quiet):
            running.count(replayed=replayed - self._counted[0], lost=dropped - self._counted[1])
            self._end()

    def stand_down(self) -> None:
        """The role is gone again before everything was back."""
        self._end()

    def applied(self, records: Iterable[Record]) -> None:
        """Reports of changeovers that ended at the peer."""
        for record in records:
            if record.provider != CHANGEOVER or not record.body:
                continue
            try:
                report = json.loads(record.body)
            except ValueError as error:
                self._site.trouble("changeover-record", str(error))
                continue
            if isinstance(report, dict):
                self._site.sink.changeover(report)

    def _end(self) -> None:
        if self._running is not None:
            self._report()
            self._running = None

    def _report(self) -> None:
        if self._running is not None:
            report = self._running.report()
            self._site.ledger.note(CHANGEOVER, self._running.id, json.dumps(report).encode())
            self._site.sink.changeover(report)
