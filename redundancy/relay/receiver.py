"""The receiver: every server at once, each message once and in its publisher's order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from redundancy.clock import Clock
from redundancy.mqtt import Connection, Kept, Message, Opened, Report
from redundancy.relay.arrivals import PUBLISHERS, Fate
from redundancy.relay.config import Exit, ReceiveConfig
from redundancy.relay.envelope import opened, receipt
from redundancy.relay.inbox import Inbox, Line, Progress
from redundancy.relay.sessions import Sessions
from redundancy.relay.sink import Sink, SinkError
from redundancy.relay.store import StoreError
from redundancy.relay.terminal import Rate, Terminal, summary

_GATHER = 0.004  # seconds that a batch may grow,
_ENOUGH = 20  # unless so many wait: servers hand out no more before one is acknowledged (Mosquitto's 20)
_TICK = 0.1
_RETRY = 1.0
_GREETED = 1000  # publishers that are told at a new session how far their messages have come


@dataclass(slots=True)
class _Batch:
    """What is committed together, and who is told afterwards."""

    lines: list[Line] = field(default_factory=list)
    held: list[tuple[str, int, Line]] = field(default_factory=list)
    publishers: set[str] = field(default_factory=set)
    taken: list[tuple[Connection, Message]] = field(default_factory=list)


class Receiver:
    """`run` once, on a loop. `inbox` and `sink` are open, and stay the caller's to close."""

    def __init__(self, config: ReceiveConfig, inbox: Inbox, sink: Sink, terminal: Terminal) -> None:
        self._config = config
        self._inbox = inbox
        self._sink = sink
        self._terminal = terminal
        self._clock = Clock()
        self._arrivals = inbox.arrivals()
        self._marks = {name: stream.through for name, stream in self._arrivals.streams.items()}
        filters = [(text, 1) for text in config.filters]
        kept = Kept(config.keep, by_hand=True)
        self._sessions = Sessions(config.servers, f"relay-{inbox.receiver[:12]}", self, filters, kept)
        self._batch = _Batch()
        self._wake = asyncio.Event()
        self._enough = asyncio.Event()
        self._stopping = False
        self._committing = False
        self._open: set[int] = set()
        self._away: dict[int, str] = {}
        self._rate = Rate()
        names = ("written", "duplicates", "skipped", "put_back", "unnumbered", "maybe_twice", "longest_ms")
        self.counts = {name: inbox.counts.get(name, 0) for name in names}
        self._skipped = self.counts["skipped"]
        self.counts["maybe_twice"] += inbox.unsure
        if inbox.unsure:
            terminal.say(f"up to {inbox.unsure} lines may come twice: the last run ended while writing them")

    def stop(self) -> None:
        """After what has arrived is committed."""
        self._stopping = True
        self._wake.set()
        self._enough.set()

    async def run(self) -> Exit:
        """Until `stop`. Raises StoreError or SinkError for files that can't be used any more."""
        self._sessions.start()
        ticking = asyncio.get_running_loop().create_task(self._tick())
        try:
            while not self._stopping or self._batch.lines or self._batch.taken:
                await self._wake.wait()
                self._wake.clear()
                await self._gather()
                batch, self._batch = self._batch, _Batch()
                self._committing = bool(batch.taken)
                await self._commit(batch)
                self._committing = False
        finally:
            ticking.cancel()
            await self._sessions.close()
        self._terminal.say(f"ended: {summary(self.counts)}")
        return Exit.INCOMPLETE if self.counts["skipped"] else Exit.DONE

    # Sessions tell

    def session_opened(self, server: int, told: Opened) -> None:
        self._open.add(server)
        self._away.pop(server, None)
        again = ", with what it kept for us" if told.resumed else ""
        self._terminal.say(f"{self._config.servers[server].name} is connected{again}")
        for publisher in list(self._arrivals.streams)[-_GREETED:]:
            self._confirm(server, publisher)

    def session_lost(self, server: int, why: str) -> None:
        self._open.discard(server)
        if self._away.get(server) != why:
            self._away[server] = why
            self._terminal.say(f"{self._config.servers[server].name} is away: {why}")

    def reported(self, server: int, connection: Connection, report: Report) -> None:  # noqa: ARG002
        if not isinstance(report, Message):
            return
        is_ours = report.topic.startswith(self._config.receipts + "/")
        is_promised = is_ours or self._take(report)
        if is_promised and not self._batch.taken and not self._committing:
            # It stays with its publisher until the receipt; the server need not wait for the disk as well,
            # unless something before it does: acknowledgements go out in the order of arrival.
            connection.acknowledge(report)
            return
        self._batch.taken.append((connection, report))
        if len(self._batch.taken) >= _ENOUGH:
            self._enough.set()

    def _take(self, message: Message) -> bool:
        """Whether its publisher has promised to keep it."""
        self._wake.set()
        told, payload = opened(message.payload, message.user)
        if told is None:
            self.counts["unnumbered"] += 1
            self._batch.lines.append(Line(message.topic, payload, 0))
            return False
        line = Line(message.topic, payload, told.at)
        stream = self._arrivals.stream(told)
        fate, ready = stream.offer(told, line, self._clock.now().mono)
        self._batch.lines += ready
        self._batch.publishers.add(told.publisher)
        if fate is Fate.HELD and not told.promised:
            self._batch.held.append((told.publisher, told.number, line))
        elif fate is Fate.DUPLICATE:
            self.counts["duplicates"] += 1
        elif fate is Fate.PUT_BACK:
            self.counts["put_back"] += 1
        return told.promised

    # Onto the disk

    async def _gather(self) -> None:
        if len(self._batch.taken) < _ENOUGH and not self._stopping:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER):
                    await self._enough.wait()

    async def _commit(self, batch: _Batch) -> None:
        streams = self._arrivals.streams
        marks = {name: streams[name].through for name in batch.publishers if name in streams}
        held = [entry for entry in batch.held if entry[1] > marks.get(entry[0], 0)]
        progress = Progress({n: m for n, m in marks.items() if self._marks.get(n) != m}, held)
        if batch.lines or held or progress.marks:
            now = self._clock.now().wall
            self.counts["written"] += len(batch.lines)
            self.counts["skipped"] = self._skipped + self._arrivals.skipped
            late = max((now - line.at for line in batch.lines if line.at), default=0)
            self.counts["longest_ms"] = max(self.counts["longest_ms"], late)
            progress.counts = dict(self.counts)
            await self._write(batch, progress)
            self._marks.update(marks)
            self._forget()
        for connection, message in batch.taken:
            connection.acknowledge(message)
        for server in self._open:
            for name in marks:
                self._confirm(server, name)

    async def _write(self, batch: _Batch, progress: Progress) -> None:
        """First the lines, then what says that they count: a crash in between is undone at the start."""
        data = b"".join(map(self._spelled, batch.lines))
        sink, inbox = self._sink, self._inbox
        if batch.lines and not sink.certain:
            await self._persist(inbox.announce, len(batch.lines))
        offset = await self._persist(sink.write, data)
        await self._persist(inbox.commit, progress, sink.name, offset, self._clock.now().wall)

    async def _persist(self, step: Callable[..., int | None], *values: object) -> int | None:
        """On a thread; again and again while there is no room."""
        told = False
        while True:
            try:
                return await asyncio.to_thread(step, *values)
            except (StoreError, SinkError) as error:
                if not error.full or self._stopping:
                    raise
                if not told:
                    self._terminal.say(f"{error}; nothing is taken until there is room")
                    told = True
                await asyncio.sleep(_RETRY)

    def _spelled(self, line: Line) -> bytes:
        payload = line.payload.replace(b"\n", b"\\n") if b"\n" in line.payload else line.payload
        return line.topic.encode() + b"\t" + payload + b"\n" if self._config.with_topics else payload + b"\n"

    def _confirm(self, server: int, publisher: str) -> None:
        """At every server: the publisher learns which of them work."""
        stream = self._arrivals.streams.get(publisher)
        held = len(stream.held) if stream is not None else 0
        through = self._marks.get(publisher, 0)
        self._sessions[server].publish(f"{self._config.receipts}/{publisher}", receipt(through, held))

    def _forget(self) -> None:
        """No more publishers than the arrivals remember."""
        if len(self._marks) > 2 * PUBLISHERS:
            gone = [name for name in self._marks if name not in self._arrivals.streams]
            self._inbox.forget(gone)
            for name in gone:
                del self._marks[name]

    # From time to time

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            late = self._arrivals.overdue(self._clock.now().mono, self._config.gap_wait)
            for publisher, lines in late.items():
                self._batch.lines += lines
                self._batch.publishers.add(publisher)
                self._wake.set()
            self._terminal.renew(self._progress)

    def _progress(self) -> str:
        counts = self.counts
        return (
            f"{counts['written']} written, {self._rate.of(counts['written']):.0f}/s,"
            f" {counts['duplicates']} copies dropped, {counts['skipped']} missing,"
            f" {len(self._open)} of {len(self._config.servers)} servers"
        )
