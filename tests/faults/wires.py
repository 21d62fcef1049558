"""Wires between two processes that a test can spoil: TCP proxies on a loop in a thread of their own.

TCP hides a lost packet: whoever reads sees a stall of a retransmission, and so does a reader behind these.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from redundancy.config import Endpoint
from tests.ports import free_port

_RETRANSMISSION = 0.2
_CHUNK = 1200


@dataclass(frozen=True)
class Weather:
    """What a wire does to one direction of what passes.

    `delay` and `jitter` in seconds, `loss` as a share of packets (each costs a retransmission), `rate` in
    bytes a second for all connections together, `largest`: more than that at once never arrives, nor does
    anything after it. While `cut` nothing arrives and new connections are not answered; what was sent into
    the cut arrives when it is mended, as TCP sends it again: late, which is worse than never.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: float = 0.0
    largest: int = 0
    cut: bool = False


FAIR = Weather()


class Wire:
    """Forwards `here` to `there`; `out` is the weather from the dialler, `back` that to it."""

    def __init__(self, here: Endpoint, there: Endpoint) -> None:
        self.here, self.there = here, there
        self.out = self.back = FAIR
        self.connections = 0
        self._random = random.Random(here.port)
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.Task[None]] = set()
        self._free_at = {True: 0.0, False: 0.0}

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._forward, self.here.host, self.here.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.gather(*self._wires, return_exceptions=True)

    def reset(self) -> None:
        """Every connection breaks, at both ends."""
        for wire in self._wires:
            wire.cancel()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.current_task()
        assert wire is not None
        self._wires.add(wire)
        self.connections += 1
        try:
            while self.out.cut or self.back.cut:  # SYN or its answer is lost: the dialler waits in vain
                await asyncio.sleep(0.02)
            far = await asyncio.open_connection(self.there.host, self.there.port)
            await _until_one_ends(
                self._pump(reader, far[1], outward=True), self._pump(far[0], writer, outward=False)
            )
            far[1].close()
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            self._wires.discard(wire)
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, outward: bool) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        carrier = asyncio.create_task(self._carry(queue, sink, outward))
        last, dead = 0.0, False
        try:
            while data := await source.read(65536):
                weather = self.out if outward else self.back
                dead = dead or bool(weather.largest and len(data) > weather.largest)
                if not dead:
                    last = max(last, self._due(weather, len(data), outward))
                    await queue.put((last, data))
            await queue.put((last, b""))
            await carrier
        finally:
            carrier.cancel()
            await asyncio.gather(carrier, return_exceptions=True)

    def _due(self, weather: Weather, size: int, outward: bool) -> float:
        """When the data arrives: TCP keeps the order, so that nothing overtakes what was late."""
        now = asyncio.get_running_loop().time()
        if weather.rate:
            now = self._free_at[outward] = max(self._free_at[outward], now) + size / weather.rate
        due = now + weather.delay + self._random.uniform(-weather.jitter, weather.jitter)
        packets = -(-size // _CHUNK)
        lost = sum(self._random.random() < weather.loss for _ in range(packets))
        return due + lost * (_RETRANSMISSION + 2 * weather.delay)

    async def _carry(
        self, queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter, outward: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await queue.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            while (self.out if outward else self.back).cut:
                await asyncio.sleep(0.02)
            if not data or sink.is_closing():
                break
            sink.write(data)
            await sink.drain()
        sink.close()


async def _until_one_ends(*work: Coroutine[Any, Any, None]) -> None:
    """A connection is over in both directions at once; whoever is still at it is stopped, and waited for."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Wires:
    """Wires by name, on a thread of their own. `between` adds one; `set` changes the weather of some."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()
        self._wires: dict[str, Wire] = {}

    def between(self, name: str, there: Endpoint, here: Endpoint | None = None) -> Endpoint:
        """Where to dial instead of `there`; `here` if that is not all the same."""
        wire = self._wires[name] = Wire(here or Endpoint("127.0.0.1", free_port()), there)
        self._run(wire.start())
        return wire.here

    def remove(self, *names: str) -> None:
        """These are gone, with their connections."""

        async def shut() -> None:
            await asyncio.gather(*(self._wires.pop(name).close() for name in names))

        self._run(shut())

    def set(self, *names: str, reset: bool = False, **weather: Any) -> None:
        """In both directions of these wires; without `weather` they are fair again."""

        async def change() -> None:
            for name in names:
                wire = self._wires[name]
                wire.out, wire.back = replace(FAIR, **weather), replace(FAIR, **weather)
                if reset:
                    wire.reset()

        self._run(change())

    def set_one(self, name: str, *, out: Weather | None = None, back: Weather | None = None) -> None:
        """Each direction of one wire by itself; None: as it is."""

        async def change() -> None:
            wire = self._wires[name]
            wire.out, wire.back = out or wire.out, back or wire.back

        self._run(change())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._wires)

    def close(self) -> None:
        async def shut() -> None:
            await asyncio.gather(*(wire.close() for wire in self._wires.values()))

        self._run(shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
