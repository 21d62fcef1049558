"""Who publishes in these trials: numbered messages, with an account of what which server acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from redundancy.config import Server
from redundancy.mqtt import Acked, Connection, Lost, Opened, Refused, Report

PERIOD = 0.05
"""Seconds between two rounds; a round is one message at each QoS."""
PATIENCE = 1.0
"""Seconds that a server has to acknowledge before the message goes to the next one, too."""
SETTLE = 1.0
"""Seconds that a better server must have been up before it is used again."""


@dataclass
class Outlet:
    """One server, as the publisher sees it. A server that has not answered in time is not `sound`."""

    server: Server
    connection: Connection | None = None
    up_since: float | None = None
    suspect_until: float = 0.0
    awaited: dict[int, tuple[int, int, float]] = field(default_factory=dict)  # mid -> qos, number, when

    def sound(self, now: float) -> bool:
        return self.up_since is not None and now >= self.suspect_until


class Publisher:
    """To one server at a time, walking as the component does; or `everywhere`, to all at once.

    `acked[qos][number]` is the servers that have acknowledged a message, `sent[qos]` how many there are, and
    `handed[qos, number]` how often one was sent: again, where nobody had acknowledged it in time.
    """

    def __init__(self, servers: Sequence[Server], everywhere: bool = False) -> None:
        self.acked: dict[int, dict[int, set[str]]] = {0: {}, 1: {}, 2: {}}
        self.sent = dict.fromkeys((0, 1, 2), 0)
        self.handed: Counter[tuple[int, int]] = Counter()
        self.pending: dict[tuple[int, int], None] = {}
        self._everywhere = everywhere
        self._outlets = [Outlet(server) for server in servers]
        self._current: Outlet | None = None
        self._running = True

    async def run(self) -> None:
        """Publish until `stop`; then until everything has been acknowledged."""
        loop = asyncio.get_running_loop()
        while self._running or self.pending:
            now = loop.time()
            self._keep_connected(now)
            self._suspect(now)
            if self._everywhere:
                self._again(now)
            for outlet in self._used(now):
                if self._running:
                    self._round(outlet, now)
            if self._running and (self._used(now) or self._everywhere):
                for qos in self.sent:
                    self.sent[qos] += 1
            await asyncio.sleep(PERIOD)
        for outlet in self._outlets:
            if outlet.connection is not None:
                outlet.connection.close()

    def stop(self) -> None:
        self._running = False

    def _used(self, now: float) -> list[Outlet]:
        sound = [outlet for outlet in self._outlets if outlet.sound(now)]
        if self._everywhere:
            return sound
        best = next((one for one in sound if one.up_since is not None and now - one.up_since >= SETTLE), None)
        current = self._current if self._current in sound else None
        order = {id(outlet): place for place, outlet in enumerate(self._outlets)}
        if current is None or (best is not None and order[id(best)] < order[id(current)]):
            current = best or (sound[0] if sound else None)
        if current is not self._current and current is not None:
            self._current = current
            for qos, number in self.pending:
                self._publish(current, qos, number, now)
        return [current] if current is not None else []

    def _round(self, outlet: Outlet, now: float) -> None:
        for qos, number in self.sent.items():
            if qos:
                self.pending[qos, number] = None
            self._publish(outlet, qos, number, now)

    def _publish(self, outlet: Outlet, qos: int, number: int, now: float) -> None:
        assert outlet.connection is not None
        self.handed[qos, number] += 1
        mid = outlet.connection.publish(f"trial/{qos}", b"%d" % number, qos)
        if mid >= 0 and qos:
            outlet.awaited[mid] = (qos, number, now)

    def _suspect(self, now: float) -> None:
        """A server that owes an answer for too long is passed over, and its connection begun anew."""
        for outlet in self._outlets:
            if any(now - when > PATIENCE for _, _, when in outlet.awaited.values()):
                outlet.suspect_until = now + 2.0
                self._gone(outlet)

    def _again(self, now: float) -> None:
        """What nobody owes an answer for any more, its servers having failed, goes to those that are left."""
        awaited = {(qos, number) for one in self._outlets for qos, number, _ in one.awaited.values()}
        for qos, number in [each for each in self.pending if each not in awaited]:
            for outlet in self._used(now):
                self._publish(outlet, qos, number, now)

    def _keep_connected(self, now: float) -> None:
        loop = asyncio.get_running_loop()
        for place, outlet in enumerate(self._outlets):
            if outlet.connection is None and now >= outlet.suspect_until:
                report = self._reporter(outlet)
                outlet.connection = Connection(loop, outlet.server, f"publisher-{place}", report)
                outlet.connection.open()

    def _gone(self, outlet: Outlet) -> None:
        if outlet.connection is not None:
            outlet.connection.close(clean=False)
        outlet.connection, outlet.up_since = None, None
        outlet.awaited.clear()

    def _reporter(self, outlet: Outlet):
        def report(connection: Connection, report: Report) -> None:
            if connection is not outlet.connection:
                return
            now = asyncio.get_running_loop().time()
            match report:
                case Opened():
                    outlet.up_since = now
                case Acked(mid) if mid in outlet.awaited:
                    qos, number, _ = outlet.awaited.pop(mid)
                    self.pending.pop((qos, number), None)
                    self.acked[qos].setdefault(number, set()).add(outlet.server.name)
                case Lost() | Refused():
                    outlet.suspect_until = now + 0.25
                    self._gone(outlet)

        return report
