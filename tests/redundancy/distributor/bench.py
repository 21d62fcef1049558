"""The broker's core without sockets: bytes in, bytes out, time turned by hand."""

from __future__ import annotations

from redundancy.distributor.access import Access, Patterns, Rights, User
from redundancy.distributor.broker import Broker
from redundancy.distributor.events import (
    Close,
    Connected,
    Drained,
    Effect,
    Event,
    Note,
    Received,
    Send,
    Tick,
    Verified,
    Verify,
)
from redundancy.distributor.limits import Limits
from tests.redundancy.distributor import wire


def people(**acls: list[str]) -> dict[str, User]:
    """The password of each is `<name>-secret`; it stands for its own hash here."""
    return {name: User(name, f"{name}-secret", Rights(acl)) for name, acl in acls.items()}


def access(**acls: list[str]) -> Access:
    users = people(admin=["RW #", "R $SYS/#"], **acls)
    users["pair"] = User("pair", "pair-secret", Rights(["RW #"]), Patterns(["Primary-*"]))
    return Access(users, Patterns(["Primary-*"]), Patterns(["Primary-cmd", "Primary-state-*"]))


class Bench:
    """Turns the clock from deadline to deadline, answers Verify, and keeps what every client got."""

    def __init__(self, rules: Access | None = None, *, drains: bool = True, **limits: float) -> None:
        self.now = 1000.0
        self.drains = drains
        self.broker = Broker(
            rules or access(), Limits(**{"refusal_delay": 0.5, **limits}), now=self.now, lease=2.0  # type: ignore[arg-type]
        )  # fmt: skip
        self.out: dict[int, bytearray] = {}
        self.closed: dict[int, str] = {}
        self.notes: list[str] = []
        self.reports: set[int] = set()
        self._count = 0

    def do(self, event: Event) -> None:
        events = [event]
        while events:
            for effect in self.broker.handle(events.pop(0), self.now):
                events.extend(self._perform(effect))

    def _perform(self, effect: Effect) -> list[Event]:
        if isinstance(effect, Send):
            assert effect.connection not in self.closed, "written to after the end"
            self.out[effect.connection] += effect.data
            if effect.report and self.drains:
                return [Drained(effect.connection)]
            if effect.report:
                self.reports.add(effect.connection)
        elif isinstance(effect, Close):
            assert effect.connection not in self.closed, "closed twice"
            self.closed[effect.connection] = effect.why
        elif isinstance(effect, Verify):
            return [Verified(effect.connection, effect.password_hash.encode() == effect.password)]
        elif isinstance(effect, Note):
            self.notes.append(effect.text)
        return []

    def wait(self, seconds: float) -> None:
        """As a loop that is never late."""
        end = self.now + seconds
        while (deadline := self.broker.deadline()) <= end:
            self.now = max(self.now, deadline)
            self.do(Tick())
        self.now = end

    def freeze(self, seconds: float) -> None:
        """As a process that is stopped."""
        self.now += seconds

    def open(self) -> int:
        self._count += 1
        self.out[self._count] = bytearray()
        self.do(Connected(self._count, f"10.0.0.1:{self._count}"))
        return self._count

    def send(self, number: int, *data: bytes) -> None:
        self.do(Received(number, b"".join(data)))

    def client(
        self, client_id: str, username: str = "admin", *filters: tuple[str, int], **more: object
    ) -> int:
        """Let in and subscribed; what it got for that is taken away."""
        number = self.open()
        self.send(number, wire.connect(client_id, username, f"{username}-secret", **more))  # type: ignore[arg-type]
        if filters:
            self.send(number, wire.subscribe(1, *filters, version=int(str(more.get("version", 4)))))
        first, body = self.got(number)[0]
        assert first == wire.CONNACK
        assert body[1] == 0, f"refused with {body[1]:#x}"
        return number

    def got(self, number: int) -> list[tuple[int, bytes]]:
        """The packets since the last time."""
        data, self.out[number] = bytes(self.out[number]), bytearray()
        return list(wire.split(data))

    def messages(self, number: int, version: int = 4) -> list[tuple[str, bytes]]:
        """Topic and payload of every PUBLISH since the last time."""
        return [
            wire.message(first, body, version)[:2]
            for first, body in self.got(number)
            if first & 0xF0 == wire.PUBLISH
        ]
