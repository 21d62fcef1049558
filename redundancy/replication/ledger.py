"""The runtime's own records: the few facts that the other node of the pair must know to act next.

| provider    | key                  | body                                                        |
|-------------|----------------------|-------------------------------------------------------------|
| state-clock | server               | highest STATE timestamp given out there, ms                 |
| host-state  | group/edge           | highest STATE timestamp an edge node of ours has seen, ms   |
| bdseq       | group/edge           | bdSeq of the edge node's latest CONNECT, 0..255             |
| transmitter | group/edge           | "online" or "waiting": whether its samples reach a host     |
| birth       | group/edge[/device]  | sparkplug.Birth; empty once the node has died               |
| maintenance | node                 | who asked for it and why, JSON; empty once it is over       |
| command     | node                 | its commands that wait for an echo, JSON                    |
| changeover  | id                   | one changeover's report, JSON                               |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from redundancy.replication.records import Record

STATE_CLOCK = "state-clock"
HOST_STATE = "host-state"
BDSEQ = "bdseq"
TRANSMITTER = "transmitter"
BIRTH = "birth"
MAINTENANCE = "maintenance"
COMMAND = "command"
CHANGEOVER = "changeover"
PROVIDERS = (STATE_CLOCK, HOST_STATE, BDSEQ, TRANSMITTER, BIRTH, MAINTENANCE, COMMAND)
PATIENCE = 0.2
"""Seconds to wait for the peer: enough on any LAN, and a dead peer delays nothing for longer."""

Remember = Callable[[str, str, bytes, float], Awaitable[bool]]
"""(provider, key, body, seconds to wait for the peer) -> whether the peer has it."""


class Ledger:
    """An image of those records in memory, and the one road by which they change."""

    def __init__(self, remember: Remember) -> None:
        self._remember = remember
        self._known: dict[str, dict[str, bytes]] = {}
        self._pending: dict[tuple[str, str], bytes] = {}
        self._more = asyncio.Event()

    def absorb(self, records: Iterable[Record]) -> None:
        """Records that hold now, read from the store or applied from the peer."""
        for record in records:
            self._known.setdefault(record.provider, {})[record.key] = record.body

    def get(self, provider: str, key: str) -> bytes | None:
        """The body as last known, None if there never was one or it was deleted."""
        return self._known.get(provider, {}).get(key) or None

    def number(self, provider: str, key: str) -> int | None:
        """The body as a whole number, None if there is none or it isn't one."""
        body = self.get(provider, key)
        return int(body) if body is not None and body.isdigit() else None

    def all(self, provider: str) -> dict[str, bytes]:
        """Every key of the provider that is not deleted."""
        return {key: body for key, body in self._known.get(provider, {}).items() if body}

    def highest(self, provider: str) -> int:
        """The greatest number under the provider, 0 if there is none."""
        return max((self.number(provider, key) or 0 for key in self.all(provider)), default=0)

    def note(self, provider: str, key: str, body: bytes) -> None:
        """Record it soon; a newer body for the key overtakes one that was not yet written."""
        if self._known.setdefault(provider, {}).get(key) == body:
            return
        self._known[provider][key] = body
        self._pending[provider, key] = body
        self._more.set()

    async def remember(self, provider: str, key: str, body: bytes) -> bool:
        """Record it now; True once the peer has it, False when it does not answer in time."""
        self._known.setdefault(provider, {})[key] = body
        self._pending.pop((provider, key), None)
        return await self._remember(provider, key, body, PATIENCE)

    async def write_behind(self) -> None:
        """Write what was noted, in order, for as long as the runtime lives."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._pending:
                name = next(iter(self._pending))
                await self._remember(*name, self._pending.pop(name), 0.0)


def of_provider(records: Sequence[Record], provider: str) -> list[Record]:
    """Those of the provider, in order."""
    return [record for record in records if record.provider == provider]
