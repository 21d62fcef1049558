"""An imaginary wire: a broker without a network, and both ends' shells reduced to carrying out effects.

Real sessions talk to each other over it. Messages wait in each client's inbox until `run`, so a test can
lose, double and swap them. The broker keeps retained messages and Wills, and grants what is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sparkplug import (
    Addressed,
    BirthDue,
    Close,
    Commanded,
    EdgeSession,
    Effect,
    HostPresence,
    HostSession,
    Metric,
    Problem,
    Publish,
    RebirthWanted,
    Reopen,
    Subscribe,
    Values,
    Will,
)
from tests.sparkplug.scene import at


def matches(pattern: str, topic: str) -> bool:
    wanted, levels = pattern.split("/"), topic.split("/")
    for n, level in enumerate(wanted):
        if level == "#":
            return True
        if n >= len(levels) or level not in ("+", levels[n]):
            return False
    return len(wanted) == len(levels)


class Client:
    """One MQTT session."""

    def __init__(self, broker: Broker, hear: Callable[[str, bytes], None], will: Will | None) -> None:
        self.broker = broker
        self.hear = hear
        self.will = will
        self.filters: list[str] = []
        self.inbox: deque[tuple[str, bytes]] = deque()
        broker.clients.append(self)

    def subscribe(self, filters: list[str]) -> None:
        self.filters += filters
        for topic, payload in self.broker.retained.items():
            # One copy for each filter, as MQTT allows for overlapping subscriptions.
            self.inbox.extend([(topic, payload)] * sum(matches(f, topic) for f in filters))

    def break_off(self) -> None:
        """Power loss: the Will is published."""
        if self in self.broker.clients:
            self.broker.clients.remove(self)
            if self.will is not None:
                self.broker.publish(self.will.topic, self.will.payload, self.will.retain)

    def close(self) -> None:
        if self in self.broker.clients:
            self.broker.clients.remove(self)


class Broker:
    def __init__(self, name: str) -> None:
        self.name = name
        self.clients: list[Client] = []
        self.retained: dict[str, bytes] = {}
        self.log: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.log.append((topic, payload))
        if retain:
            self.retained.pop(topic, None)
            if payload:
                self.retained[topic] = payload
        for client in self.clients:
            client.inbox.extend([(topic, payload)] * sum(matches(f, topic) for f in client.filters))

    def said(self, kind: str) -> int:
        return sum(topic.split("/")[2] == kind for topic, _ in self.log)


class World:
    """Brokers, and a clock that the test turns."""

    def __init__(self, *names: str) -> None:
        self.brokers = {name: Broker(name) for name in names}
        self.seconds = 0.0
        self.parts: list[EdgeShell | HostShell] = []

    @property
    def now(self):
        return at(self.seconds)

    def run(self) -> None:
        """Delivers until nobody has anything left to read."""
        busy = True
        while busy:
            busy = False
            for client in [c for b in self.brokers.values() for c in b.clients]:
                while client.inbox and client in client.broker.clients:
                    busy = True
                    client.hear(*client.inbox.popleft())

    def pass_time(self, seconds: float) -> None:
        end = self.seconds + seconds
        self.run()
        while True:
            due = [d for p in self.parts if (d := p.session.deadline()) is not None and d <= end]
            if not due:
                break
            self.seconds = max(self.seconds, min(due))
            for part in self.parts:
                part.perform(part.session.tick(self.now))
            self.run()
        self.seconds = end


class EdgeShell:
    """An edge node with its tags, walking over the brokers it is given."""

    def __init__(self, world: World, session: EdgeSession, servers: list[str]) -> None:
        self.world, self.session, self.servers = world, session, servers
        self.node: dict[str, Metric] = {}
        self.devices: dict[str, dict[str, Metric]] = {}
        self.bd_seq, self.position = 0, 0
        self.client: Client | None = None
        self.happened: list[Effect] = []
        world.parts.append(self)

    def connect(self) -> None:
        world = self.world
        broker = world.brokers[self.servers[self.position % len(self.servers)]]
        will = self.session.open(self.bd_seq % 256, world.now)
        self.bd_seq += 1
        self.client = Client(broker, lambda t, p: self.perform(self.session.receive(t, p, world.now)), will)
        self.perform(self.session.connected(world.now))

    def cut(self) -> None:
        assert self.client is not None
        self.client.break_off()
        self.perform(self.session.disconnected(self.world.now))

    def write(self, device: str, metric: Metric) -> None:
        assert metric.name is not None
        self.devices[device][metric.name] = metric
        self.perform(self.session.data(device, [metric], self.world.now))

    def perform(self, effects: list[Effect]) -> None:
        assert self.client is not None or not effects
        for effect in effects:
            self.happened.append(effect)
            match effect:
                case Publish(topic, payload, _, retain):
                    self.client.broker.publish(topic, payload, retain)
                case Subscribe(filters):
                    self.client.subscribe([text for text, _ in filters])
                case Close():
                    self.client.close()
                    self.position += 1
                case BirthDue():
                    devices = {name: list(tags.values()) for name, tags in self.devices.items()}
                    self.perform(self.session.birth(list(self.node.values()), devices, self.world.now))
                case Commanded(str(device), metrics):
                    for metric in metrics:
                        self.write(device, metric)


class HostShell:
    """A host application on all brokers. `active`: holds the lease, so it may speak."""

    def __init__(self, world: World, session: HostSession, active: bool = True) -> None:
        self.world, self.session, self.active = world, session, active
        self.presences: dict[str, HostPresence] = {}
        self.clients: dict[str, Client] = {}
        self.speakers: dict[str, Client] = {}
        self.image: dict[tuple[str | None, str], object] = {}
        self.happened: list[Effect] = []
        world.parts.append(self)

    def listen(self, server: str) -> None:
        world = self.world

        def hear(topic: str, payload: bytes) -> None:
            self.perform(self.session.receive(server, topic, payload, world.now))

        self.clients[server] = Client(world.brokers[server], hear, None)
        self.perform(self.session.connected(server, world.now), server)

    def speak(self, server: str, timestamp: int) -> None:
        world = self.world
        presence = self.presences.setdefault(server, HostPresence(self.session.host_id))

        def hear(topic: str, payload: bytes) -> None:
            self._present(server, presence.receive(topic, payload, world.now))

        will = presence.open(timestamp, world.now)
        self.speakers[server] = Client(world.brokers[server], hear, will)
        self._present(server, presence.connected(world.now))
        self._present(server, presence.subscribed(world.now))

    def perform(self, effects: list[Effect], server: str = "") -> None:
        for effect in effects:
            self.happened.append(effect)
            match effect:
                case Subscribe(filters):
                    self.clients[server].subscribe([text for text, _ in filters])
                case RebirthWanted(edge) if self.active:
                    self.send(self.session.rebirth(edge, self.world.now))
                case Values(_, device, metrics):
                    live = (m for m in metrics if not m.is_historical)
                    self.image.update({(device, str(m.name)): m.value for m in live})
                case _ if hasattr(effect, "birth"):
                    device = getattr(effect, "device", None)
                    self.image.update({(device, str(m.name)): m.value for m in effect.metrics})

    def send(self, addressed: Addressed) -> None:
        publish = addressed.publish
        self.world.brokers[addressed.server].publish(publish.topic, publish.payload, publish.retain)

    def _present(self, server: str, effects: list[Effect]) -> None:
        for effect in effects:
            self.happened.append(effect)
            speaker = self.speakers[server]
            match effect:
                case Publish(topic, payload, _, retain):
                    speaker.broker.publish(topic, payload, retain)
                case Subscribe(filters):
                    speaker.subscribe([text for text, _ in filters])
                case Close():
                    speaker.close()
                case Reopen():
                    speaker.break_off()
                    self.speak(server, self.presences[server].highest_seen + 1)
                case Problem():
                    pass
