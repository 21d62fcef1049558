"""One session at every server, begun anew whenever it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from redundancy.config import Server
from redundancy.mqtt import Connection, Kept, Lost, Opened, Refused, Report, Subscribed

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
_GATHER = 0.003
_REFUSED = 128


class Owner(Protocol):
    """Who is told. `server` is the index in the list of servers."""

    def session_opened(self, server: int, opened: Opened) -> None: ...

    def session_lost(self, server: int, why: str) -> None: ...

    def reported(self, server: int, connection: Connection, report: Report) -> None: ...


class Sessions:
    """Call on the loop. A session counts as opened once everything in `filters` is subscribed to.

    The pause between two attempts doubles from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        client_id: str,
        owner: Owner,
        filters: Sequence[tuple[str, int]] = (),
        kept: Kept | None = None,
    ) -> None:
        self._servers = servers
        self._client_id = client_id
        self._owner = owner
        self._filters = filters
        self._kept = kept
        self._open: dict[int, Connection] = {}
        self._opened: dict[int, Opened] = {}
        self._pauses = [FIRST_PAUSE] * len(servers)
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._closed = False

    def start(self) -> None:
        for server in range(len(self._servers)):
            self._dial(server)

    def __getitem__(self, server: int) -> Connection:
        return self._open[server]

    def cut(self, server: int, why: str) -> None:
        """End the session without a goodbye and begin anew: the server does not answer."""
        self._open[server].close(clean=False)
        self._down(server, why)

    async def close(self) -> None:
        """Say goodbye everywhere; a server that keeps sessions keeps them."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for connection in self._open.values():
            connection.close()
        for connection in self._open.values():
            await connection.wait_ended()

    def _dial(self, server: int) -> None:
        loop = asyncio.get_running_loop()

        def report(connection: Connection, told: Report) -> None:
            self._told(server, connection, told)

        connection = Connection(
            loop,
            self._servers[server],
            f"{self._client_id}-{server}",
            report,
            kept=self._kept,
            gather=_GATHER,
        )
        self._open[server] = connection
        connection.open()

    def _told(self, server: int, connection: Connection, report: Report) -> None:
        if self._open.get(server) is not connection or self._closed:
            return
        if isinstance(report, Refused | Lost):
            self._down(server, report.why)
        elif isinstance(report, Opened):
            self._opened[server] = report
            if not self._filters or connection.subscribe(self._filters) < 0:
                self._ready(server)
        elif isinstance(report, Subscribed):
            if any(granted >= _REFUSED for granted in report.granted):
                self.cut(server, f"it refuses to let us subscribe to {self._filters[0][0]}")
            else:
                self._ready(server)
        else:
            self._owner.reported(server, connection, report)

    def _ready(self, server: int) -> None:
        self._pauses[server] = FIRST_PAUSE
        self._owner.session_opened(server, self._opened[server])

    def _down(self, server: int, why: str) -> None:
        pause = self._pauses[server]
        self._pauses[server] = min(2 * pause, LONGEST_PAUSE)
        self._timers[server] = asyncio.get_running_loop().call_later(pause, self._dial, server)
        self._owner.session_lost(server, why)
