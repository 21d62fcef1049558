"""Both ends of a link for tests, and a wire between them that can be tampered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from redundancy.config import Endpoint, NodeConfig, Peer, Role
from redundancy.core.messages import Request, to_wire
from redundancy.link.dialer import Dialer
from redundancy.link.intruders import Intruders
from redundancy.link.listener import Listener
from redundancy.link.speaker import Speaker, expect_witness
from tests.waiting import until

KEY = b"k" * 32
MASTER = Speaker("Primary", "primary-master", "Master", "boot-m")
BACKUP = Speaker("Primary", "primary-backup", "Backup", "boot-b")


def anyone(other: Speaker, channel: str = "lease") -> str | None:
    return None


def config(role: Role = Role.MASTER, **changes: Any) -> NodeConfig:
    here, there = Endpoint("127.0.0.1", 23060), Endpoint("127.0.0.1", 23061)
    name, other = ("primary-master", "primary-backup")
    if role is Role.BACKUP:
        here, there, name, other = there, here, other, name
    node = NodeConfig(
        "Primary", name, role, here, Endpoint("127.0.0.1", 23088), "", KEY, Peer(other, there, "")
    )
    return replace(node, **changes)


class Ear:
    """One node's end: what its listener or dialer reported."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, dict[str, Any]]] = []
        self.ups: list[str] = []
        self.downs: list[str] = []
        self.told: list[str] = []
        self.wrong: list[str] = []
        self.intruders = Intruders(self.told.append, self.wrong.append)

    @property
    def heard(self) -> str:
        """All that a person was told of refusals."""
        return "\n".join(self.told + self.wrong)


@asynccontextmanager
async def listening(
    port: int, ear: Ear, me: Speaker = BACKUP, key: bytes = KEY, check: Any = anyone, **more: Any
) -> AsyncIterator[Listener]:
    def take(sender: Speaker, channel: str, message: dict[str, Any], reply: Any) -> None:
        ear.messages.append((sender.node, channel, message))
        if message.get("kind") == "ask":
            reply({"kind": "answer", "to": message["n"]})

    listener = Listener(
        me,
        Endpoint("127.0.0.1", port),
        key,
        take,
        check=check,
        on_up=lambda peer, channel: ear.ups.append(peer.node),
        on_down=lambda peer, channel, why: ear.downs.append(why),
        intruders=ear.intruders,
        **more,
    )
    await listener.start()
    try:
        yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def dialing(
    port: int,
    ear: Ear,
    me: Speaker = MASTER,
    key: bytes = KEY,
    check: Any = anyone,
    channel: str = "lease",
    **more: Any,
) -> AsyncIterator[Dialer]:
    dialer = Dialer(
        me,
        Endpoint("127.0.0.1", port),
        key,
        channel,
        check=check,
        on_up=lambda peer: ear.ups.append(peer.node),
        on_down=lambda peer, why: ear.downs.append(why),
        on_message=lambda peer, message: ear.messages.append((peer.node, channel, message)),
        intruders=ear.intruders,
        **more,
    )
    dialer.start()
    try:
        yield dialer
    finally:
        await dialer.close()


async def garbage(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 4)
    except ConnectionError:
        return b""
    finally:
        writer.close()


class Proxy:
    """A wire that records one direction and can be told what to do with it."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.sent = bytearray()
        self.writers: list[asyncio.StreamWriter] = []
        self.to_listener: asyncio.StreamWriter | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.to_listener, self.sent = far_writer, bytearray()
        self.writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer, True), self._pump(far_reader, writer, False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        try:
            while data := await reader.read(65536):
                if up:
                    self.sent += data
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()


class Candidate:
    """One node of a pair, as far as the witness can tell."""

    def __init__(self, port: int, gateway: str, node: str, role: str = "Master", key: bytes = KEY) -> None:
        self.answers: list[dict[str, Any]] = []
        self.attempt = 0
        self.wrong: list[str] = []
        me = Speaker(gateway, node, role, f"boot of {node}")
        self.dialer = Dialer(
            me,
            Endpoint("127.0.0.1", port),
            key,
            "lease",
            check=expect_witness,
            on_message=lambda _, message: self.answers.append(message),
        )

    @asynccontextmanager
    async def linked(self) -> AsyncIterator[Candidate]:
        self.dialer.start()
        try:
            await until(lambda: self.dialer.is_up)
            yield self
        finally:
            await self.dialer.close()

    async def ask(self, epoch: int) -> str:
        """The kind of the answer."""
        self.attempt += 1
        self.dialer.send(to_wire(Request("boot", epoch, self.attempt)))
        await until(lambda: self.answers and self.answers[-1].get("attempt") == self.attempt)
        return str(self.answers[-1]["kind"])
