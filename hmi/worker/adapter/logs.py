"""A log file for each component of the adapter, steered by its facet `logging`: `logs/<ComponentId>.log`.

    logs = AdapterLogs(folder)         the node's data folder
    logs.configure(facets)             component id -> its facet `logging`; in force at once
    logs.of("MQTT1").warning(...)      from any thread; never waits, never raises
    logs.retire(left)                  logs of components that are gone are moved to logs/Removed/
    logs.close()                       what has been said so far is written first

One thread writes all of them, so that a disk that hangs or is full holds up no data: a log that cannot be
written is named once in the worker's own log and by `failing`, until it can be again.

A file that has reached its size becomes `<ComponentId>.log.1`, what was that becomes `.2`; the oldest beyond
the count is deleted. A line never holds a password, and a payload only at the level Trace or Debug: whoever
writes sees to it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import Full, Queue
from typing import Any, Final

from hmi.adapter.facets.shapes import Logging
from redundancy.adapter.ground import TRACE

log = logging.getLogger(__name__)

FOLDER, REMOVED = "logs", "Removed"
LEVELS: Final[Mapping[str, int]] = {
    "Trace": TRACE,
    "Debug": logging.DEBUG,
    "Information": logging.INFO,
    "Warning": logging.WARNING,
    "Error": logging.ERROR,
    "Critical": logging.CRITICAL,
    "None": logging.CRITICAL + 1,
}
_WORDS = {number: word for word, number in LEVELS.items()}
_MOST_WAITING = 10_000  # lines
_LONGEST_LINE = 800
_LONGEST_NAME = 200  # bytes, of the 255 that a file's name may have
_PATIENCE = 2.0


class AdapterLogs:
    """Made and configured on the runtime's loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._loggers = logging.Manager(logging.RootLogger(logging.WARNING))
        self._files: dict[str, _File] = {}
        self._queue: Queue[Any] = Queue(_MOST_WAITING)
        self._writer = _Writer(self._queue)
        self._writer.start()

    def configure(self, facets: Mapping[str, Mapping[str, Any]]) -> None:
        """These are the facets from now on; of a component that is not named nothing changes."""
        for component, facet in facets.items():
            if component not in self._files:
                file = self._files[component] = _File(component, self._folder / file_name(component))
                self.of(component).handlers = [_Inlet(self._queue, file)]
            self._files[component].follow(facet)
            self.of(component).setLevel(LEVELS[facet["logLevel"]])

    def of(self, component: str) -> logging.Logger:
        """Where to say what happens at a component; what nobody has configured is said to nobody."""
        found = self._loggers.getLogger(component)
        if not found.handlers:
            found.propagate = False
            found.setLevel(LEVELS["None"])
        return found

    def retire(self, left: Collection[str]) -> None:
        """Only these components are left."""
        for component in self._files.keys() - set(left):
            self.of(component).handlers = []
            with suppress(Full):
                self._queue.put_nowait(self._files.pop(component).retire)

    def failing(self) -> tuple[str, ...]:
        """The logs that cannot be written, in sentences."""
        found = [(name, each.fault) for name, each in self._files.copy().items()]
        return tuple(f"{name}: its log cannot be written: {fault}" for name, fault in found if fault)

    def close(self) -> None:
        """Blocks until all is written, two seconds at most."""
        if self._writer.end(_PATIENCE):
            for file in self._files.values():
                file.shut()


def file_name(component: str) -> str:
    """`<component>.log`; an id too long for a file's name is cut and told apart by a digest."""
    spelled = component.encode()
    if len(spelled) > _LONGEST_NAME:
        digest = hashlib.sha256(spelled).hexdigest()[:12]
        component = f"{spelled[:_LONGEST_NAME].decode(errors='ignore')}-{digest}"
    return f"{component}.log"


def unset() -> dict[str, Any]:
    """The facet of a component for which nothing was said."""
    return Logging().kept()


class _Inlet(QueueHandler):
    """Where a logger puts its lines. When there is no room left they are counted, not waited for."""

    queue: Queue[Any]

    def __init__(self, waiting: Queue[Any], file: _File) -> None:
        super().__init__(waiting)
        self._file, self._lost = file, 0

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.msg = f"{record.msg} (before this, {self._lost} lines were lost: the disk is too slow)"
        try:
            self.queue.put_nowait(partial(self._file.handle, record))
        except Full:
            self._lost += 1
        else:
            self._lost = 0


class _Writer(QueueListener):
    """The thread that does, one after the other, what is in the queue."""

    queue: Queue[Any]

    def handle(self, record: Callable[[], object]) -> None:  # type: ignore[override]
        record()

    def end(self, patience: float) -> bool:
        """Whether all is done. A disk that hangs is not waited for: the thread dies with the process."""
        thread, self._thread = self._thread, None
        with suppress(Full):
            self.enqueue_sentinel()
        if thread is not None:
            thread.join(patience)
        return thread is None or not thread.is_alive()


class _File(RotatingFileHandler):
    """One component's file, and those that it was before. `fault`: why it cannot be written, or "".

    It belongs to the writer's thread alone. `logging` wants to lock, flush and close every handler when the
    process ends, and would wait for a disk that hangs: so there is no lock, and nothing is left to flush.
    """

    def __init__(self, component: str, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="replace", delay=True)
        self.fault = ""
        self._component = component
        self.setFormatter(_Line())

    def follow(self, facet: Mapping[str, Any]) -> None:
        """Sizes and counts from the facet: they count from the next line on."""
        self.maxBytes = facet["logFileSizeLimitBytes"]
        self.backupCount = facet["logFileCountLimit"] - 1

    def emit(self, record: logging.LogRecord) -> None:
        before, self._failed = self.fault, False
        super().emit(record)
        if before and not self._failed:
            self.fault = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """What is held of the file may be broken, too: the next line opens it anew."""
        self._failed = True
        known, error = self.fault, sys.exc_info()[1]
        self.fault = str(error) or type(error).__name__
        if not known:
            log.warning("the log of %s cannot be written: %s", self._component, self.fault)
        self.shut()

    def doRollover(self) -> None:
        super().doRollover()
        if not self.backupCount:
            # The base class would go on with the file that is full.
            Path(self.baseFilename).unlink()
        for path in self._former():
            if int(path.suffix[1:]) > self.backupCount:
                path.unlink(missing_ok=True)

    def retire(self) -> None:
        """The component is gone: its files are kept aside. In the writer's thread."""
        self.shut()
        path = Path(self.baseFilename)
        aside = path.parent / REMOVED
        now = datetime.now(UTC).strftime("%Y-%m-%d--%H-%M-%S")
        try:
            for each in [path, *self._former()]:
                if each.exists():
                    aside.mkdir(exist_ok=True)
                    each.rename(aside / f"{each.name}_removed_{now}")
        except OSError as error:
            log.warning("the log of %s, which is gone, stays where it is: %s", self._component, error)

    def createLock(self) -> None:
        self.lock = None

    def flush(self) -> None:
        """Every line is flushed by itself."""

    def close(self) -> None:
        """Not by `logging`: see `shut`."""

    def shut(self) -> None:
        """In the writer's thread, or after it."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", buffering=1, encoding=self.encoding, errors=self.errors)

    def _former(self) -> list[Path]:
        path = Path(self.baseFilename)
        numbered = re.compile(re.escape(path.name) + r"\.\d+")
        return [each for each in path.parent.iterdir() if numbered.fullmatch(each.name)]


class _Line(logging.Formatter):
    """`2026-11-21T14:05:09.123Z Information  data come from dataSource`: one event, one line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        word = _WORDS.get(record.levelno, record.levelname)
        # Reasons hold what a server said, topics what anybody sent: none of it makes a line of its own.
        said = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in record.getMessage())
        said = said if len(said) <= _LONGEST_LINE else f"{said[:_LONGEST_LINE]}…"
        return f"{at.removesuffix('+00:00')}Z {word:<11} {said}"
