"""Mode start beside the script that it imitates: the same lines, brokers, faults and receiver."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.redundancy.brokers import MOSQUITTO, Broker
from tests.relay.processes import Relay, Source, servers, start
from tests.waiting import wait_for

_PATIENCE = 300.0
TOPICS = ("works/relay", "works/original")


class Side:
    """One of the two publishers with a source of its own; every run of it begins behind `starts[run]`."""

    def __init__(self, relay: Relay, count: int, rate: float) -> None:
        self.relay = relay
        self.source = Source(count, rate)
        self.starts: list[int] = []

    def start(self) -> None:
        self.relay.start(stdin=subprocess.PIPE)
        assert self.relay.process is not None
        assert self.relay.process.stdin is not None
        self.starts.append(self.source.fed)
        self.source.into(self.relay.process.stdin.fileno())

    def finish(self) -> int:
        assert self.relay.process is not None
        assert self.relay.process.stdin is not None
        self.relay.process.stdin.close()
        return self.relay.process.wait(60)

    def tails(self, arrived: set[int]) -> int:
        """Lines at the end of every run that nobody behind it can have missed."""
        ends = [*self.starts[1:], self.source.count]
        runs = zip(self.starts, ends, strict=True)
        return sum(end - max((n for n in arrived if begin < n <= end), default=begin) for begin, end in runs)


class FirstCourse:
    """`span` is how long a fault lasts, in lines of the source."""

    def __init__(self, folder: Path, count: int, rate: float, span: int) -> None:
        self.folder, self.span, self.count = folder, span, count
        kinds = ("mosquitto" if MOSQUITTO else "distributor", "distributor")
        self.brokers = [Broker(kind, folder) for kind in kinds]
        self.output = folder / "output"
        shared = servers(self.brokers)
        receive = ["receive", "--topic", "works/#", "--inbox", folder / "inbox", "--output", self.output]
        self.receiver = Relay(folder, "receiver", *receive, "--with-topics", *shared)
        publish = ["publish", "--mode", "start", "--topic", TOPICS[0]]
        ours = Relay(folder, "relay", *publish, *shared)
        original = Relay(folder, "original")
        ports = [str(broker.port) for broker in self.brokers]
        original.command = [sys.executable, "-m", "tests.relay.original", *ports, TOPICS[1]]
        self.sides = [Side(ours, count, rate), Side(original, count, rate)]

    def run(self, tell: Callable[[str], None] = print) -> list[dict[str, object]]:
        """A row for each of the two publishers."""
        one, other = self.brokers
        faults = {
            "primary killed": lambda: self._killed(one),
            "receiver killed": self._receiver_restarted,
            "primary frozen": self._frozen,
            "publisher killed": self._publishers_restarted,
            "backup killed": lambda: self._killed(other),
            "publisher begins without primary": self._begin_on_the_backup,
        }
        with ExitStack() as ending:
            for broker in self.brokers:
                ending.callback(broker.kill)
                start(broker)
            self.receiver.start()
            ending.callback(self.receiver.kill)
            wait_for(lambda: self.receiver.said.count("is connected") == 2, "the receiver", _PATIENCE)
            for side in self.sides:
                side.start()
                ending.callback(side.relay.kill)
            begun = time.monotonic()
            for name, fault in itertools.cycle(faults.items()):
                if self._source.done:
                    break
                fault()
                tell(f"start: {name}; {self._source.fed} fed")
                self._pass(self.span)
            wait_for(lambda: all(side.source.done for side in self.sides), "the sources", _PATIENCE)
            codes = [side.finish() for side in self.sides]
            seconds = time.monotonic() - begun
            self.receiver.end()
        return [
            self._row(side, topic, code, seconds)
            for side, topic, code in zip(self.sides, TOPICS, codes, strict=True)
        ]

    @property
    def _source(self) -> Source:
        return self.sides[0].source

    def _row(self, side: Side, topic: str, code: int, seconds: float) -> dict[str, object]:
        found = [int(n) for n in re.findall(rf"^{topic}\t(\d+)$", self.output.read_text(), re.MULTILINE)]
        said = side.relay.summary()
        return {
            "publisher": topic.rpartition("/")[2],
            "lines": self.count,
            "seconds": round(seconds, 1),
            "lost": self.count - len(set(found)),
            "doubled": len(found) - len(set(found)),
            "lost, says the receiver": self.receiver.summary()["skipped"] if said else None,
            "at the end of a run": side.tails(set(found)),
            "without a session, says the last run": said.get("lost"),
            "not written, says the last run": said.get("unwritten"),
            "exit code": code,
        }

    def _killed(self, broker: Broker) -> None:
        broker.kill()
        self._pass(self.span)
        start(broker)

    def _frozen(self) -> None:
        self.brokers[0].pause()
        self._pass(self.span)
        self.brokers[0].resume()

    def _receiver_restarted(self) -> None:
        self.receiver.kill()
        self._pass(self.span // 4)
        self.receiver.start()

    def _publishers_restarted(self) -> None:
        for side in self.sides:
            side.relay.kill()
        self._pass(0)
        for side in self.sides:
            side.start()

    def _begin_on_the_backup(self) -> None:
        self.brokers[0].kill()
        self._publishers_restarted()
        self._pass(self.span)
        start(self.brokers[0])

    def _pass(self, lines: int) -> None:
        until = min(self._source.fed + lines, self.count)
        wait_for(lambda: self._source.fed >= until, "the source", _PATIENCE, pause=0.01)
