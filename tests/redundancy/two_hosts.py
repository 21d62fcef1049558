"""Two hosts of a pair in one thread, turned by a seed: brokers, one edge node, and their common record.

Each host has its own session at every broker, with what waits in it: a frozen host hears late, and a session
that breaks loses what nobody read. Which host acts is the lease's matter; here it is simply said.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

from redundancy.config import Server
from redundancy.host.peer_births import PeerBirths
from redundancy.replication.records import Record
from redundancy.site import Site
from sparkplug import DataType, EdgeNodeId, EdgeSession, Effect, HostSession, Instant, Metric, Publish
from sparkplug.effects import DeviceBorn, DeviceDied, NodeBorn, NodeDied, RebirthWanted, Values

EDGE = EdgeNodeId("Group 1", "Edge 1")
DEVICE = "Device 1"
SERVERS = tuple(Server(name, "127.0.0.1", port) for name, port in (("one", 1), ("two", 2)))
NAMES = tuple(server.name for server in SERVERS)


class CommonRecord:
    """One host's copy of the record: the ledger's words, and the rule by which versions are merged."""

    def __init__(self, owner: Host) -> None:
        self.owner, self.held, self.clock = owner, dict[str, Record](), 0

    def note(self, provider: str, key: str, body: bytes) -> None:
        if key in self.held and self.held[key].body == body:
            return
        self.clock += 1
        self.held[key] = record = Record(provider, key, 0, self.clock, self.owner.name, body)
        self.owner.written.append(record)

    def all(self, provider: str) -> dict[str, bytes]:
        return {key: one.body for key, one in self.held.items() if one.body and one.provider == provider}

    def merge(self, record: Record) -> bool:
        self.clock = max(self.clock, record.clock)
        held = self.held.get(record.key)
        if held is not None and held.stamp >= record.stamp:
            return False
        self.held[record.key] = record
        return True


class Host:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.peer = world, name, cast("Host", None)
        self.session = HostSession("Primary")
        self.record = CommonRecord(self)
        self.written: deque[Record] = deque()
        self.inbox: dict[str, deque[tuple[str, bytes]] | None] = dict.fromkeys(NAMES)
        self.values = 0
        self.wishes = 0
        site = SimpleNamespace(ledger=self.record, trouble=lambda *_: None, clock=world)
        self.births = PeerBirths(
            self.session, cast(Site, site), lambda: SERVERS, self.perform, lambda: world.acting is self
        )

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, NodeBorn | DeviceBorn | NodeDied | DeviceDied):
                self.births.follow(effect)
            self.values += isinstance(effect, Values)
            self.wishes += isinstance(effect, RebirthWanted)

    def open(self, server: str) -> None:
        if self.inbox[server] is None:
            self.inbox[server] = deque()
            self.perform(self.session.connected(server, self.world.now()))
            self.births.due = True

    def lose(self, server: str) -> None:
        if self.inbox[server] is not None:
            self.inbox[server] = None
            self.perform(self.session.disconnected(server, self.world.now()))

    def hear(self, server: str) -> None:
        waiting = self.inbox[server]
        if waiting:
            self.perform(self.session.receive(server, *waiting.popleft(), self.world.now()))

    def take(self) -> None:
        """One record of the peer's."""
        record = self.peer.written.popleft()
        if self.record.merge(record):
            self.births.applied([record])

    def look(self) -> None:
        """What a node does whenever something has happened to the pair."""
        self.perform(self.session.tick(self.world.now()))
        if self.births.due and self.world.linked and self.world.acting is self.peer:
            self.births.known()


class World:
    """`story` is what was done, for whoever reads a failure."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.mono = 100.0
        self.hosts = (Host(self, "master"), Host(self, "backup"))
        self.hosts[0].peer, self.hosts[1].peer = reversed(self.hosts)
        self.acting: Host | None = self.hosts[0]
        self.linked = True
        self.at = NAMES[0]
        self.bd_seq = 0
        self.edge = EdgeSession(EDGE, None)
        self.will: tuple[str, bytes] | None = None
        self.story: list[str] = []

    def now(self) -> Instant:
        return Instant(self.mono, 1_700_000_000_000 + int(self.mono * 1000))

    def say(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Publish):
                self.publish(effect.topic, effect.payload)

    def publish(self, topic: str, payload: bytes) -> None:
        for host in self.hosts:
            waiting = host.inbox[self.at]
            if waiting is not None:
                waiting.append((topic, payload))

    def connect(self, server: str) -> None:
        """The edge node leaves where it is, its Will is heard there, and it is born at `server`."""
        if self.will is not None:
            self.publish(*self.will)
        self.bd_seq = (self.bd_seq + 1) % 256
        self.at, self.edge = server, EdgeSession(EDGE, None)
        will = self.edge.open(self.bd_seq, self.now())
        self.will = will.topic, will.payload
        self.edge.connected(self.now())
        self.birth()

    def birth(self) -> None:
        stamp = self.now().wall
        own, device = Metric("Mode", DataType.Int32, 1, stamp), Metric("Tag 1", DataType.Int32, 1, stamp)
        self.say(self.edge.birth((own,), {DEVICE: (device,)}, self.now()))

    def data(self) -> None:
        sample = Metric("Tag 1", DataType.Int32, int(self.mono), self.now().wall)
        self.say(self.edge.data(DEVICE, [sample], self.now()))

    # What may happen

    def deeds(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        yield "a sample", self.data
        yield "reborn", self.birth
        for server in NAMES:
            yield f"the edge node is at {server}", lambda s=server: self.connect(s)  # type: ignore[misc]
        for host in self.hosts:
            for server in NAMES:
                if host.inbox[server] is None:
                    yield f"{host.name} listens at {server}", lambda h=host, s=server: h.open(s)  # type: ignore[misc]
                else:
                    yield f"{host.name} loses {server}", lambda h=host, s=server: h.lose(s)  # type: ignore[misc]
                for _ in range(3):
                    yield f"{host.name} hears {server}", lambda h=host, s=server: h.hear(s)  # type: ignore[misc]
            if self.linked and host.peer.written:
                for _ in range(4):
                    yield f"{host.name} takes a record", host.take
            yield f"{host.name} acts", lambda h=host: self.act(h)  # type: ignore[misc]
        yield "the link", self.link
        yield "nobody acts", lambda: self.act(None)

    def act(self, host: Host | None) -> None:
        if self.acting is not host:
            self.acting = host
            if host is not None:
                host.births.take_over()

    def link(self) -> None:
        self.linked = not self.linked

    def step(self) -> None:
        self.mono += self.draw.choice((0.01, 0.1, 1.0))
        what, do = self.draw.choice(list(self.deeds()))
        self.story.append(what)
        do()
        for host in self.hosts:
            host.look()

    def quiet(self) -> None:
        """All is mended, one host acts, and time passes: births that it asks for come."""
        self.linked = True
        self.act(self.acting or self.draw.choice(self.hosts))
        for _ in range(12):
            for host in self.hosts:
                for server in NAMES:
                    host.open(server)
            self.mono += 10.0
            self.data()
            self.settle()
            assert self.acting is not None
            if self.acting.wishes:
                self.acting.wishes = 0
                self.birth()
                self.settle()

    def settle(self) -> None:
        while any(host.peer.written or any(host.inbox.values()) for host in self.hosts):
            self.mono += 0.01
            for host in self.hosts:
                for server in NAMES:
                    host.hear(server)
                if host.peer.written:
                    host.take()
                host.look()
