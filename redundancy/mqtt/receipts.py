"""Which messages of a kept session are on their way to being taken, from one connection to the next.

A message counts as taken when its owner says so, perhaps after its connection has broken. The server then
sends it again to the next one, with the same number, and must hear that we have it; but nobody here may
hear of it twice. Exactly once holds for as long as this object lives; after a crash, what was not
acknowledged comes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from redundancy.mqtt.reports import Message


class Verdict(Enum):
    """What to do with a message that has come in."""

    REPORT = auto()
    ACKNOWLEDGE = auto()
    """It was taken, and the server does not know."""
    WAIT = auto()
    """It was reported before, and nobody has taken it yet."""


@dataclass(frozen=True, slots=True)
class Released:
    """PUBREL: the server knows that a message at QoS 2 was taken."""

    mid: int


@dataclass(slots=True)
class _Open:
    message: Message
    here: bool = True  # the server has sent it on the present connection
    taken: bool = False


class Receipts:
    """For one client id at one server. The server reuses no number before it was acknowledged
    (MQTT 2.2.1 [5.0], 2.3.1 [3.1.1]), which is what all of this rests on."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._received: set[int] = set()  # QoS 2: PUBREC is said, PUBREL has not come

    def begin(self, resumed: bool) -> None:
        """A connection is open; `resumed`: the server has kept the session, and the numbers mean the same."""
        self.away()
        if not resumed:
            self._open.clear()
            self._received.clear()

    def away(self) -> None:
        """The connection is over."""
        for entry in self._open.values():
            entry.here = False

    def arrived(self, message: Message) -> Verdict:
        """A PUBLISH at QoS 1 or 2."""
        entry = self._open.get(message.mid)
        if entry is not None and message.again and _same(entry.message, message):
            entry.here = True
            if not entry.taken:
                return Verdict.WAIT
            self._close(message)
            return Verdict.ACKNOWLEDGE
        if message.qos == 2 and message.mid in self._received:
            return Verdict.ACKNOWLEDGE
        self._open[message.mid] = _Open(message)
        return Verdict.REPORT

    def taken(self, message: Message) -> bool:
        """Its owner has it. Whether the server may be told now; otherwise it will be, when it asks again."""
        entry = self._open.get(message.mid)
        if entry is None or entry.message is not message:
            return False  # of a session that the server has forgotten
        if not entry.here:
            entry.taken = True
            return False
        self._close(message)
        return True

    def released(self, mid: int) -> None:
        """PUBREL: the server may use the number again once it hears PUBCOMP."""
        self._received.discard(mid)

    def _close(self, message: Message) -> None:
        del self._open[message.mid]
        if message.qos == 2:
            self._received.add(message.mid)


def _same(one: Message, other: Message) -> bool:
    return (one.topic, one.payload, one.qos) == (other.topic, other.payload, other.qos)
