"""The end of the pair link that waits: accepts the peer (or, at a witness, all nodes) on both channels."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from redundancy.config import Endpoint
from redundancy.link.frames import Breach, FrameError
from redundancy.link.handshake import Handshake, Terms
from redundancy.link.intruders import Intruders
from redundancy.link.speaker import Check, Speaker
from redundancy.link.stream import Stream, StreamEvents
from redundancy.link.tls import Papers, TlsWire

HALF_OPEN = 16  # connections that may be in their handshake at one time
_ALIVE = 1.0  # seconds within which a heartbeat proves that the older of two namesakes lives

Reply = Callable[[dict[str, Any]], bool]
OnMessage = Callable[[Speaker, str, dict[str, Any], Reply], None]


class Listener:
    """Serves `endpoint` until closed. All callbacks run on the loop and must not block.

    `on_message(sender, channel, message, reply)`: the sender is proven; `reply` answers on the same
    connection and is False once that is gone. `on_up(peer, channel)` and `on_down(peer, channel, why)`
    frame it. Raises OSError from `start` if the port is taken.
    """

    def __init__(
        self,
        me: Speaker,
        endpoint: Endpoint,
        key: bytes,
        on_message: OnMessage,
        *,
        check: Check,
        on_up: Callable[[Speaker, str], None] | None = None,
        on_down: Callable[[Speaker, str, str], None] | None = None,
        intruders: Intruders | None = None,
        channels: frozenset[str] = frozenset({"lease", "records"}),
        max_peers: int = 4,
        papers: Papers | None = None,
    ) -> None:
        self._me = me
        self._endpoint = endpoint
        self._key = key
        self._check = check
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._channels = channels
        self._max_peers = max_peers
        self._papers = papers
        self._server: asyncio.Server | None = None
        self._half_open: list[Stream] = []
        self._ready: dict[tuple[str, str, str], Stream] = {}
        self.intruders = intruders or Intruders()

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._accept(loop), self._endpoint.host, self._endpoint.port, backlog=64
        )

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        self._server.close()
        for stream in [*self._half_open, *self._ready.values()]:
            stream.close()
        await self._server.wait_closed()

    def send(self, node: str, channel: str, message: dict[str, Any]) -> bool:
        """To a node that has connected here. False if none of that name is."""
        for (_, name, kind), stream in self._ready.items():
            if name == node and kind == channel:
                return stream.send(message)
        return False

    def peers(self, channel: str) -> list[Speaker]:
        """Who is connected on that channel."""
        return [stream.peer for stream in self._ready.values() if stream.channel == channel]

    def _accept(self, loop: asyncio.AbstractEventLoop) -> Stream:
        if len(self._half_open) >= HALF_OPEN:
            # The oldest goes: an honest end needs milliseconds, so a flood can't keep it out.
            oldest = self._half_open.pop(0)
            self.intruders.refused(FrameError(Breach.FLOOD, "too many unfinished handshakes"), oldest.address)
            oldest.close("too many unfinished handshakes")
        stream = self._prepared(loop)
        self._half_open.append(stream)
        return stream

    def _prepared(self, loop: asyncio.AbstractEventLoop) -> Stream:
        """For one connection. With certificates that don't serve it is closed as soon as it stands."""

        def admit(other: Speaker, channel: str) -> str | None:
            return self._admit(other, channel) or stream.disowned(other)

        handshake = Handshake(Terms(self._me, self._key, admit, os.urandom(32)), None)
        events = StreamEvents(self._on_ready, self._take, self._refused, self._closed)
        wire: TlsWire | None = None
        why = ""
        try:
            wire = None if self._papers is None else self._papers.wire(server=True)
        except FrameError as error:
            why = error.reason
            self.intruders.refused(error, str(self._endpoint))
        stream = Stream(loop, handshake, events, wire)
        if why:
            stream.close(why)
        return stream

    def _admit(self, other: Speaker, channel: str) -> str | None:
        if channel not in self._channels:
            return f"{self._me.node} serves no {channel} here"
        why = self._check(other)
        if why is not None:
            return why
        older = self._ready.get((other.gateway, other.node, channel))
        if older is None:
            if len(self._ready) >= self._max_peers:
                return f"{self._me.node} serves {self._max_peers} connections already"
        elif older.peer.boot_id != other.boot_id and self._lives(older):
            return f"two nodes are named {other.node}"
        return None

    def _lives(self, older: Stream) -> bool:
        loop = asyncio.get_running_loop()
        return older.channel == "lease" and loop.time() - older.heard_at < _ALIVE

    def _on_ready(self, stream: Stream) -> None:
        self._drop_half_open(stream)
        name = (stream.peer.gateway, stream.peer.node, stream.channel)
        older = self._ready.pop(name, None)
        self._ready[name] = stream
        self.intruders.forgive()
        if older is not None:
            older.close("the same node has connected anew")
            if older.peer == stream.peer:
                return
            if self._on_down is not None:
                self._on_down(older.peer, older.channel, "it has restarted")
        if self._on_up is not None:
            self._on_up(stream.peer, stream.channel)

    def _take(self, stream: Stream, message: dict[str, Any]) -> None:
        self._on_message(stream.peer, stream.channel, message, stream.send)

    def _refused(self, stream: Stream, error: FrameError) -> None:
        self.intruders.refused(error, stream.address)

    def _closed(self, stream: Stream, why: str) -> None:
        self._drop_half_open(stream)
        for name, held in list(self._ready.items()):
            if held is stream:
                del self._ready[name]
                if self._on_down is not None:
                    self._on_down(stream.peer, stream.channel, why)

    def _drop_half_open(self, stream: Stream) -> None:
        if stream in self._half_open:
            self._half_open.remove(stream)
