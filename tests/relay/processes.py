"""Publisher, receiver, brokers and a source of numbered lines, as processes that can be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from redundancy.relay.arguments import PASSWORD as VARIABLE
from tests.redundancy.brokers import PASSWORD, USER, Broker

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "works/lines"
_TRIES = 5
_STEP = 0.005


class Relay:
    """One `manage.py relay` process after another with the same arguments; `said` is what they all said."""

    def __init__(self, folder: Path, name: str, *arguments: str | Path, password: str = PASSWORD) -> None:
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.command = [sys.executable, str(ROOT / "manage.py"), "relay", *map(str, arguments)]
        self._environment = os.environ | {VARIABLE: password}
        self.process: subprocess.Popen[bytes] | None = None
        self._before: list[object] = []  # whose pipes must not be closed while a source still writes

    def start(self, **pipes: object) -> Relay:
        self._before.append(self.process)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stderr=log, env=self._environment, cwd=ROOT, **pipes
            )  # type: ignore[call-overload]
        return self

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing written any more."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM, within: float = 30) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(within)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def summary(self, nth: int = -1) -> dict[str, int]:
        """The counts of the last run that ended by itself."""
        found = re.findall(r"ended: (.*)", self.said)
        return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", found[nth])} if found else {}


def servers(brokers: Sequence[Broker]) -> list[str]:
    """Arguments for these brokers, in this order."""
    found = ["--username", USER, "--progress", "0"]
    for broker in brokers:
        found += ["--server", f"mqtt://127.0.0.1:{broker.port}"]
    return found


class Source:
    """Numbered lines at a steady pace, from 1 to `count`: appended to a file, or fed to a pipe.

    Where the pipe's reader is dead or slow, a line counts as fed when it is written to the pipe. It may be
    `lead` lines ahead of what `arrived` says, so that a busy machine has as many faults as an idle one.
    """

    def __init__(self, count: int, rate: float, lead: int = 0, arrived: Callable[[], int] = int) -> None:
        self._lead, self._arrived = lead, arrived
        self.fed = 0
        self.waits = False
        self.count = count
        self.rate = rate
        self._target: int | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._held = threading.Lock()

    def into(self, target: int) -> None:
        """From the next line on into this file descriptor."""
        with self._held:
            self._target = target
        if self._thread.ident is None:
            self._thread.start()

    @property
    def done(self) -> bool:
        return self.fed >= self.count

    def _run(self) -> None:
        begun = time.monotonic()
        while not self.done:
            due = min(self.count, int((time.monotonic() - begun) * self.rate) + 1)
            self.waits = bool(self._lead) and due > (most := self._arrived() + self._lead)
            if self.waits:
                due, begun = most, time.monotonic() - most / self.rate  # it goes on from here
            if due > self.fed:
                text = "".join(f"{number}\n" for number in range(self.fed + 1, due + 1))
                with self._held:
                    assert self._target is not None
                    try:
                        os.write(self._target, text.encode())
                    except BrokenPipeError:
                        continue  # its reader was just killed: into the next one's
                    self.fed = due
            time.sleep(_STEP)


class Written:
    """How many whole lines a file that only grows has by now; what was cut off again is looked for anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = self._size = 0

    def __call__(self) -> int:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._size:
                    self._lines = self._size = 0
                file.seek(self._size)
                more = file.read()
        except FileNotFoundError:
            return 0
        self._size += len(more)
        self._lines += more.count(b"\n")
        return self._lines


def start(broker: Broker) -> None:
    """Until it answers, on however busy a machine."""
    for _ in range(_TRIES):
        try:
            broker.start()
        except RuntimeError:
            broker.kill()
        else:
            return
    broker.start()
