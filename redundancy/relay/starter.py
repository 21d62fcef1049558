"""Mode start: the first server that answers, and no other one afterwards; what can't be sent is lost.

It does what the usual first script with a backup broker does, with the same library in the same way: quality
of service 0, its own attempts to connect again, its own pauses, keep-alive of a minute if none is said. Lines
are read once a server was found, and go out at once. Nothing is kept on a disk, so what a run that was killed
had read and not sent is known to nobody. What was written to a server that died then, only the receiver can
tell, who misses numbers.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from redundancy.clock import Clock
from redundancy.mqtt import Unattended
from redundancy.relay.config import Exit, PublishConfig
from redundancy.relay.envelope import Envelope
from redundancy.relay.intake import addressed
from redundancy.relay.lines import InputError, LineInput
from redundancy.relay.terminal import Rate, Terminal, summary

_AHEAD = 10_000  # messages that the library may hold; the script's would hold them all
_TICK = 0.25
_PAUSE = 0.01
_FAREWELL = 2.0  # seconds for what was given to the library, once we are told to stop


class Starter:
    """`run` once, on a loop."""

    def __init__(self, config: PublishConfig, lines: LineInput, terminal: Terminal) -> None:
        self._config = config
        self._lines = lines
        self._terminal = terminal
        self._clock = Clock()
        self._loop = asyncio.get_running_loop()
        self._publisher = uuid.uuid4().hex
        self._server = 0
        self._link: Unattended | None = None
        self._number = self._given = 0
        self._up = False
        self._due = 0.0
        self._stopped = threading.Event()
        self._ended = asyncio.Event()
        self._rate = Rate()
        self.error = ""
        names = ("read", "lost", "unwritten", "refused", "overlong", "no_topic")
        self.counts = dict.fromkeys(names, 0)

    def stop(self) -> None:
        """No further line is read."""
        self._stopped.set()
        self._ended.set()

    async def run(self) -> Exit:
        """Until the input has ended."""
        if not await asyncio.to_thread(self._find):
            self._terminal.say("no server can be reached")
            return Exit.NO_SERVER
        await self._until_ended(self._relay)
        with suppress(TimeoutError):
            patience = _FAREWELL if self._stopped.is_set() else None
            await asyncio.wait_for(self._until_ended(self._close), patience)
        assert self._link is not None
        written = self._link.written
        self.counts["unwritten"] = self._given - written
        self._terminal.say(f"ended: {summary({'written': written} | self.counts)}")
        if self.error:
            self._terminal.say(self.error)
            return Exit.STORE
        lost = any(value for name, value in self.counts.items() if name != "read")
        return Exit.INCOMPLETE if lost else Exit.DONE

    async def _until_ended(self, work: Callable[[], None]) -> None:
        """`work` on a thread that nobody waits for once we are told to stop: a read may block for ever."""
        self._ended.clear()

        def run() -> None:
            work()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._ended.set)

        threading.Thread(target=run, name=work.__name__, daemon=True).start()
        while not self._ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK)
            self._terminal.renew(self._progress)

    # On threads of their own

    def _find(self) -> bool:
        """The first server that answers."""
        for server, each in enumerate(self._config.servers):
            self._server = server
            self._link = Unattended(each, f"relay-{self._publisher[:12]}-{server}", self._told)
            why = self._link.connect()
            if not why:
                return True
            self._say(f"{each.name} is away: {why}")
        return False

    def _relay(self) -> None:
        begun = time.monotonic()
        try:
            for chunk in self._lines.chunks():
                self.counts["overlong"] += chunk.overlong
                for line in chunk.lines:
                    self._wait_for_turn(begun)
                    if self._stopped.is_set():
                        return
                    self.counts["read"] += 1
                    self._publish(line)
        except InputError as error:
            self.error = str(error)

    def _wait_for_turn(self, begun: float) -> None:
        rate, link = self._config.rate, self._link
        if rate is not None:
            passed = time.monotonic() - begun
            self._due = max(self._due, passed - 1.0) + 1.0 / rate
            if self._due - passed > _PAUSE:
                self._stopped.wait(self._due - passed)
        assert link is not None
        while self._up and link.waiting >= _AHEAD and not self._stopped.is_set():
            self._stopped.wait(_PAUSE)

    def _publish(self, line: bytes) -> None:
        found = (self._config.topic, line) if self._config.topic else addressed(line)
        if isinstance(found, str):
            self.counts["no_topic"] += 1
            return
        topic, payload = found
        link, config = self._link, self._config
        assert link is not None
        self._number += 1
        told = Envelope(self._publisher, self._number, 1, False, self._clock.now().wall)
        user = told.user() if config.with_properties(self._server) else ()
        if not user and config.enveloped:
            payload = told.header() + payload
        if not link.fits(topic, payload, user):
            self.counts["refused"] += 1
            if self.counts["refused"] == 1:
                name = config.servers[self._server].name
                self._say(f"{name} takes no packet as large as line {self.counts['read']}: left out")
        elif link.publish(topic, payload, user):
            self._given += 1
        else:
            self.counts["lost"] += 1

    def _close(self) -> None:
        assert self._link is not None
        self._link.close()

    def _told(self, up: bool, why: str) -> None:
        self._up = up
        name = self._config.servers[self._server].name
        self._say(f"{name} is connected" if up else f"{name} is away: {why}")

    def _say(self, text: str) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._terminal.say, text)

    def _progress(self) -> str:
        written = self._link.written if self._link is not None else 0
        return f"{written} written, {self._rate.of(written):.0f}/s, {self.counts['lost']} lost"
