"""Which message goes to which server, and when it is sent again. Pure.

Numbers only: the messages themselves are in the outbox. One cursor per server. In mode switch one server
carries everything at a time, in mode both every server does. With receipts a message is settled when the
receiver has it on disk, whatever servers acknowledge; without them when a server has acknowledged it.

A server that leaves a message unacknowledged for `ack_timeout` is to be cut off, and begins anew when it
answers again. One that acknowledges while no receipt comes back is suspect for a while: it may have lost its
subscribers. Until a receipt has come through a session, it gets `probe` messages and no more, so a receiver
that is away costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from redundancy.relay.lane import Lane

REFUSED = 128
"""MQTT 5's reasons from here on are refusals."""
_LONGEST = 30.0
_REWINDS = 5  # receipts come, but what is sent again does not arrive: then the server is suspect, too


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """Times in seconds. `window`: messages without acknowledgement per server; `span`: without receipt."""

    both: bool = False
    receipts: bool = True
    window: int = 100
    span: int = 1000
    probe: int = 20
    ack_timeout: float = 1.5
    receipt_timeout: float = 3.0
    gap_timeout: float = 0.3
    hold_off: float = 10.0
    suspicion: float = 5.0


class Pump:
    """Of `servers` servers in the order of preference; `first` is the lowest number in the outbox, `top` the
    highest, `first - 1` if it is empty."""

    def __init__(self, servers: int, settings: PumpSettings, first: int, top: int) -> None:
        self.floor = first
        self.top = top
        self.target: int | None = None
        self.changes = 0
        self.resent = 0
        self._highest = first - 1
        self._settings = settings
        self._lanes = [Lane(cursor=first, done=first) for _ in range(servers)]
        self._settled: set[int] = set()
        self._refusals: dict[int, set[int]] = {}

    # What happens at a server

    def opened(self, server: int, now: float, receive_maximum: int = 65535) -> None:
        """A session stands, and receipts would be heard in it."""
        lane = self._lanes[server]
        lane.begin(self.floor, self._settings.receipt_timeout)
        lane.up = lane.tried = True
        lane.since = now
        lane.limit = max(1, min(self._settings.window, receive_maximum))
        self._choose(now)

    def lost(self, server: int, now: float) -> None:
        """There is no session, or none any more."""
        lane = self._lanes[server]
        lane.begin(self.floor, self._settings.receipt_timeout)
        lane.up, lane.tried = False, True
        self._choose(now)
        self._advance(now)

    def sent(self, server: int, number: int, mid: int, now: float) -> None:
        """`number` was handed to the server, as `mid`. Numbers are handed over in order."""
        lane = self._lanes[server]
        lane.cursor = number + 1
        lane.flying[mid] = (number, now)
        if lane.waiting_since is None:
            lane.waiting_since = now
        if number <= (lane.highest if self._settings.both else self._highest):
            self.resent += 1
        lane.highest = max(lane.highest, number)
        self._highest = max(self._highest, number)

    def acked(self, server: int, mid: int, code: int, now: float) -> int | None:
        """The number of a message that is to be put aside, because the server has refused it."""
        lane = self._lanes[server]
        number = lane.flying.pop(mid, (0, 0.0))[0]
        if number < self.floor:
            return None
        refused = code >= REFUSED and self._refused(server, number)
        if not self._settings.receipts:
            lane.acked.add(number)
        self._advance(now)
        return number if refused else None

    def receipt(self, server: int, through: int, held: int, now: float) -> None:
        """The receiver says, through this server, that it has everything up to `through`."""
        lane = self._lanes[server]
        lane.heard = now
        lane.gap = held > 0
        if lane.rewinds <= _REWINDS:
            lane.proven = True
            lane.suspect_until = float("-inf")
        if not self._settings.receipts or through > self.top:
            return  # a receipt for what was never sent is not ours
        if through >= self.floor:
            for each in self._lanes:
                each.patience, each.rewinds = self._settings.receipt_timeout, 0
            lane.proven = True
            self._raise(through + 1, now)
            self._advance(now)

    # What happens in the outbox

    def appended(self, top: int) -> None:
        self.top = max(self.top, top)

    def gone(self, number: int, now: float) -> None:
        """It is not in the outbox, and nobody needs to wait for it."""
        self._settled.add(number)
        self._advance(now)

    def dropped(self, floor: int, now: float) -> None:
        """Everything below `floor` was thrown out of the outbox."""
        if floor > self.floor:
            self._raise(floor, now)
            self._advance(now)

    # What is to be done

    def overdue(self, now: float) -> list[int]:
        """Servers whose session is to be cut. Suspects are left for another one on the way."""
        late = []
        for server, lane in enumerate(self._lanes):
            oldest = lane.oldest()
            if lane.up and oldest is not None and now - oldest >= self._settings.ack_timeout:
                late.append(server)
            elif lane.up and self._settings.receipts:
                self._watch(lane, now)
        self._choose(now)
        return late

    def batches(self, now: float) -> list[tuple[int, range]]:
        """(server, numbers) that may be handed over now."""
        self._choose(now)
        lanes = range(len(self._lanes)) if self._settings.both else [self.target]
        found = []
        for server in lanes:
            if server is not None and self._lanes[server].up:
                numbers = self._due(self._lanes[server])
                if numbers:
                    found.append((server, numbers))
        return found

    def is_settled(self, number: int) -> bool:
        """Whether it needs no sending although it is at a server's cursor."""
        return number < self.floor or number in self._settled

    def skip(self, server: int, number: int) -> None:
        """The server's cursor passes a number that `is_settled`."""
        self._lanes[server].cursor = number + 1

    @property
    def empty(self) -> bool:
        return self.floor > self.top

    def _due(self, lane: Lane) -> range:
        most = lane.cursor + lane.limit - len(lane.flying)
        if self._settings.receipts:
            ahead = self._settings.span if lane.proven else self._settings.probe
            most = min(most, self.floor + ahead)
        return range(lane.cursor, min(most, self.top + 1))

    def _watch(self, lane: Lane, now: float) -> None:
        """No receipt has moved anything: the way is broken, or something was lost on it."""
        since = lane.waiting_since
        if since is None:
            return
        heard = lane.heard >= since
        if now - since < (self._settings.gap_timeout if heard and lane.gap else lane.patience):
            return
        lane.rewinds += 1
        if not heard or lane.rewinds > _REWINDS:
            lane.proven = False
            lane.patience = min(2 * lane.patience, _LONGEST)
            lane.suspect_until = now + max(self._settings.suspicion, lane.patience)
            lane.since = max(lane.since, lane.suspect_until)  # the hold-off begins when the doubt ends
        lane.rewind(self.floor)

    def _refused(self, server: int, number: int) -> bool:
        by = self._refusals.setdefault(number, set())
        by.add(server)
        others = {i for i, lane in enumerate(self._lanes) if lane.up} if self._settings.both else set()
        if others - by:
            return False
        self._settled.add(number)
        return True

    def _advance(self, now: float) -> None:
        if not self._settings.receipts:
            for lane in self._lanes:
                lane.settle(self._settled)
            done = [lane.done for lane in self._lanes if lane.up]
            if done:
                self._raise(min(done) if self._settings.both else max(done), now)
        floor = self.floor
        while floor in self._settled:
            floor += 1
        self._raise(floor, now)

    def _raise(self, floor: int, now: float) -> None:
        if floor <= self.floor:
            return
        for number in range(self.floor, floor) if self._settled or self._refusals else ():
            self._settled.discard(number)
            self._refusals.pop(number, None)
        self.floor = floor
        for lane in self._lanes:
            lane.move(floor, now)

    def _choose(self, now: float) -> None:
        """The server that carries everything, in mode switch."""
        chosen = self._best(now)
        if chosen is None or chosen == self.target:
            self.target = chosen
            return
        if self.target is not None or self._highest >= self.floor:
            self.changes += 1
        self.target = chosen
        self._lanes[chosen].rewind(self.floor)

    def _best(self, now: float) -> int | None:
        up = [i for i, lane in enumerate(self._lanes) if lane.up]
        fit = [i for i in up if self._lanes[i].suspect_until <= now]
        if self.target in fit:
            stable = [i for i in fit if now - self._lanes[i].since >= self._settings.hold_off]
            return min([self.target, *stable])
        if fit:
            # At the start, the first ones get their chance to answer before the next one takes it.
            return fit[0] if all(lane.tried for lane in self._lanes[: fit[0]]) else None
        return min(up, key=lambda i: (self._lanes[i].suspect_until, i), default=None)
