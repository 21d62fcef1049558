"""Numbered lines through two brokers and a publisher and a receiver that are killed, frozen and restarted.

Neither broker keeps anything over a restart. In modes switch and both the lines come from a file that grows,
so that a publisher that was killed takes them up where it had committed them; what is counted is from there
to the receiver's file.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.redundancy.brokers import MOSQUITTO, Broker
from tests.relay.processes import TOPIC, Relay, Source, Written, servers, start
from tests.waiting import wait_for

_PATIENCE = 300.0


@dataclass
class Findings:
    """What came of a course."""

    mode: str
    lines: int
    seconds: float = 0.0
    lost: int = 0
    doubled: int = 0
    in_order: bool = False
    exit: int = -1
    faults: dict[str, int] = field(default_factory=dict)
    publisher: dict[str, int] = field(default_factory=dict)
    receiver: dict[str, int] = field(default_factory=dict)

    @property
    def flawless(self) -> bool:
        return not self.lost and not self.doubled and self.in_order and self.exit == 0

    def rows(self) -> dict[str, object]:
        return {
            "mode": self.mode,
            "lines": self.lines,
            "seconds": round(self.seconds, 1),
            "faults": sum(self.faults.values()),
            "lost": self.lost,
            "doubled": self.doubled,
            "in order": "yes" if self.in_order else "NO",
            "longest delay s": round(self.receiver.get("longest_ms", 0) / 1000, 2),
            "sent again": self.publisher.get("resent", 0),
            "copies dropped": self.receiver.get("duplicates", 0),
            "changes of server": self.publisher.get("changes", 0),
        }


class Course:
    """`span` is how long a fault lasts, in lines of the source; it begins with fault number `first`."""

    def __init__(self, folder: Path, mode: str, count: int, rate: float, span: int, first: int = 0) -> None:
        self.first = first
        self.folder = folder
        self.mode = mode
        self.span = span
        kinds = ("mosquitto" if MOSQUITTO else "distributor", "distributor")
        self.brokers = [Broker(kind, folder) for kind in kinds]
        self.input, self.output = folder / "input", folder / "output"
        self.written = Written(self.output)
        self.source = Source(count, rate, 4 * span, Written(self.output))
        shared = servers(self.brokers)
        self.receiver = Relay(
            folder,
            "receiver",
            *("receive", "--topic", f"{TOPIC}/#", "--inbox", folder / "inbox", "--output", self.output),
            *shared,
        )
        publish = ["publish", "--topic", f"{TOPIC}/1", "--mode", mode, "--outbox", folder / "outbox"]
        publish += ["--file", self.input, "--hold-off", "1", *shared]
        self.publisher = Relay(folder, "publisher", *publish, "--follow")
        self.last = Relay(folder, "last", *publish)

    def run(self, tell: Callable[[str], None] = print) -> Findings:
        """Until everything has arrived; every fault is over by then."""
        found = Findings(self.mode, self.source.count)
        with self._running():
            begun = time.monotonic()
            for name, fault in itertools.islice(itertools.cycle(self.faults().items()), self.first, None):
                if self.source.done:
                    break
                fault()
                found.faults[name] = found.faults.get(name, 0) + 1
                fed = self.source.fed
                wait_for(
                    lambda fed=fed: self.written() >= fed, f"what was fed before {name} ended", _PATIENCE
                )
                tell(f"{self.mode}: {name}; {self.source.fed} fed, {self.written()} written")
            wait_for(lambda: self.written() >= self.source.count, "the last line", _PATIENCE)
            found.seconds = time.monotonic() - begun
            self.publisher.end()
            # Once more without --follow: it ends by itself when the outbox is empty, and only then.
            found.exit = self.last.start().end(0, within=60)
            self.receiver.end()
        self._judge(found)
        return found

    def faults(self) -> dict[str, Callable[[], None]]:
        """Each is over when it returns."""
        one, other = self.brokers
        return {
            "primary killed": lambda: self._killed(one),
            "publisher killed": lambda: self._restarted(self.publisher),
            "primary frozen": lambda: self._frozen(one),
            "receiver killed": lambda: self._restarted(self.receiver),
            "backup killed": lambda: self._killed(other),
            "backup frozen": lambda: self._frozen(other),
            "both killed": lambda: self._killed(one, other),
            "receiver killed while the primary is frozen": lambda: self._frozen(one, self.receiver),
            "publisher killed while the primary is frozen": lambda: self._frozen(one, self.publisher),
            "both frozen": lambda: self._frozen(one, other),
            "primary restarted at once": lambda: self._killed(one, span=0),
        }

    def _killed(self, *brokers: Broker, span: int | None = None) -> None:
        for broker in brokers:
            broker.kill()
        self._pass(self.span if span is None else span)
        for broker in brokers:
            start(broker)

    def _frozen(self, *victims: Broker | Relay) -> None:
        """Brokers are frozen meanwhile, processes of the relay killed and started again in the middle."""
        frozen = [victim for victim in victims if isinstance(victim, Broker)]
        for broker in frozen:
            broker.pause()
        try:
            self._pass(self.span)
            for victim in victims:
                if isinstance(victim, Relay):
                    self._restarted(victim)
            self._pass(self.span)
        finally:
            for broker in frozen:
                broker.resume()

    def _restarted(self, relay: Relay) -> None:
        relay.kill()
        self._pass(self.span // 4)
        relay.start()

    def _pass(self, lines: int) -> None:
        """While the source feeds so many lines, or as many as it may."""
        until = min(self.source.fed + lines, self.source.count)
        late = time.monotonic() + lines / self.source.rate
        source = self.source
        wait_for(
            lambda: source.fed >= until or (source.waits and time.monotonic() >= late),
            "the source",
            _PATIENCE,
            pause=0.01,
        )

    @contextmanager
    def _running(self) -> Iterator[None]:
        with ExitStack() as ending:
            for broker in self.brokers:
                ending.callback(broker.kill)
                start(broker)
            with self.input.open("ab", buffering=0) as target:
                for relay in (self.receiver, self.publisher):
                    ending.callback(relay.kill)
                    relay.start()
                self.source.into(target.fileno())
                yield

    def _judge(self, found: Findings) -> None:
        lines = [int(line) for line in self.output.read_text().split("\n")[:-1]]
        unique = set(lines)
        found.lost = self.source.count - len(unique)
        found.doubled = len(lines) - len(unique)
        found.in_order = all(a < b for a, b in itertools.pairwise(lines))
        found.publisher, found.receiver = self.last.summary(), self.receiver.summary()
