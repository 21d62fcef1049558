"""What a stopped server keeps for its next start: sessions with what waits for them, and retained messages.

Pure: from a Broker to plain values (JSON knows them all) and back. Times are wall clock there, milliseconds
since 1970, because the broker's own clock ends with the machine. Nothing that only a live connection makes
true is kept: no Will, no session of a fenced client id, no retained STATE (decision 19).
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from redundancy.distributor import properties as wire
from redundancy.distributor.access import User
from redundancy.distributor.broker import Broker
from redundancy.distributor.packets import Subscription
from redundancy.distributor.properties import IN_PUBLISH, NOTHING, Reader
from redundancy.distributor.sessions import InFlight, Message, Session, Waiting
from redundancy.distributor.topics import filter_fault, name_fault
from sparkplug.instant import Instant
from sparkplug.topic import NAMESPACE, state_host

MOST = 32 * 1024 * 1024
"""Bytes of everything that is kept, in memory: what can be written within a second."""

_ROW = 200  # bytes that any entry costs besides its text and payload, for writing it takes time, too
_RELEASED = Message("", b"", 2, False)  # its receiver has it; only the number still counts


class Unreadable(ValueError):
    """Values that `export` never made. The message says what is wrong with them."""


@dataclass(slots=True)
class Count:
    """How much was kept, or taken up, and how much was not."""

    sessions: int = 0
    messages: int = 0
    retained: int = 0
    lost_sessions: int = 0
    lost_messages: int = 0


def export(broker: Broker, now: Instant, most: int = MOST) -> tuple[dict[str, Any], Count]:
    """All that is worth keeping, in at most about `most` bytes.

    Sessions with their subscriptions come before messages, and those of short queues first, so that it is the
    longest that lose, and of those the oldest messages.
    """
    count, shelf = Count(), _Shelf(now, most)
    fitting = []
    for session in sorted(broker.sessions.values(), key=lambda each: each.held):
        due = broker.timers.due(("expire", session.client_id))
        ends = now.mono + session.expiry if due is None else due
        if ends <= now.mono or broker.access.fenced.match(session.client_id):
            continue
        rows = 1 + len(session.received) + len(session.subscriptions)
        if shelf.takes(rows * _ROW + sum(map(len, session.subscriptions))):
            fitting.append((session, ends))
        else:
            count.lost_sessions += 1
            count.lost_messages += len(session.inflight) + len(session.waiting)
    count.sessions = len(fitting)
    sessions = [_session_row(session, ends, shelf, count) for session, ends in fitting]
    retained = []
    for message in broker.router.everything_retained():
        if message.expires_at > now.mono and not _is_state(message.topic):
            number = shelf.number(message)
            if number is None:
                count.lost_messages += 1
            else:
                retained.append(number)
                count.retained += 1
    return {"messages": shelf.rows, "sessions": sessions, "retained": retained}, count


def take_up(broker: Broker, kept: Any, now: Instant) -> Count:
    """Into a broker that has no sessions yet, what has not expired and is still allowed.

    Raises Unreadable, and then nothing of it was taken up.
    """
    try:
        messages = [_message(row, now) for row in kept["messages"]]
        sessions = [_found(row, messages, now) for row in kept["sessions"]]
        retained = [messages[_number(number, len(messages) - 1)] for number in kept["retained"]]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None
    count = Count()
    for found in sessions:
        user = _user(broker, found)
        if user is not None and found.ends > now.mono:
            _return(broker, found, user, now, count)
        else:
            count.lost_sessions += 1
    for message in retained:
        if message.expires_at > now.mono and not _is_state(message.topic):
            broker.router.retain(message)
            count.retained += 1
    return count


# --- out


class _Shelf:
    """Messages as rows, each once, however many sessions it waits for."""

    def __init__(self, now: Instant, room: int) -> None:
        self.rows: list[list[Any]] = []
        self.now = now
        self._room = room
        self._numbers: dict[int, int] = {}

    def wall(self, mono: float) -> int:
        """A time of the broker's clock, as others read it."""
        return self.now.wall + round((mono - self.now.mono) * 1000)

    def takes(self, size: int) -> bool:
        """Whether there is room, which is then taken."""
        if size > self._room:
            return False
        self._room -= size
        return True

    def number(self, message: Message) -> int | None:
        """The message's row; None if there is no room."""
        known = self._numbers.get(id(message))
        if not self.takes(_ROW if known is not None else _ROW + message.size):
            return None
        if known is not None:
            return known
        expires = None if message.expires_at == math.inf else self.wall(message.expires_at)
        properties = _text(wire.encode(message.properties)) if message.properties else ""
        payload = _text(message.payload)
        self.rows.append([message.topic, payload, message.qos, message.retain, properties, expires])
        self._numbers[id(message)] = len(self.rows) - 1
        return len(self.rows) - 1


def _session_row(session: Session, ends: float, shelf: _Shelf, count: Count) -> dict[str, Any]:
    flying, waiting = [], []
    for packet_id, entry in session.inflight.items():
        number = -1 if entry.released else shelf.number(entry.message)
        if number is not None:
            flying.append([packet_id, number, entry.qos, entry.retain])
    for message, qos, retain in reversed(session.waiting):
        number = shelf.number(message) if message.expires_at > shelf.now.mono else None
        if number is not None:
            waiting.append([number, qos, retain])
        elif message.expires_at > shelf.now.mono:
            count.lost_messages += 1
    count.messages += len(flying) + len(waiting)
    count.lost_messages += len(session.inflight) - len(flying)
    return {
        "client_id": session.client_id,
        "user": session.user.username,
        "expiry": session.expiry,
        "ends": shelf.wall(ends),
        "last_id": session.last_id,
        "received": sorted(session.received),
        "subscriptions": [
            [each.filter, each.qos, each.no_local, each.retain_as_published, each.retain_handling]
            for each in session.subscriptions.values()
        ],
        "inflight": flying,
        "waiting": waiting[::-1],
    }


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _is_state(topic: str) -> bool:
    """STATE of a host application, of Sparkplug 3.0 or before."""
    return state_host(topic) is not None or state_host(f"{NAMESPACE}/{topic}") is not None


# --- in


@dataclass(slots=True)
class _Found:
    """A session as it was; `ends` by the broker's clock. Its user is known by name only."""

    client_id: str
    username: str
    expiry: float
    ends: float
    last_id: int
    received: set[int]
    subscriptions: list[Subscription]
    inflight: dict[int, InFlight]
    waiting: list[Waiting]


def _message(row: list[Any], now: Instant) -> Message:
    topic, payload, qos, retain, properties, expires = row
    fault = name_fault(topic)
    if fault is not None:
        raise ValueError(fault)
    block = Reader(b64decode(properties, validate=True))
    found = block.properties(IN_PUBLISH) if properties else NOTHING
    data = b64decode(payload, validate=True)
    message = Message(topic, data, _number(qos, 2), bool(retain), found, now=now.mono)
    if expires is not None:
        # A wall clock that was set back prolongs nothing.
        message.expires_at = min(message.expires_at, _mono(expires, now))
    return message


def _found(row: dict[str, Any], messages: list[Message], now: Instant) -> _Found:
    subscriptions = [
        Subscription(_filter(text), _number(qos, 2), bool(own), bool(published), _number(handling, 2))
        for text, qos, own, published, handling in row["subscriptions"]
    ]
    inflight = {}
    for packet_id, number, qos, retain in row["inflight"]:
        message = _RELEASED if number == -1 else messages[_number(number, len(messages) - 1)]
        inflight[_number(packet_id, 65535, 1)] = InFlight(
            message, _number(qos, 2), bool(retain), number == -1, False
        )
    waiting = [
        Waiting(messages[_number(number, len(messages) - 1)], _number(qos, 2), bool(retain))
        for number, qos, retain in row["waiting"]
    ]
    expiry = float(row["expiry"])
    return _Found(
        _name(row["client_id"]), _name(row["user"]), expiry, min(now.mono + expiry, _mono(row["ends"], now)),
        _number(row["last_id"], 65535), {_number(each, 65535, 1) for each in row["received"]},
        subscriptions, inflight, waiting,
    )  # fmt: skip


def _return(broker: Broker, found: _Found, user: User, now: Instant, count: Count) -> None:
    """It lives again, with what its user may still read. What was in flight is ended, however late."""
    session = Session(found.client_id, user, broker.limits, found.expiry)
    session.last_id, session.received = found.last_id, found.received
    broker.sessions[session.client_id] = session
    for subscription in found.subscriptions:
        if user.rights.may_subscribe(subscription.filter):
            broker.router.subscribe(session, subscription)
    session.inflight = {
        packet_id: entry
        for packet_id, entry in found.inflight.items()
        if entry.released or user.rights.may_read(entry.message.topic)
    }
    session.waiting.extend(
        entry
        for entry in found.waiting
        if entry.message.expires_at > now.mono and user.rights.may_read(entry.message.topic)
    )
    session.held = sum(entry.message.size for entry in session.inflight.values())
    session.held += sum(entry.message.size for entry in session.waiting)
    broker.timers.set(("expire", session.client_id), found.ends)
    kept = len(session.inflight) + len(session.waiting)
    count.sessions += 1
    count.messages += kept
    count.lost_messages += len(found.inflight) + len(found.waiting) - kept


def _user(broker: Broker, found: _Found) -> User | None:
    """Whose session it is; None if it must not return."""
    user = broker.access.users.get(found.username)
    fenced = broker.access.fenced.match(found.client_id)
    if user is None or fenced or broker.access.client_id_fault(user, found.client_id) is not None:
        return None
    return None if len(broker.sessions) >= broker.limits.sessions else user


def _number(value: Any, most: int, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r} is no number from {least} to {most}")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value


def _filter(text: Any) -> str:
    fault = filter_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return str(text)


def _mono(wall: int, now: Instant) -> float:
    return now.mono + (wall - now.wall) / 1000
