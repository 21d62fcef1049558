"""A network cable between two ends of a link, which a test can cut and mend."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from redundancy.config import Endpoint
from tests.ports import free_port


class Cable:
    """Forwards `here` to `there`. Cut, it swallows what is under way and answers nobody; held back, what goes
    `there` waits inside, on the wires of that moment only. `opened` counts the wires."""

    def __init__(self, there: Endpoint) -> None:
        self.here = Endpoint("127.0.0.1", free_port())
        self._there = there
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.Task[None]] = set()
        self._whole = asyncio.Event()
        self._whole.set()
        self._held: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        self.opened = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._forward, self.here.host, self.here.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """New connections get through; what was on the wire when it was cut is gone."""
        for wire in self._wires:
            wire.cancel()
        self._whole.set()

    def hold_back(self) -> None:
        self._held |= self._wires

    def let_go(self) -> None:
        self._released.set()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.current_task()
        assert wire is not None
        self._wires.add(wire)
        self.opened += 1
        try:
            await self._whole.wait()
            there_reader, there_writer = await asyncio.open_connection(self._there.host, self._there.port)
            with suppress(ConnectionError):
                await asyncio.gather(self._pump(reader, there_writer, wire), self._pump(there_reader, writer))
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            self._wires.discard(wire)
            writer.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        upward: asyncio.Task[None] | None = None,
    ) -> None:
        while data := await source.read(65536):
            if not self._whole.is_set():
                await asyncio.Event().wait()
            if upward in self._held:
                await self._released.wait()
            sink.write(data)
            await sink.drain()
        sink.close()
