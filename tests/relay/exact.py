"""Mode start and the script that it imitates, one cause of loss at a time, and each counted exactly.

Nothing is on its way when a fault begins or ends, so chance has no say in what is lost: what is fed meanwhile
arrives or does not, and it must be the same for both.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.redundancy.brokers import MOSQUITTO, Broker
from tests.relay.first import TOPICS
from tests.relay.processes import Relay, servers, start
from tests.waiting import wait_for

_PATIENCE = 60.0
_NAMES = ("relay", "original")
CAUSES = (
    "no fault",
    "publisher killed",
    "receiver away",
    "primary frozen",
    "backup killed",
    "primary killed",
    "begun without primary",
)


class ExactCourse:
    """`span` lines are fed during every fault."""

    def __init__(self, folder: Path, span: int) -> None:
        self.span = span
        self.output = folder / "output"
        kinds = ("mosquitto" if MOSQUITTO else "distributor", "distributor")
        self.brokers = [Broker(kind, folder) for kind in kinds]
        shared = servers(self.brokers)
        receive = ["receive", "--topic", "works/#", "--inbox", folder / "inbox", "--output", self.output]
        self.receiver = Relay(folder, "receiver", *receive, "--with-topics", "--gap-wait", "0.2", *shared)
        ours = Relay(folder, "relay", "publish", "--mode", "start", "--topic", TOPICS[0], *shared)
        original = Relay(folder, "original")
        ports = [str(broker.port) for broker in self.brokers]
        original.command = [sys.executable, "-m", "tests.relay.original", *ports, TOPICS[1]]
        self.publishers = [ours, original]
        self._fed = 0

    def run(self, causes: tuple[str, ...] = CAUSES) -> list[dict[str, object]]:
        """For every cause what each publisher has lost of `span` lines."""
        found = []
        with ExitStack() as ending:
            for broker in self.brokers:
                ending.callback(broker.kill)
                start(broker)
            for relay in (self.receiver, *self.publishers):
                ending.callback(relay.kill)
            self.receiver.start()
            self._wait(lambda: self.receiver.said.count("is connected") == 2, "the receiver")
            self._begin()
            for cause in causes:
                before = self._fed
                getattr(self, "_" + cause.replace(" ", "_"))()
                self._settle()
                lost = [self._lost(topic, before) for topic in TOPICS]
                found.append({"cause": cause, "lines": self.span, **dict(zip(_NAMES, lost, strict=True))})
            for publisher in self.publishers:
                assert publisher.process is not None
                assert publisher.process.stdin is not None
                publisher.process.stdin.close()
                publisher.process.wait(_PATIENCE)
            self.receiver.end()
        return found

    # Faults: each is over when it returns

    def _no_fault(self) -> None:
        self._feed()

    def _publisher_killed(self) -> None:
        self._feed()
        self._settle()
        for publisher in self.publishers:
            publisher.kill()
        self._begin()

    def _receiver_away(self) -> None:
        self.receiver.kill()
        self._feed()
        self._wait_written()
        told = self.receiver.said.count("is connected")
        self.receiver.start()
        self._wait(lambda: self.receiver.said.count("is connected") == told + 2, "the receiver")

    def _primary_frozen(self) -> None:
        self.brokers[0].pause()
        self._feed()
        self.brokers[0].resume()

    def _backup_killed(self) -> None:
        self.brokers[1].kill()
        self._feed()
        self._back(self.brokers[1])

    def _primary_killed(self) -> None:
        told = [publisher.said.count("is away") for publisher in self.publishers]
        self.brokers[0].kill()
        for publisher, before in zip(self.publishers, told, strict=True):
            self._wait(lambda p=publisher, n=before: p.said.count("is away") > n, "the loss of the primary")
        self._feed()
        self._wait_written()
        told = [publisher.said.count("is connected") for publisher in self.publishers]
        self._back(self.brokers[0])
        for publisher, before in zip(self.publishers, told, strict=True):
            self._wait(lambda p=publisher, n=before: p.said.count("is connected") > n, "a new session")

    def _begun_without_primary(self) -> None:
        self.brokers[0].kill()
        for publisher in self.publishers:
            publisher.kill()
        self._begin()
        self._feed()
        self._settle()
        self._back(self.brokers[0])

    # Parts of them

    def _begin(self) -> None:
        for publisher in self.publishers:
            told = publisher.said.count("is connected")
            publisher.start(stdin=subprocess.PIPE)
            self._wait(lambda p=publisher, n=told: p.said.count("is connected") > n, "a publisher")

    def _back(self, broker: Broker) -> None:
        told = self.receiver.said.count("is connected")
        start(broker)
        self._wait(lambda: self.receiver.said.count("is connected") > told, "the receiver")

    def _feed(self, lines: int = 0) -> None:
        first, self._fed = self._fed + 1, self._fed + (lines or self.span)
        text = "".join(f"{number}\n" for number in range(first, self._fed + 1)).encode()
        for publisher in self.publishers:
            os.write(self._pipe(publisher), text)

    def _settle(self) -> None:
        """One line more, and it has arrived; so has everything in front of it that ever will."""
        self._feed(1)
        for topic in TOPICS:
            self._wait(lambda t=topic: self._fed in self._arrived(t), f"line {self._fed} of {topic}")

    def _wait_written(self) -> None:
        for publisher in self.publishers:
            self._wait(lambda p=publisher: self._unread(p) == 0, "the last line")

    def _lost(self, topic: str, before: int) -> int:
        return len(set(range(before + 1, before + self.span + 1)) - self._arrived(topic))

    def _arrived(self, topic: str) -> set[int]:
        with suppress(FileNotFoundError):
            return {int(n) for n in re.findall(rf"^{topic}\t(\d+)$", self.output.read_text(), re.MULTILINE)}
        return set()

    def _unread(self, publisher: Relay) -> int:
        """Bytes that are still in its pipe."""
        size = fcntl.ioctl(self._pipe(publisher), termios.FIONREAD, bytes(4))
        return int.from_bytes(size, sys.byteorder)

    def _pipe(self, publisher: Relay) -> int:
        assert publisher.process is not None
        assert publisher.process.stdin is not None
        return publisher.process.stdin.fileno()

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        wait_for(condition, what, _PATIENCE)
