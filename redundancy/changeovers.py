"""The changeovers that ended at this node: watched while they run, then put on record for both nodes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redundancy.changeover import Changeover
from redundancy.core.actions import Activate
from redundancy.host.reception import Reception
from redundancy.replication.ledger import CHANGEOVER
from redundancy.replication.records import Record
from redundancy.site import Site
from sparkplug import EdgeNodeId


class Changeovers:
    """At most one runs at a time; a new one ends the old one as it stands."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._running: Changeover | None = None
        self._asked: dict[str, float] = {}
        self._counted = (0, 0)
        self._repeated: int | None = None
        self._reception: Reception | None = None
        self._seen: frozenset[EdgeNodeId] = frozenset()

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
        orphans: Sequence[Mapping[str, Any]],
        reception: Reception | None,
        replayed: int,
        dropped: int,
    ) -> None:
        """This node has become active after `source`, which was last heard at `heard` (monotonic seconds).

        `orphans` are the commands of `source` that nobody waits for any longer, `reception` is a host's.
        `replayed` and `dropped` are the counters as they stand now.
        """
        now = self._site.clock.now()
        base = self._asked.pop(order.request, None)
        if base is None:
            base = heard if heard is not None else now.mono
        started = now.wall - round((now.mono - base) * 1000)
        identity = order.request or uuid.uuid4().hex
        self._end()
        self._counted, self._repeated = (replayed, dropped), self._site.sink.repeated()
        self._reception, self._seen = reception, frozenset(awaited)
        if reception is not None:
            reception.watch()
        self._running = Changeover(
            identity, order.cause, source, self._site.node, order.epoch, started, base, awaited, orphans
        )
        asked = order.request or order.planned
        self._running.step("asked for" if asked else f"last heartbeat of {source}", base)
        self._running.active(now.mono)
        self._report()

    def progress(
        self,
        *,
        servers: Iterable[str],
        online: Iterable[EdgeNodeId],
        replayed: int,
        dropped: int,
        quiet: bool,
    ) -> None:
        """How far the modules are: the `servers` where we are active, the edge nodes that are `online`
        through us, the counters, and whether the re-sending is over (`quiet`)."""
        running = self._running
        if running is None:
            return
        now = self._site.clock.now().mono
        news = running.mqtt(servers, now)
        if running.edges_online(online, now) or news:
            self._report()
        if running.over(now, quiet=quiet):
            running.count(replayed=replayed - self._counted[0], lost=dropped - self._counted[1])
            self._count_received(running)
            self._end()

    def _count_received(self, running: Changeover) -> None:
        reception, repeated = self._reception, self._site.sink.repeated()
        if reception is not None:
            for edge in self._seen:
                running.received(edge, reception.of(edge))
        if reception is not None and repeated is not None and self._repeated is not None:
            running.repeated = repeated - self._repeated

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
            self._running.finished = True
            self._report()
            self._running = None

    def _report(self) -> None:
        if self._running is not None:
            report = self._running.report()
            self._site.ledger.note(CHANGEOVER, self._running.id, json.dumps(report).encode())
            self._site.sink.changeover(report)
