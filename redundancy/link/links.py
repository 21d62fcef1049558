"""All of a node's links under the names that the Pair uses: its peer by node name, and "witness"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from redundancy.config import NodeConfig
from redundancy.link.dialer import Dialer
from redundancy.link.intruders import Intruders
from redundancy.link.listener import Listener, Reply
from redundancy.link.speaker import Speaker, expect_peer, expect_third
from redundancy.link.stall import StallWatch
from redundancy.link.tls import Papers

WITNESS_NAME = "witness"


@dataclass(frozen=True, slots=True)
class LinkEvents:
    """Where the links report; on the loop, must not block.

    `received(sender, message)`, `up(name)` and `down(name, why)` concern the lease channel; sender and
    name are the peer's node name or "witness". `intruder(why)` tells what was refused, once a kind.
    `wrong_peer(why)` tells that the proven other end is not the configured one: core event Intruder;
    `wrong_peer_gone()` that it has left or given way to the right one: core event IntruderGone.
    """

    received: Callable[[str, dict[str, Any]], None]
    up: Callable[[str], None]
    down: Callable[[str, str], None]
    intruder: Callable[[str], None]
    wrong_peer: Callable[[str], None]
    wrong_peer_gone: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class PullEvents:
    """Where a channel reports on which each node pulls from the other: "records"
    (redundancy.replication.replicator.Replicator.events) and "history" (....reconciler.Reconciler.events).

    The first three concern the connection on which this node pulls, the next two those on which it serves.
    `waits()` tells since when (loop time) the pull waits for progress, None while it waits for nothing;
    `stalled(why)` that it did so for the Sync Timeout and gets a new connection.
    """

    pull_up: Callable[[Callable[[dict[str, Any]], bool]], None]
    pulled: Callable[[dict[str, Any]], None]
    pull_down: Callable[[str], None]
    asked: Callable[[dict[str, Any], Reply], None]
    left: Callable[[str], None]
    waits: Callable[[], float | None] = lambda: None
    stalled: Callable[[str], None] = lambda _: None


class _Pull:
    """One channel on which this node pulls, watched over. `dial` makes a Dialer to the peer."""

    def __init__(
        self, channel: str, events: PullEvents, patience: float, dial: Callable[..., Dialer]
    ) -> None:
        self.events = events
        self.watch = StallWatch(channel, patience, events.waits, self._stalled)
        self.dialer = dial(
            channel, on_up=self._up, on_down=self._down, on_message=lambda _, message: events.pulled(message)
        )

    def _up(self, _: Speaker) -> None:
        self.events.pull_up(self.dialer.send)
        self.watch.start()

    def _down(self, _: Speaker, why: str) -> None:
        self.watch.stop()
        self.events.pull_down(why)

    def _stalled(self, why: str) -> None:
        self.events.stalled(why)
        self.dialer.drop(why)


class Links:
    """A node's listener and its dialers. Both nodes of a pair dial each other; either connection serves."""

    def __init__(
        self,
        node: NodeConfig,
        boot_id: str,
        events: LinkEvents,
        pulls: Mapping[str, PullEvents] | None = None,
    ) -> None:
        """`pulls`: by channel. Without one of them this node neither asks nor answers there."""
        self._events = events
        self._up = False
        self._papers = None if node.link_tls is None else Papers(node.link_tls)
        self._peer = "" if node.peer is None else node.peer.node
        self.intruders = Intruders(events.intruder, events.wrong_peer, events.wrong_peer_gone)
        self._witness_intruders = Intruders(events.intruder, events.intruder)
        self.listener: Listener | None = None
        self.dialer: Dialer | None = None
        self.pulls: dict[str, _Pull] = {}
        self.witness: Dialer | None = None
        me, key = Speaker.of(node, boot_id), node.plant_key
        if node.peer is not None:
            self._link_peer(node, me, boot_id, pulls or {})
        if node.witness is not None:
            self.witness = Dialer(
                me,
                node.witness,
                key,
                "lease",
                check=expect_third(node),
                on_up=lambda _: events.up(WITNESS_NAME),
                on_down=lambda _, why: events.down(WITNESS_NAME, why),
                on_message=lambda _, message: events.received(WITNESS_NAME, message),
                intruders=self._witness_intruders,
                papers=self._papers,
            )

    def _link_peer(
        self, node: NodeConfig, me: Speaker, boot_id: str, pulls: Mapping[str, PullEvents]
    ) -> None:
        assert node.peer is not None
        check, key = expect_peer(node, boot_id), node.plant_key
        self.listener = Listener(
            me,
            node.listens,
            key,
            self._take,
            check=check,
            on_up=lambda _, channel: self._settle(channel, ""),
            on_down=lambda _, channel, why: self._left(channel, why),
            intruders=self.intruders,
            channels=frozenset({"lease", *pulls}),
            papers=self._papers,
        )
        dial = partial(
            Dialer,
            me,
            node.peer.link,
            key,
            check=check,
            intruders=self.intruders,
            papers=self._papers,
            bind=node.bind_interface,
        )
        self.dialer = dial(
            "lease",
            on_up=lambda _: self._settle("lease", ""),
            on_down=lambda _, why: self._settle("lease", why),
            on_message=lambda _, message: self._events.received(self._peer, message),
        )
        patience = node.redundancy.sync_timeout
        self.pulls = {channel: _Pull(channel, heard, patience, dial) for channel, heard in pulls.items()}

    @property
    def why(self) -> str:
        """Why the peer can't be reached, empty while it can."""
        return "" if self._up or self.dialer is None else self.dialer.why

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why peer or witness is not let in, or does not let this node in; which certificate won't last."""
        peer = "" if self._up else self.intruders.mistake
        witness = "" if self.witness is None or self.witness.is_up else self._witness_intruders.mistake
        refused = [f"a link is refused: {why}" for why in (peer, witness) if why]
        return (*refused, *(d.expiring for d in (self.dialer, self.witness) if d is not None and d.expiring))

    async def start(self) -> None:
        """Listen and dial. Raises OSError if the link's port is taken."""
        if self.listener is not None:
            await self.listener.start()
        for dialer in self._dialers:
            dialer.start()

    async def close(self) -> None:
        """Hang up everywhere."""
        for pull in self.pulls.values():
            pull.watch.stop()
        for dialer in self._dialers:
            await dialer.close()
        if self.listener is not None:
            await self.listener.close()

    def send(self, to: str, message: dict[str, Any]) -> bool:
        """To the peer or the witness; never waits. False if there is no connection now."""
        if to == WITNESS_NAME:
            return self.witness is not None and self.witness.send(message)
        if self.dialer is not None and self.dialer.send(message):
            return True
        return self.listener is not None and self.listener.send(to, "lease", message)

    def _take(self, sender: Speaker, channel: str, message: dict[str, Any], reply: Reply) -> None:
        if channel == "lease":
            self._events.received(sender.node, message)
        else:
            self.pulls[channel].events.asked(message, reply)

    @property
    def _dialers(self) -> list[Dialer]:
        pulling = [pull.dialer for pull in self.pulls.values()]
        return [dialer for dialer in (self.dialer, *pulling, self.witness) if dialer is not None]

    def _left(self, channel: str, why: str) -> None:
        if channel in self.pulls:
            self.pulls[channel].events.left(why)
        self._settle(channel, why)

    def _settle(self, channel: str, why: str) -> None:
        """The peer is connected while either connection stands; tell when that changes."""
        if channel != "lease" or self.dialer is None or self.listener is None:
            return
        up = self.dialer.is_up or bool(self.listener.peers("lease"))
        if up == self._up:
            return
        self._up = up
        if up:
            self._events.up(self._peer)
        else:
            self._events.down(self._peer, why)
