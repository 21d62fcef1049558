"""All that a component has at one MQTT server: the session that carries data, and a probe.

| client id         | session                  | does                                                 |
|-------------------|--------------------------|------------------------------------------------------|
| <client id>       | the server keeps it 1 h  | subscribes, receives; acknowledges what the sink has |
| <client id>-probe | ends with its connection | nothing: it shows that the server would answer       |

Both nodes of a pair use the same ids: the server throws off whoever held the role before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from typing import Protocol

from redundancy.adapter.config import PROBE, ServerConfig
from redundancy.mqtt import Connection, Kept, Lost, Message, Opened, Receipts, Refused, Report, Subscribed

KEPT = Kept(expiry=3600, by_hand=True)
QUIET, AT_MOST = 0.5, 10.0
"""Seconds without a message after which a visit is over; seconds that it takes at most."""
_PART = 100  # filters in one SUBSCRIBE

Filters = Sequence[tuple[str, int]]


class Owner(Protocol):
    """Whom the sessions report to. `server` is the server's id."""

    def ready(self, server: str) -> None:
        """The server has granted the subscriptions."""

    def ended(self, server: str, why: str) -> None:
        """The data session could not be opened, or is lost."""

    def left(self, server: str) -> None:
        """A visit, or the linger of `close`, is over."""

    def probed(self, server: str) -> None:
        """The probe stands."""

    def probe_ended(self, server: str, why: str) -> None:
        """The probe could not be opened, or is lost."""

    def arrived(self, server: str, message: Message, taken: Callable[[], None]) -> None:
        """A message; call `taken` once it is safe."""

    def objected(self, server: str, why: str) -> None:
        """Something is wrong there, and the session goes on."""


class Purpose(Enum):
    """What the data session is there for."""

    STAY = auto()
    VISIT = auto()
    LINGER = auto()


class ServerSessions:
    """At one server. `filters` may be changed at any time by `subscribe`."""

    def __init__(self, config: ServerConfig, client_id: str, filters: Filters, owner: Owner) -> None:
        self.config = config
        self._client_id = client_id
        self._filters = dict(filters)
        self._owner = owner
        self._receipts = Receipts()
        self._data: Connection | None = None
        self._probe: Connection | None = None
        self._purpose = Purpose.STAY
        self._granted = False
        self._awaited: dict[int, list[str]] = {}
        self._there: set[str] = set()  # filters that this server was last asked for
        self._untaken = 0
        self._refused = 0
        self._heard_at = self._began_at = 0.0
        self._quiet: asyncio.TimerHandle | None = None

    # -- the data session ------------------------------------------------------------------------

    def open(self) -> None:
        """Have it, and keep it: `ready` follows, or `ended`. One that is just leaving stays."""
        self._purpose = Purpose.STAY
        self._stop_quiet()
        if self._data is None:
            self._dial()
        elif self._granted:
            asyncio.get_running_loop().call_soon(self._still_ready, self._data)

    def visit(self) -> None:
        """Subscribe, take what waits, and go: `left` follows, or `ended`."""
        self._purpose = Purpose.VISIT
        self._dial()

    def close(self, *, linger: bool = False) -> None:
        """End it. `linger`: take what is still coming first, then say `left`; otherwise nothing is said."""
        if linger and self._granted:
            self._purpose = Purpose.LINGER
            self._wait_for_quiet()
            return
        self._stop_quiet()
        if self._data is not None:
            self._data.close()
        self._data, self._granted = None, False

    def forget(self) -> None:
        """The other node may have gone on with the session: its packet numbers mean something else now."""
        self._receipts = Receipts()

    def subscribe(self, filters: Filters) -> None:
        """These from now on, in the session that stands and in every later one."""
        self._filters = dict(filters)
        if self._data is not None and self._data.is_open:
            self._ask(self._data, again=False)

    def _still_ready(self, connection: Connection) -> None:
        if connection is self._data and self._purpose is Purpose.STAY:
            self._owner.ready(self.config.id)

    def _dial(self) -> None:
        if self._data is not None:
            self._data.close()
        self._granted, self._untaken = False, 0
        loop = asyncio.get_running_loop()
        self._data = Connection(
            loop, self.config.server, self._client_id, self._on_data, kept=KEPT, receipts=self._receipts
        )
        self._data.open()

    def _on_data(self, connection: Connection, report: Report) -> None:
        if connection is not self._data:
            return
        match report:
            case Opened():
                self._refused = 0
                self._awaited.clear()
                self._ask(connection, again=True)
                self._granted_perhaps()
            case Subscribed(mid, granted):
                self._check(self._awaited.pop(mid, []), granted)
                self._granted_perhaps()
            case Message():
                self._receive(report)
            case Lost(why) | Refused(why):
                self._fail(why)

    def _ask(self, connection: Connection, *, again: bool) -> None:
        connection.unsubscribe(sorted(self._there - self._filters.keys()))
        wanted = [each for each in self._filters.items() if again or each[0] not in self._there]
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            self._awaited[connection.subscribe(part)] = [topic for topic, _ in part]
        self._there = set(self._filters)

    def _check(self, topics: list[str], granted: tuple[int, ...]) -> None:
        for topic, code in zip(topics, granted, strict=False):
            if code >= 0x80:
                self._refused += 1
                self._owner.objected(self.config.id, f"it refuses the subscription to {topic!r}")

    def _granted_perhaps(self) -> None:
        if self._granted or self._awaited:
            return
        if self._filters and self._refused >= len(self._filters):
            self.close()
            self._owner.ended(self.config.id, "it refuses every subscription")
            return
        self._granted = True
        if self._purpose is Purpose.STAY:
            self._owner.ready(self.config.id)
        else:
            self._wait_for_quiet()

    def _fail(self, why: str) -> None:
        self._stop_quiet()
        self._data, self._granted = None, False
        self._owner.ended(self.config.id, why)

    def _receive(self, message: Message) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._purpose is Purpose.VISIT and (message.retain or not message.qos):
            # It would say the same at every visit, and what it says may be older than what the target said.
            self._acknowledge(self._receipts, message)
            return
        self._untaken += 1
        taken = partial(self._taken, self._receipts, self._data, message)
        self._owner.arrived(self.config.id, message, taken)

    def _taken(self, receipts: Receipts, connection: Connection | None, message: Message) -> None:
        if connection is self._data:
            self._untaken -= 1
        self._acknowledge(receipts, message)

    def _acknowledge(self, receipts: Receipts, message: Message) -> None:
        """On the present connection, whichever it came on."""
        if receipts is not self._receipts or not message.qos:
            return
        if self._data is not None:
            self._data.acknowledge(message)
        else:
            receipts.taken(message)

    def _wait_for_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard_at = self._began_at = loop.time()
        self._stop_quiet()
        self._quiet = loop.call_later(QUIET, self._leave_perhaps)

    def _leave_perhaps(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        quiet = now - self._heard_at >= QUIET and not self._untaken
        if not quiet and now - self._began_at < AT_MOST:
            self._quiet = loop.call_later(QUIET / 5, self._leave_perhaps)
            return
        self.close()
        self._owner.left(self.config.id)

    def _stop_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    # -- the probe -------------------------------------------------------------------------------

    def probe(self) -> None:
        """Have one: `probed` follows, or `probe_ended`."""
        self.unprobe()
        loop = asyncio.get_running_loop()
        self._probe = Connection(loop, self.config.server, self._client_id + PROBE, self._on_probe)
        self._probe.open()

    def unprobe(self) -> None:
        """Have none."""
        if self._probe is not None:
            self._probe.close()
        self._probe = None

    def _on_probe(self, connection: Connection, report: Report) -> None:
        if connection is not self._probe:
            return
        match report:
            case Opened():
                self._owner.probed(self.config.id)
            case Lost(why) | Refused(why):
                self._probe = None
                self._owner.probe_ended(self.config.id, why)
