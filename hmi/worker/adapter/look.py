"""A short session with an MQTT server of a component, beside its own: to try it, or to see what is there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from redundancy.config import Server
from redundancy.mqtt.connection import Connection
from redundancy.mqtt.reports import Lost, Message, Opened, Refused, Report, Subscribed

PATIENCE = 5.0
"""Seconds that a server has to answer somebody who waits in front of a page."""
_REFUSED = 128
_GLANCE = 0.05


class Unreachable(Exception):
    """There is no session; the message says why in a sentence."""


class Look:
    """One session, as long as its context lasts. `message(topic, payload)` is called on the loop."""

    def __init__(self, server: Server, message: Callable[[str, bytes], None]) -> None:
        self._server, self._message = server, message
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._granted: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        client_id = f"tandem-look-{secrets.token_hex(5)}"
        self._connection = Connection(asyncio.get_running_loop(), server, client_id, self._report)

    async def open(self, topics: Sequence[str]) -> None:
        """Raises Unreachable, also when the server refuses a topic."""
        self._connection.open()
        await self._opened
        if not topics:
            return
        self._connection.subscribe([(topic, 0) for topic in topics])
        try:
            async with asyncio.timeout(PATIENCE):
                while not (self._granted.done() or self._lost.done()):
                    await asyncio.wait((self._granted,), timeout=_GLANCE)
        except TimeoutError:
            raise Unreachable(f"{self._server.address} does not answer a subscription") from None
        if not self._granted.done():
            raise Unreachable(self._lost.result())
        refused = [
            topic for topic, code in zip(topics, self._granted.result(), strict=False) if code >= _REFUSED
        ]
        if refused:
            raise Unreachable(f"{self._server.address} does not let us read {', '.join(refused)[:200]}")

    async def last(self, seconds: float) -> None:
        """Until `seconds` have gone. Raises Unreachable when the session ends before."""
        done, _ = await asyncio.wait({self._lost}, timeout=seconds)
        if done:
            raise Unreachable(self._lost.result())

    def close(self) -> None:
        self._connection.close()
        for future in (self._opened, self._granted, self._lost):
            future.cancel()

    def _report(self, _connection: Connection, report: Report) -> None:
        if isinstance(report, Message):
            self._message(report.topic, report.payload)
        elif isinstance(report, Opened):
            self._opened.set_result(None)
        elif isinstance(report, Subscribed) and not self._granted.done():
            self._granted.set_result(report.granted)
        elif isinstance(report, Refused | Lost):
            why = f"{self._server.address}: {report.why}"
            if not self._opened.done():
                self._opened.set_exception(Unreachable(why))
            elif not self._lost.done():
                self._lost.set_result(why)


@asynccontextmanager
async def looking(
    server: Server, topics: Sequence[str], message: Callable[[str, bytes], None]
) -> AsyncIterator[Look]:
    """A session that reads `topics`. Raises Unreachable."""
    patient = replace(server, connect_timeout=min(server.connect_timeout, PATIENCE))
    look = Look(patient, message)
    try:
        await look.open(topics)
        yield look
    finally:
        look.close()


async def tried(server: Server) -> str:
    """Connect and go: "" if that works, else why not, in a sentence."""
    try:
        async with looking(server, (), lambda _topic, _payload: None):
            return ""
    except Unreachable as error:
        return str(error)
