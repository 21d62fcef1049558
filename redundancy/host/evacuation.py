"""A node that stops for good takes its broker with it: its guests are asked to move on before it closes.

The node that acts asks them (`Node Control/Next Server`), because only that one may command; the node that
stops waits until they have gone. Who does not know this command finds out when the broker closes.
"""

from __future__ import annotations

import asyncio

from redundancy.clock import Clock
from redundancy.host.engine import Engine
from sparkplug import EdgeNodeId
from sparkplug.vocabulary import NEXT_SERVER

PATIENCE = 3.0
"""Seconds for the guests to go: a birth at the other broker takes a few tenths."""
_LOOK = 0.05


class Evacuation:
    """Seen from either node of the pair."""

    def __init__(self) -> None:
        self._asked: set[EdgeNodeId] = set()
        self._asking: set[asyncio.Task[object]] = set()

    def clear(self, engine: Engine, node: str, *, leaving: bool) -> None:
        """The broker of `node` closes soon (`leaving`), or does not: ask its guests, each of them once."""
        if not leaving:
            self._asked.clear()
            return
        spoken = {server.node for server in engine.config.servers if server.name in engine.spoken}
        if not spoken - {node}:
            return  # nowhere else would they find a host
        for edge in guests(engine, node):
            if edge not in self._asked:
                self._asked.add(edge)
                order = engine.write(edge, None, NEXT_SERVER, True, 0.0)
                task = asyncio.get_running_loop().create_task(order)
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)


def guests(engine: Engine, node: str) -> list[EdgeNodeId]:
    """The edge nodes at the broker of `node` that can be asked to move on."""
    names = {server.name for server in engine.config.servers if server.node == node}
    return [edge for edge in engine.online_at(names) if engine.knows(edge, NEXT_SERVER)]


async def gone(engine: Engine | None, node: str, clock: Clock) -> None:
    """Wait until no guest is left, as far as that takes no longer than PATIENCE."""
    until = clock.now().mono + PATIENCE
    while engine is not None and guests(engine, node) and clock.now().mono < until:
        await asyncio.sleep(_LOOK)
