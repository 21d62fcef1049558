"""From which of several servers the data come: one target at a time, and back to the first when it lasts.

    nothing is the target    servers are opened in order, the next one half a second after the last; the first
                             that is ready is the target, the others are let go
    the target is lost       at once the next server, those first whose probe stands; what has failed is left
                             alone for a pause that doubles up to the longest, with up to a quarter of jitter
    there is a target        every other server has a probe, a session without subscriptions: so it is known
                             which would answer
    fail-back                the first server becomes the target again when its probe has stood for the
                             hold-off without a break, and only once data could flow there (make before break)
    no flapping              a pause begins anew only when a session has lasted; a first server that takes
                             sessions and drops them must prove itself twice as long each time, up to an hour
    visits                   with `reserve`, a server that is not the target is visited: what it keeps for us
                             is taken, and the subscription stays there, so that nothing is lost on the way

It orders (`Open`, `Close`, ...) and is told what came of it (`ready`, `ended`, ...). Times are monotonic
seconds. Servers are known by id; `why` is a sentence for people.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

STAGGER = 0.5
"""Seconds that a server has before the next one is tried beside it."""
REVISIT = 60.0
"""Seconds between two visits at a server that is not the target."""
LONGEST_PROOF = 3600.0
_JITTER = 0.25


@dataclass(frozen=True, slots=True)
class Open:
    """A session with the subscriptions. Answered by `ready` or `ended`; one that is leaving stays."""

    server: str


@dataclass(frozen=True, slots=True)
class Close:
    """End that session. `linger`: take first what is still coming, then say `left`."""

    server: str
    linger: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """A session without subscriptions. Answered by `probed` or `probe_ended`."""

    server: str


@dataclass(frozen=True, slots=True)
class Unprobe:
    """End the probe."""

    server: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Take what waits for us there, leave the subscription, go: `left`, or `ended` if it fails."""

    server: str


Order: TypeAlias = Open | Close | Probe | Unprobe | Visit


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `patience` for a server that is being opened; `failback` None: never; `lasting`: how long a
    session must have stood for the server to count as sound."""

    patience: float = 5.0
    failback: float | None = 10.0
    first_pause: float = 1.0
    longest_pause: float = 30.0
    reserve: bool = True

    @property
    def lasting(self) -> float:
        return self.longest_pause


class Leg(Enum):
    """How far a session is."""

    AWAY = auto()
    OPENING = auto()
    OPEN = auto()
    LEAVING = auto()


class Standing:
    """What is known of one server."""

    def __init__(self, pause: float) -> None:
        self.session = self.probe = Leg.AWAY
        self.session_since = self.probe_since = 0.0
        self.retry_at = 0.0
        self.pause = pause
        self.brief = 0  # sessions in a row that did not last
        self.visit_at = math.inf
        self.failovers = 0

    @property
    def standby(self) -> bool:
        """It would answer, as far as is known, and is not used, or only visited."""
        return self.session in (Leg.AWAY, Leg.LEAVING) and self.probe is Leg.OPEN


class Failover:
    """The decisions for one component. `seed` spreads many that lose the same server."""

    def __init__(self, servers: Sequence[str], pace: Pace, seed: str = "") -> None:
        self.target: str | None = None
        self.why = "no server has been tried yet"
        self.switches = 0
        self._pace = pace
        self._state = zlib.crc32(seed.encode())
        self._running = False
        self._previous: str | None = None
        self._opened_at = -math.inf
        self._servers = {server: Standing(pace.first_pause) for server in servers}

    @property
    def servers(self) -> dict[str, Standing]:
        """By id, in order of preference; to be read."""
        return self._servers

    # -- what is wanted --------------------------------------------------------------------------

    def start(self, now: float) -> list[Order]:
        """Have a target from now on."""
        self._running = True
        return self.tick(now)

    def stop(self, why: str) -> list[Order]:
        """Have none, and no session anywhere."""
        self._running, self.target, self.why = False, None, why
        return [order for server in self._servers for order in self._drop(server)]

    def configure(
        self, servers: Sequence[str], pace: Pace, now: float, changed: Collection[str] = ()
    ) -> list[Order]:
        """Other servers, another order, another pace. `changed`: the same id now means another place.

        What stays the same is not touched; a target that goes is replaced.
        """
        gone = [server for server in self._servers if server not in servers or server in changed]
        orders = [order for server in gone for order in self._drop(server)]
        kept = {name: standing for name, standing in self._servers.items() if name not in gone}
        self._pace = pace
        self._servers = {name: kept.get(name) or Standing(pace.first_pause) for name in servers}
        if self.target in gone:
            self.target, self.why = None, f"{self.target} is no longer configured so"
        return orders + self.tick(now)

    # -- what came of it -------------------------------------------------------------------------

    def ready(self, server: str, now: float) -> list[Order]:
        """Data can flow from it: the session stands, and the server has granted the subscriptions."""
        one = self._servers.get(server)
        if one is None or one.session is not Leg.OPENING:
            return []
        one.session, one.session_since = Leg.OPEN, now
        orders = self._unprobe(server)
        for other in [name for name in self._servers if name != server]:
            orders += self._make_way(other)
        self._explain(server, now)
        self.target = self._previous = server
        return orders + self.tick(now)

    def ended(self, server: str, why: str, now: float) -> list[Order]:
        """A session could not be opened, or is lost, or a visit failed."""
        one = self._servers.get(server)
        if one is None or one.session is Leg.AWAY:
            return []
        was, one.session = one.session, Leg.AWAY
        if was is Leg.LEAVING:
            one.visit_at = now + self._pace.longest_pause
        elif was is Leg.OPENING:
            self._fail(one, now)
            self._note(f"{server} can't be used: {why}")
        else:
            self._lost(server, one, why, now)
        return self.tick(now)

    def left(self, server: str, now: float) -> list[Order]:
        """A visit is over, or what `Close(linger=True)` ordered."""
        one = self._servers.get(server)
        if one is not None and one.session is Leg.LEAVING:
            one.session, one.visit_at = Leg.AWAY, now + REVISIT
        return self.tick(now)

    def probed(self, server: str, now: float) -> list[Order]:
        """The probe stands."""
        one = self._servers.get(server)
        if one is not None and one.probe is Leg.OPENING:
            # Whether it still knows our subscription can't be known: it may have been started anew.
            one.probe, one.probe_since, one.visit_at = Leg.OPEN, now, now
        return self.tick(now)

    def probe_ended(self, server: str, why: str, now: float) -> list[Order]:
        """The probe could not be opened, or is lost."""
        one = self._servers.get(server)
        if one is None or one.probe is Leg.AWAY:
            return []
        if one.probe is Leg.OPEN and now - one.probe_since >= self._pace.lasting:
            one.pause = self._pace.first_pause
        one.probe, one.visit_at = Leg.AWAY, math.inf
        self._fail(one, now)
        self._note(f"{server} can't be reached: {why}")
        return self.tick(now)

    # -- what follows ----------------------------------------------------------------------------

    def tick(self, now: float) -> list[Order]:
        """What the passing of time brings. To be called at `deadline()`, and any time."""
        if not self._running:
            return []
        orders = self._too_late(now)
        if self.target is None:
            return orders + self._seek(now)
        return orders + self._watch(now) + self._return(now)

    def deadline(self) -> float:
        """When `tick` has something to do; infinity: nothing."""
        return min(self._moments(), default=math.inf) if self._running else math.inf

    def _moments(self) -> Iterator[float]:
        opening = any(one.session is Leg.OPENING for one in self._servers.values())
        turn = self._opened_at + STAGGER if opening else 0.0
        for server, one in self._servers.items():
            if one.session is Leg.OPENING:
                yield one.session_since + self._pace.patience
            elif self.target is None:
                yield max(one.retry_at if one.session is Leg.AWAY else 0.0, turn)
            elif server != self.target and one.probe is Leg.AWAY:
                yield one.retry_at if one.session is Leg.AWAY else math.inf
            elif server != self.target:
                yield self._due(server, one)

    def _due(self, server: str, one: Standing) -> float:
        """When a standby is visited, or becomes the target."""
        may_visit = self._pace.reserve and one.standby and one.session is Leg.AWAY
        visit = one.visit_at if may_visit else math.inf
        return min(visit, self._proven_at(one) if server == self._first else math.inf)

    @property
    def _first(self) -> str | None:
        return next(iter(self._servers), None)

    def _too_late(self, now: float) -> list[Order]:
        """Servers that took the connection and then said nothing are as good as none."""
        orders: list[Order] = []
        for server, one in self._servers.items():
            if one.session is Leg.OPENING and now >= one.session_since + self._pace.patience:
                one.session = Leg.AWAY
                self._fail(one, now)
                self._note(f"{server} was not ready within {self._pace.patience:g} s")
                orders.append(Close(server))
        return orders

    def _seek(self, now: float) -> list[Order]:
        """The next server to open, if it is time."""
        leaving = [name for name, one in self._servers.items() if one.session is Leg.LEAVING]
        away = [n for n, one in self._servers.items() if one.session is Leg.AWAY and one.retry_at <= now]
        away.sort(key=lambda name: self._servers[name].probe is not Leg.OPEN)
        opening = any(one.session is Leg.OPENING for one in self._servers.values())
        if not (leaving or away) or (opening and now < self._opened_at + STAGGER):
            return []
        return self._open((leaving + away)[0], now)

    def _open(self, server: str, now: float) -> list[Order]:
        one = self._servers[server]
        one.session, one.session_since, self._opened_at = Leg.OPENING, now, now
        return [Open(server)]

    def _watch(self, now: float) -> list[Order]:
        """Probes at the servers that are not the target, and visits where the probe stands."""
        orders: list[Order] = []
        for server, one in self._servers.items():
            if server == self.target or one.session is not Leg.AWAY:
                continue
            if one.probe is Leg.AWAY and one.retry_at <= now:
                one.probe = Leg.OPENING
                orders.append(Probe(server))
            elif one.probe is Leg.OPEN and self._pace.reserve and one.visit_at <= now:
                one.session, one.visit_at = Leg.LEAVING, math.inf
                orders.append(Visit(server))
        return orders

    def _return(self, now: float) -> list[Order]:
        """Open the first server beside the target once it has proved itself."""
        first = self._first
        if first is None or first == self.target or not self._servers[first].standby:
            return []
        return self._open(first, now) if now >= self._proven_at(self._servers[first]) else []

    def _proven_at(self, one: Standing) -> float:
        if self._pace.failback is None or not one.standby:
            return math.inf
        least = self._pace.first_pause if one.brief else 0.0
        longest = max(LONGEST_PROOF, self._pace.failback)
        proof = min(max(self._pace.failback, least) * 2.0 ** min(one.brief, 30), longest)
        return max(one.probe_since + proof, one.retry_at)

    def _lost(self, server: str, one: Standing, why: str, now: float) -> None:
        """The target is no more. The others may be tried at once, unless they do nothing but drop us."""
        one.failovers += 1
        if now - one.session_since >= self._pace.lasting:
            one.brief, one.pause = 0, self._pace.first_pause
        else:
            one.brief += 1
        self._fail(one, now)
        self.target, self.why = None, f"{server} is lost: {why}"
        for name, other in self._servers.items():
            if name != server and not other.brief:
                other.retry_at = min(other.retry_at, now)

    def _make_way(self, server: str) -> list[Order]:
        """Another server is ready: the target so far is left in peace, attempts are given up."""
        one = self._servers[server]
        if one.session is Leg.OPENING:
            one.session = Leg.AWAY
            return [Close(server)]
        if one.session is Leg.OPEN:
            one.session = Leg.LEAVING
            return [Close(server, linger=True)]
        return []

    def _drop(self, server: str) -> list[Order]:
        one = self._servers[server]
        orders = self._unprobe(server)
        if one.session is not Leg.AWAY:
            one.session = Leg.AWAY
            orders.append(Close(server))
        return orders

    def _unprobe(self, server: str) -> list[Order]:
        one = self._servers[server]
        if one.probe is Leg.AWAY:
            return []
        one.probe, one.visit_at = Leg.AWAY, math.inf
        return [Unprobe(server)]

    def _fail(self, one: Standing, now: float) -> None:
        one.retry_at = now + one.pause * (1 + _JITTER * self._fraction())
        one.pause = min(one.pause * 2, self._pace.longest_pause)

    def _note(self, why: str) -> None:
        if self.target is None:
            self.why = why

    def _explain(self, server: str, now: float) -> None:
        """Why the data now come from this server."""
        one, before = self._servers[server], self._previous
        if self.target is not None:
            stood = f"{now - one.probe_since:.0f} s" if one.probe_since else "long enough"
            self.why = f"back at {server}, which has been reachable for {stood}"
        elif before is None:
            self.why = f"{server} is the first that answered"
        else:
            self.why = f"at {server} since {self.why}"
        self.switches += before is not None and before != server

    def _fraction(self) -> float:
        """A number in [0, 1) from a small generator of our own: a core draws no lots outside."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self._state / 2**32
