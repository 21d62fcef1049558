"""Which messages are second copies, where several servers send the same ones at the same time.

MQTT gives a message no identity: its topic and its payload are all there is (the DUP flag is about one hop,
packet numbers about one session). So a copy is told by counting: a message is a duplicate if another server
has sent an equal one within the window that this server has not matched yet. Two equal values that were
published on purpose are two from each server, and stay two.

What this cannot know: an equal message that one server missed and the other has alone, within the window of
one that only the first had, counts as its copy. A copy that comes later than the window (from a server that
had kept it meanwhile) counts as new.

A retained message tells what was so before we came. It is news only for a topic of which nothing has been
heard since some server was connected: a server that lags, or comes back, would turn values back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from hashlib import blake2b

WINDOW = 30.0
"""Seconds between the first copy and the last."""
MOST = 100_000
"""Messages and topics remembered; beyond it the oldest are forgotten."""


class _Copy:
    """One message that was handed on: when it came, and which servers have sent it."""

    __slots__ = ("at", "servers")

    def __init__(self, at: float, server: str) -> None:
        self.at = at
        self.servers = {server}


class Pairing:
    """For the servers of one component. Times are monotonic seconds."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._copies: dict[bytes, deque[_Copy]] = {}
        self._order: deque[tuple[float, bytes]] = deque()
        self._topics: OrderedDict[str, None] = OrderedDict()

    def is_new(self, server: str, topic: str, payload: bytes, retain: bool, now: float) -> bool:
        """Whether this is no copy of what has been handed on; it is remembered."""
        self._forget(now)
        if retain and topic in self._topics:
            return False
        self._topics[topic] = None
        if len(self._topics) > MOST:
            self._topics.popitem(last=False)
        key = blake2b(payload, digest_size=16, key=blake2b(topic.encode(), digest_size=16).digest()).digest()
        copies = self._copies.setdefault(key, deque())
        for copy in copies:
            if server not in copy.servers:
                copy.servers.add(server)
                return False
        copies.append(_Copy(now, server))
        self._order.append((now, key))
        return True

    def blind(self) -> None:
        """No server is connected: what was retained meanwhile is news again."""
        self._topics.clear()

    def _forget(self, now: float) -> None:
        while self._order and (now - self._order[0][0] > self._window or len(self._order) > MOST):
            _, key = self._order.popleft()
            copies = self._copies[key]
            copies.popleft()
            if not copies:
                del self._copies[key]
