"""STATE as hosts had it before Sparkplug 3.0: the text ONLINE or OFFLINE on `STATE/<host id>`, retained.

Not part of 3.0, and only an option: for a plant whose edge nodes or whose host are older. The text has no
timestamp, so nothing tells an old message from a new one; where both forms are heard, 3.0's counts.

`LegacyPresence` is a host's word there. A CONNECT has one Will, and that is the real STATE's, so this takes
a connection of its own, opened when the real one stands. Rules:

1.  ONLINE when the subscription to the own topic is in place; OFFLINE is the Will, and the goodbye.
2.  Anything but ONLINE heard there is answered with ONLINE: usually it is the Will of the host that this one
    has replaced. Never more than one answer in ANSWER_PAUSE seconds; one that is owed comes later (`tick`).
"""

from __future__ import annotations

from sparkplug.effects import Close, Effect, Publish, Subscribe, Will
from sparkplug.errors import StateError
from sparkplug.instant import Instant
from sparkplug.topic import legacy_state_topic

ONLINE, OFFLINE = b"ONLINE", b"OFFLINE"
ANSWER_PAUSE = 1.0


def legacy_online(payload: bytes) -> bool:
    """What the text says. Raises StateError for any other text."""
    if payload not in (ONLINE, OFFLINE):
        raise StateError(f"neither ONLINE nor OFFLINE: {payload[:40]!r}")
    return payload == ONLINE


class LegacyPresence:
    """Sans-I/O, one connection at a time; `open` begins a new one."""

    def __init__(self, host_id: str) -> None:
        self._topic = legacy_state_topic(host_id)
        self._announced = False
        self._quiet_until = float("-inf")
        self._owed = False

    def open(self) -> Will:
        """Before CONNECT."""
        self._announced = self._owed = False
        return Will(self._topic, OFFLINE, qos=1, retain=True)

    def connected(self) -> list[Effect]:
        """After CONNACK."""
        return [Subscribe(((self._topic, 1),))]

    def subscribed(self, now: Instant) -> list[Effect]:
        """After SUBACK."""
        self._announced = True
        return self._say(now)

    def receive(self, topic: str, payload: bytes, now: Instant) -> list[Effect]:
        """Any message of this connection. Never raises."""
        if topic != self._topic or not self._announced or payload == ONLINE:
            return []
        self._owed = True
        return self.tick(now)

    def tick(self, now: Instant) -> list[Effect]:
        """To be called at `deadline()`; harmless at any other time."""
        return self._say(now) if self._owed and now.mono >= self._quiet_until else []

    def deadline(self) -> float | None:
        """When to call `tick` (monotonic seconds), None for never."""
        return self._quiet_until if self._owed else None

    def goodbye(self) -> list[Effect]:
        """The host application leaves for good."""
        said = [Publish(self._topic, OFFLINE, qos=1, retain=True)] if self._announced else []
        return [*said, *self.leave("goodbye")]

    def leave(self, why: str = "the other node of the pair carries on") -> list[Effect]:
        """A planned switch: the other node says ONLINE meanwhile."""
        self._announced = self._owed = False
        return [Close(clean=True, why=why)]

    def _say(self, now: Instant) -> list[Effect]:
        self._owed, self._quiet_until = False, now.mono + ANSWER_PAUSE
        return [Publish(self._topic, ONLINE, qos=1, retain=True)]
