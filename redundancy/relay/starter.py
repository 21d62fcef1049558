"""Mode start: the first server that answers, and no other one afterwards; what can't be sent is lost.

It does what the usual first script with a backup broker does, and counts what that loses: every line that
is read while there is no session, and every message that was unacknowledged when a session ended. Lines are
read once a server was found. With a rate, nothing is waited for, as in a script that measures; without one,
reading waits while `WINDOW` messages are unacknowledged.
"""

from __future__ import annotations

import asyncio
import threading
import uuid

from redundancy.clock import Clock
from redundancy.mqtt import Acked, Connection, Opened, Report
from redundancy.relay.config import Exit, PublishConfig
from redundancy.relay.envelope import Envelope
from redundancy.relay.intake import addressed
from redundancy.relay.lines import InputError, LineInput
from redundancy.relay.pump import REFUSED
from redundancy.relay.sessions import Sessions
from redundancy.relay.terminal import Rate, Terminal, summary

WINDOW = 1000
_LOST_PER_SECOND = 1000.0  # so fast a file is read while there is no server, if no rate is said
_TICK = 0.01


class Starter:
    """`run` once, on a loop."""

    def __init__(self, config: PublishConfig, lines: LineInput, terminal: Terminal) -> None:
        self._config = config
        self._lines = lines
        self._terminal = terminal
        self._clock = Clock()
        self._loop = asyncio.get_running_loop()
        self._publisher = uuid.uuid4().hex
        self._queue: asyncio.Queue[list[bytes] | None] = asyncio.Queue(4)
        self._sessions: Sessions | None = None
        self._server = -1
        self._is_open = False
        self._found: asyncio.Future[bool] | None = None
        self._flying: set[int] = set()
        self._number = 0
        self._changed = asyncio.Event()
        self._stopped = False
        self._rate = Rate()
        self.error = ""
        names = ("read", "confirmed", "lost", "unsure", "refused", "overlong", "no_topic")
        self.counts = dict.fromkeys(names, 0)

    def stop(self) -> None:
        """No further line is read."""
        self._stopped = True
        self._changed.set()

    async def run(self) -> Exit:
        """Until the input has ended."""
        if not await self._find():
            self._terminal.say("no server can be reached")
            return Exit.NO_SERVER
        threading.Thread(target=self._read, name="intake", daemon=True).start()
        await self._publish_all()
        assert self._sessions is not None
        await self._sessions.close()
        self.counts["unsure"] += len(self._flying)
        self._terminal.say(f"ended: {summary(self.counts)}")
        if self.error:
            self._terminal.say(self.error)
            return Exit.STORE
        lost = any(self.counts[name] for name in ("lost", "unsure", "refused", "overlong", "no_topic"))
        return Exit.INCOMPLETE if lost else Exit.DONE

    # Sessions tell

    def session_opened(self, server: int, told: Opened) -> None:  # noqa: ARG002
        self._is_open = True
        self._terminal.say(f"{self._config.servers[server].name} is connected")
        if self._found is not None and not self._found.done():
            self._found.set_result(True)

    def session_lost(self, server: int, why: str) -> None:
        self._terminal.say(f"{self._config.servers[server].name} is away: {why}")
        self._is_open = False
        self.counts["unsure"] += len(self._flying)
        self._flying.clear()
        self._changed.set()
        if self._found is not None and not self._found.done():
            self._found.set_result(False)

    def reported(self, server: int, connection: Connection, report: Report) -> None:  # noqa: ARG002
        if isinstance(report, Acked) and report.mid in self._flying:
            self._flying.discard(report.mid)
            self.counts["refused" if report.code >= REFUSED else "confirmed"] += 1
            self._changed.set()

    # The road out

    async def _find(self) -> bool:
        for server in range(len(self._config.servers)):
            self._server = server
            self._found = self._loop.create_future()
            self._sessions = Sessions(
                self._config.servers, f"relay-{self._publisher[:12]}", self, only=server
            )
            self._sessions.start()
            if await self._found:
                return True
            await self._sessions.close()
        return False

    async def _publish_all(self) -> None:
        begun = self._now()
        due = 0.0
        while not self._stopped and (lines := await self._queue.get()) is not None:
            for line in lines:
                if self._stopped:
                    break
                self.counts["read"] += 1
                due = await self._turn(begun, due)
                self._publish(line)
            self._terminal.renew(self._progress)
        while self._flying and self._is_open and not self._stopped:
            self._changed.clear()
            await self._changed.wait()

    async def _turn(self, begun: float, due: float) -> float:
        """Until the next line may go; answers when the one after it is due, in seconds since `begun`."""
        rate = self._config.rate
        if rate is not None:
            passed = self._now() - begun
            due = max(due, passed - 1.0) + 1.0 / rate
            if due - passed > _TICK:
                await asyncio.sleep(due - passed)
        elif not self._is_open and self._config.file is not None:
            await asyncio.sleep(1.0 / _LOST_PER_SECOND)
        while rate is None and self._is_open and len(self._flying) >= WINDOW and not self._stopped:
            self._changed.clear()
            await self._changed.wait()
        return due

    def _publish(self, line: bytes) -> None:
        found = (self._config.topic, line) if self._config.topic else addressed(line)
        if isinstance(found, str):
            self.counts["no_topic"] += 1
            return
        topic, payload = found
        assert self._sessions is not None
        self._number += 1
        number = self._number
        told = Envelope(self._publisher, number, 1, False, self._clock.now().wall)
        mid = -1
        if self._is_open:
            connection = self._sessions[self._server]
            if self._config.with_properties(self._server):
                mid = connection.publish(topic, payload, 1, user=told.user())
            else:
                header = told.header() if self._config.enveloped else b""
                mid = connection.publish(topic, header + payload, 1)
        if mid < 0:
            self.counts["lost"] += 1
        else:
            self._flying.add(mid)

    def _read(self) -> None:
        """On a thread of its own."""
        try:
            for chunk in self._lines.chunks():
                self.counts["overlong"] += chunk.overlong
                asyncio.run_coroutine_threadsafe(self._queue.put(chunk.lines), self._loop).result()
        except InputError as error:
            self.error = str(error)
        except (RuntimeError, asyncio.CancelledError):
            return  # the loop has ended meanwhile
        asyncio.run_coroutine_threadsafe(self._queue.put(None), self._loop)

    def _progress(self) -> str:
        counts = self.counts
        return (
            f"{counts['confirmed']} acknowledged, {self._rate.of(counts['confirmed']):.0f}/s,"
            f" {counts['lost']} lost, {counts['unsure']} unsure"
        )

    def _now(self) -> float:
        return self._clock.now().mono
