"""The publisher of modes switch and both: input, outbox, pump and sessions put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from redundancy.clock import Clock
from redundancy.mqtt import TOO_LARGE, Acked, Connection, Message, Opened, Report
from redundancy.relay.config import Exit, PublishConfig
from redundancy.relay.envelope import Envelope, read_receipt
from redundancy.relay.intake import Intake
from redundancy.relay.lines import LineInput
from redundancy.relay.outbox import Outbox, Row
from redundancy.relay.pump import Pump
from redundancy.relay.sessions import Sessions
from redundancy.relay.shelf import Shelf
from redundancy.relay.store import StoreError
from redundancy.relay.terminal import Rate, Terminal, summary

_TICK = 0.05
_TIDY = 0.2  # seconds between two deletions
_PACKET_TOO_LARGE = 0x95  # MQTT 5's reason
_LOST = ("refused", "dropped", "overlong", "no_topic")


class Publisher:
    """`run` once, on a loop. `outbox` and `lines` are open, and stay the caller's to close."""

    def __init__(self, config: PublishConfig, outbox: Outbox, lines: LineInput, terminal: Terminal) -> None:
        self._config = config
        self._outbox = outbox
        self._terminal = terminal
        self._clock = Clock()
        self._pump = Pump(len(config.servers), config.pump, outbox.floor, outbox.top)
        self._shelf = Shelf(outbox.floor)
        self._first = outbox.floor
        self._loop = asyncio.get_running_loop()
        self._intake = Intake(
            lines,
            outbox,
            config.topic,
            self._on_loop(self._taken),
            self._on_loop(self._ended),
            self._say_later,
        )
        topic = f"{config.receipts}/{outbox.publisher}"
        self._sessions = Sessions(
            config.servers,
            f"relay-{outbox.publisher[:12]}",
            self,
            [(topic, 0)] if config.pump.receipts else [],
        )
        self._stopped = asyncio.Event()
        self._waiting = False
        self._eof = False
        self._loading = False
        self._tidied = 0.0
        self._allowance = 0.0
        self._allowed_at = self._now()
        self._rate = Rate()
        self._up: dict[int, str] = {}
        self._jobs: set[asyncio.Task[Any]] = set()
        self._fault: StoreError | None = None
        self.error = ""
        names = ("confirmed", "resent", "refused", "dropped", "changes")
        self.counts = {name: outbox.counts.get(name, 0) for name in names}

    def stop(self) -> None:
        """At the next moment; what is in the outbox goes out the next time."""
        self._waiting = True
        self._stopped.set()

    async def run(self) -> Exit:
        """Until the input has ended and the outbox is empty, or `stop`. Raises StoreError."""
        self._sessions.start()
        self._intake.start()
        ticking = self._loop.create_task(self._tick())
        await self._stopped.wait()
        ticking.cancel()
        await asyncio.to_thread(self._intake.stop)
        await self._sessions.close()
        if self._fault is not None:
            raise self._fault
        self._settle()
        await asyncio.to_thread(self._outbox.forget, self._pump.floor, self.totals())
        totals = self.totals()
        self._terminal.say(f"ended: {summary(totals | {'waiting': self._outbox.rows})}")
        if self.error:
            return Exit.STORE
        if not self._pump.empty or not self._eof:
            return Exit.STOPPED
        return Exit.INCOMPLETE if any(totals[name] for name in _LOST) else Exit.DONE

    def totals(self) -> dict[str, int]:
        """Of the outbox's whole life."""
        moved = self.counts | {
            "resent": self.counts["resent"] + self._pump.resent,
            "changes": self.counts["changes"] + self._pump.changes,
        }
        return self._intake.counts | moved

    # Sessions tell (on the loop)

    def session_opened(self, server: int, opened: Opened) -> None:
        self._up[server] = ""
        self._terminal.say(f"{self._config.servers[server].name} is connected")
        self._pump.opened(server, self._now(), opened.receive_maximum)
        self._send()

    def session_lost(self, server: int, why: str) -> None:
        if self._up.get(server) != why:
            self._up[server] = why
            self._terminal.say(f"{self._config.servers[server].name} is away: {why}")
        self._pump.lost(server, self._now())
        self._settle()
        self._send()

    def reported(self, server: int, connection: Connection, report: Report) -> None:  # noqa: ARG002
        if isinstance(report, Acked):
            self._acked(server, report.mid, report.code)
        elif isinstance(report, Message) and (told := read_receipt(report.payload)) is not None:
            self._pump.receipt(server, *told, self._now())
        self._soon()

    def _acked(self, server: int, mid: int, code: int) -> None:
        refused = self._pump.acked(server, mid, code, self._now())
        if refused is not None:
            self._refused(server, refused, code)

    # The road out (on the loop)

    def _soon(self) -> None:
        """Reports come in bursts: settle and send once for all of them."""
        if not self._waiting:
            self._waiting = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._waiting = False
        self._settle()
        self._send()

    def _settle(self) -> None:
        done = self._pump.floor - self._first
        if done > 0:
            self.counts["confirmed"] += done
            self._first = self._pump.floor
            self._shelf.drop(self._first)
        if self._eof and self._pump.empty:
            self.stop()

    def _send(self) -> None:
        now = self._now()
        budget = self._budget(now)
        for server, numbers in self._pump.batches(now):
            for number in numbers[:budget]:
                if self._pump.is_settled(number):
                    self._pump.skip(server, number)
                elif number >= self._shelf.end:
                    self._load()
                    break
                elif not self._hand_over(server, number, now):
                    break

    def _hand_over(self, server: int, number: int, now: float) -> bool:
        row = self._shelf.get(number)
        if row is None:
            self._pump.gone(number, now)
            return True
        mid = self._publish(self._sessions[server], server, row)
        if mid == TOO_LARGE:  # like a refusal, which it would be if the server did not hang up instead
            self._pump.sent(server, number, -number, now)
            self._acked(server, -number, _PACKET_TOO_LARGE)
            return True
        if mid < 0:
            return False
        self._allowance -= 1
        self._pump.sent(server, number, mid, now)
        return True

    def _publish(self, connection: Connection, server: int, row: Row) -> int:
        config = self._config
        told = Envelope(self._outbox.publisher, row.number, self._pump.floor, config.pump.receipts, row.at)
        if config.with_properties(server):
            return connection.publish(row.topic, row.payload, 1, user=told.user())
        payload = told.header() + row.payload if config.enveloped else row.payload
        return connection.publish(row.topic, payload, 1)

    def _budget(self, now: float) -> int | None:
        """How many messages the rate allows now, None: as many as there are."""
        rate = self._config.rate
        if rate is None:
            return None
        self._allowance = min(self._allowance + (now - self._allowed_at) * rate, max(1.0, rate / 10))
        self._allowed_at = now
        return max(0, int(self._allowance))

    def _load(self) -> None:
        """Read on in the outbox where the shelf ends."""
        if self._loading or not self._shelf.has_room():
            return
        self._loading = True
        self._start(self._loaded())

    async def _loaded(self) -> None:
        first, top = self._shelf.end, self._outbox.top
        rows = await self._stored(self._outbox.read, first, 1000)
        self._loading = False
        if rows is not None and first == self._shelf.end:
            self._shelf.fill(rows, rows[-1].number + 1 if rows else top + 1)
            self._send()

    # The outbox tells, from other threads

    def _on_loop(self, call: Callable[..., None]) -> Callable[..., object]:
        return lambda *what: self._loop.call_soon_threadsafe(call, *what)

    def _say_later(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._terminal.say, text)

    def _taken(self, rows: list[Row]) -> None:
        if rows:
            self._shelf.add(rows)
            self._pump.appended(rows[-1].number)
            self._soon()

    def _ended(self, why: str) -> None:
        self._eof = True
        if why:
            self.error = why
            self._terminal.say(why)
            self.stop()
        self._settle()

    # From time to time

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            now = self._now()
            for server in self._pump.overdue(now):
                self._sessions.cut(server, "it does not acknowledge")
            self._send()
            if now - self._tidied >= _TIDY:
                self._tidied = now
                await self._tidy()
            self._terminal.renew(self._progress)

    async def _tidy(self) -> None:
        """Delete what is settled, and what the outbox has no room or no time for."""
        floor = await self._stored(self._outbox.surplus, self._clock.now().wall)
        if floor is not None and floor > self._pump.floor:
            self.counts["dropped"] += floor - self._pump.floor
            self.counts["confirmed"] -= floor - self._pump.floor
            self._pump.dropped(floor, self._now())
            self._settle()
        if self._pump.floor > self._outbox.floor:
            self._settle()  # what is counted is what is deleted
            await self._stored(self._outbox.forget, self._pump.floor, self.totals())

    def _refused(self, server: int, number: int, code: int) -> None:
        name = self._config.servers[server].name
        self.counts["refused"] += 1
        self.counts["confirmed"] -= 1
        if self.counts["refused"] == 1:
            why = "it takes no packet as large" if code == _PACKET_TOO_LARGE else f"reason {code:#04x}"
            self._terminal.say(f"{name} refuses a message ({why}): put aside, like all others")
        self._start(self._stored(self._outbox.put_aside, number, code, name))

    def _start(self, job: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _stored(self, call: Callable[..., Any], *values: object) -> Any:
        """On a thread; None when there was no room, and the end of everything for another fault."""
        try:
            return await asyncio.to_thread(call, *values)
        except StoreError as error:
            if not error.full:
                self._fault = error
                self._stopped.set()
            return None

    def _progress(self) -> str:
        pump = self._pump
        up = sum(why == "" for why in self._up.values())
        return (
            f"{self.counts['confirmed']} confirmed, {pump.top - pump.floor + 1} waiting,"
            f" {self._rate.of(self.counts['confirmed']):.0f}/s,"
            f" {up} of {len(self._config.servers)} servers, {pump.resent} sent again"
        )

    def _now(self) -> float:
        return self._clock.now().mono
