"""One node under a magnifying glass: the real Pair, a clock turned by hand, its orders by type."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from redundancy.config import Role
from redundancy.core import events as ev
from redundancy.core.actions import Action, Activate, Promise, Send
from redundancy.core.messages import WITNESS, Grant, Heartbeat, Message, Request
from redundancy.core.pair import Pair
from redundancy.core.settings import PairSettings
from redundancy.core.view import PairView

T = TypeVar("T")
PEER = "b"
MASTER = PairSettings(node="a", role=Role.MASTER, peer=PEER, has_witness=True, boot="a1")
BACKUP = replace(MASTER, role=Role.BACKUP)
WITHOUT_WITNESS = replace(MASTER, has_witness=False)
ALONE = PairSettings(node="a", role=Role.INDEPENDENT, boot="a1")


class Node:
    """Calls `handle` as a shell does, also at every deadline on the way."""

    def __init__(self, settings: PairSettings = MASTER, promise: Promise | None = None) -> None:
        self.settings = settings
        self.pair = Pair(settings, promise or Promise(), 100.0)
        self.now = 100.0
        self.log: list[Action] = []
        self._beat = 0

    def on(self, *events: ev.Event) -> list[Action]:
        orders = [order for event in events for order in self.pair.handle(event, self.now)]
        self.log += orders
        return orders

    def hear(self, message: Message, sender: str = PEER) -> list[Action]:
        return self.on(ev.Received(sender, message))

    def wait(self, seconds: float) -> list[Action]:
        end, orders = self.now + seconds, []
        while (deadline := self.pair.deadline()) <= end:
            self.now = max(self.now, deadline)
            orders += self.on(ev.Tick())
        self.now = end
        return orders + self.on(ev.Tick())

    def beat(self, **fields: object) -> list[Action]:
        """A heartbeat of the peer, a well standby unless `fields` say otherwise."""
        self._beat += 1
        role = "Backup" if self.settings.role is Role.MASTER else "Master"
        usual = Heartbeat(boot="b1", beat=self._beat, role=role, state="Standby", config="1", able=True)
        return self.hear(replace(usual, **fields))  # type: ignore[arg-type]

    def beats(self, seconds: float, **fields: object) -> list[Action]:
        """The peer is there for that long."""
        orders: list[Action] = []
        for _ in range(round(seconds / 0.25)):
            orders += self.beat(**fields) + self.wait(0.25)
        return orders

    def answer(self, orders: list[Action], *voters: str) -> list[Action]:
        """These voters grant every request among `orders`."""
        found: list[Action] = []
        for to, request in asked(orders):
            if to in voters:
                found += self.hear(Grant(request.boot, request.epoch, request.attempt), to)
        return found

    def activate(self) -> Activate:
        """Configured, peer heard, votes granted by the witness and the peer."""
        self.on(ev.ConfigKnown("1"))
        self.beat()
        for _ in range(80):
            orders = self.wait(0.1)
            found = of(self.answer(orders, WITNESS, PEER), Activate)
            if found:
                self.on(ev.TookOver())
                return found[0]
        raise AssertionError(self.view().why)

    def keep(self, seconds: float, **fields: object) -> list[Action]:
        """The peer is there and everybody votes."""
        orders: list[Action] = []
        for _ in range(round(seconds / 0.25)):
            now = self.beat(**fields)
            now += self.wait(0.25)
            orders += now + self.answer(now, WITNESS, PEER)
        return orders

    def view(self) -> PairView:
        return self.pair.view(self.now)

    def holds(self) -> bool:
        return self.pair.holds(self.now)


def of(orders: list[Action], kind: type[T]) -> list[T]:
    """The orders of one type."""
    return [order for order in orders if isinstance(order, kind)]


def sent(orders: list[Action], kind: type[T]) -> list[T]:
    """The messages of one type among what was sent."""
    return [order.message for order in of(orders, Send) if isinstance(order.message, kind)]


def asked(orders: list[Action]) -> list[tuple[str, Request]]:
    return [(o.to, o.message) for o in of(orders, Send) if isinstance(o.message, Request)]
