"""From the input into the outbox, on a thread of its own: the input may block, and so may the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redundancy.clock import Clock
from redundancy.relay.config import topic_fault
from redundancy.relay.lines import Chunk, InputError, LineInput
from redundancy.relay.outbox import Outbox, Row
from redundancy.relay.store import StoreError

_AHEAD = 20_000  # lines of a file that are taken over before they are needed: the file keeps them as well
_PAUSE = 0.02
_RETRY = 1.0


class Intake:
    """Calls, from its thread: `taken(rows)` after each commit, `ended(error)` once at the end of the input.

    The outbox being full is no error: reading waits until there is room. So is a full disk, which is said
    once through `say`.
    """

    def __init__(
        self,
        lines: LineInput,
        outbox: Outbox,
        topic: str,
        taken: Callable[[list[Row]], object],
        ended: Callable[[str], object],
        say: Callable[[str], None],
    ) -> None:
        self._lines = lines
        self._outbox = outbox
        self._topic = topic
        self._taken = taken
        self._ended = ended
        self._say = say
        self._clock = Clock()
        self._stopped = threading.Event()
        self.waits = 0
        self.counts = {name: outbox.counts.get(name, 0) for name in ("read", "overlong", "no_topic")}
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is taken over any more once this returns. A read that blocks is left to end by itself."""
        self._stopped.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        why = ""
        try:
            for chunk in self._lines.chunks():
                if not self._take(chunk):
                    return
        except (InputError, StoreError) as error:
            why = str(error)
        if not self._stopped.is_set():  # or nobody listens any more
            self._ended(why)

    def _take(self, chunk: Chunk) -> bool:
        """False: stopped."""
        lines = self._addressed(chunk)
        self.counts["read"] += len(chunk.lines) + chunk.overlong
        self.counts["overlong"] += chunk.overlong
        told = False
        while not self._stopped.is_set():
            if not self._has_room(chunk):
                self.waits += 1
                self._stopped.wait(_PAUSE)
                continue
            try:
                rows = self._outbox.append(lines, self._clock.now().wall, chunk.place, self.counts)
            except StoreError as error:
                if not error.full:
                    raise
                if not told:
                    self._say(f"{error}; the input waits")
                    told = True
                time.sleep(_RETRY)
                continue
            self._taken(rows)
            return True
        return False

    def _has_room(self, chunk: Chunk) -> bool:
        return self._outbox.has_room() and (chunk.place is None or self._outbox.rows < _AHEAD)

    def _addressed(self, chunk: Chunk) -> list[tuple[str, bytes]]:
        if chunk.overlong:
            self._say(f"{chunk.overlong} line(s) too long near line {self.counts['read'] + 1}: left out")
        if self._topic:
            return [(self._topic, line) for line in chunk.lines]
        return [found for line in chunk.lines if (found := self._split(line)) is not None]

    def _split(self, line: bytes) -> tuple[str, bytes] | None:
        found = addressed(line)
        if not isinstance(found, str):
            return found
        self.counts["no_topic"] += 1
        if self.counts["no_topic"] == 1:
            self._say(f"a line was left out: {found} (further ones are only counted)")
        return None


def addressed(line: bytes) -> tuple[str, bytes] | str:
    """Topic and payload of a line with a tab between them, or why it has none."""
    raw, tab, payload = line.partition(b"\t")
    try:
        topic = raw.decode()
    except UnicodeDecodeError:
        return "the topic is not UTF-8"
    fault = topic_fault(topic) if tab else "there is no tab behind the topic"
    return fault or (topic, payload)
