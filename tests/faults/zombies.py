"""`python -m tests.faults zombies --count N`: a holder is frozen in mid command, thawed when its heir acts.

Lease 0.5 s, a real broker, an edge that takes every command. In every second trial the holder is stopped at a
random moment; in the others it stops itself on the way from the look at the lease to the socket, the worst
there is. No command of it may arrive once one of its heir has. Stops at the first --count trials; progress is
printed, nothing is kept.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt

from redundancy.config import EngineConfig, GatewayConfig
from sparkplug import DataType, Metric, Payload, decode, encode
from tests.faults import bare
from tests.faults.bare import EDGE, ORDER, Body
from tests.faults.bare_pair import BarePair
from tests.faults.findings import spread
from tests.faults.ledger import keep_series
from tests.redundancy.brokers import PASSWORD, USER, Broker, running

LEASE = 0.5
_PATIENCE = 15.0


@dataclass(frozen=True)
class Command:
    """As the edge got it; `by` is the process that sent it."""

    at: float
    by: int


class TakesAll:
    """An edge node of another vendor that takes every command there is, from whoever."""

    def __init__(self, broker: Broker) -> None:
        self.taken: list[Command] = []
        self._base = f"spBv1.0/{EDGE.group}"
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="the-edge")
        self._client.username_pw_set(USER, PASSWORD)
        self._client.on_connect = self._connected
        self._client.on_message = self._got
        self._ready = threading.Event()
        self._client.connect("127.0.0.1", broker.port, keepalive=30)
        self._client.loop_start()
        assert self._ready.wait(10), "the edge could not connect"

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"{self._base}/NCMD/{EDGE.edge}", 1), ("spBv1.0/STATE/#", 1)])
        self._birth()
        self._ready.set()

    def _birth(self) -> None:
        now = time.time_ns() // 1_000_000
        metrics = (
            Metric("bdSeq", DataType.Int64, 0, now),
            Metric("Node Control/Rebirth", DataType.Boolean, False, now),
            Metric(ORDER, DataType.Int64, 0, now),
        )
        payload = encode(Payload(now, metrics, seq=0))
        self._client.publish(f"{self._base}/NBIRTH/{EDGE.edge}", payload, 0)

    def _got(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        at = time.clock_gettime(time.CLOCK_BOOTTIME)
        if "STATE" in message.topic:
            self._birth()
            return
        for metric in decode(message.payload).metrics:
            if metric.name == "Node Control/Rebirth":
                self._birth()
            elif isinstance(metric.value, int):
                self.taken.append(Command(at, metric.value // 1_000_000))

    def last(self) -> Command:
        return self.taken[-1] if self.taken else Command(0.0, 0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Trials:
    """The pair, its broker and its edge, for as many trials as one likes."""

    def __init__(self, pair: BarePair, edge: TakesAll, seed: int = 0) -> None:
        self.takeovers: list[float] = []
        self.accepted: list[str] = []
        self._pair = pair
        self._edge = edge
        self._draw = random.Random(seed)

    def holder(self) -> Body:
        """Who commands now, and has done so for a moment."""

        def steady() -> Body | None:
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            recent = {command.by for command in self._edge.taken[-50:] if command.at > now - 0.3}
            return next((b for b in self._nodes() if recent == {b.pid}), None)

        found = until(steady, "one node commands")
        assert isinstance(found, Body)
        return found

    def one(self, *, trapped: bool) -> None:
        """Freeze, wait for the heir, thaw, look."""
        zombie = self.holder()
        heir = next(body for body in self._nodes() if body is not zombie)
        time.sleep(self._draw.uniform(LEASE, LEASE + 0.3))  # the heir has settled as a standby
        frozen = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._freeze(zombie, trapped)
        until(lambda: self._edge.last().by == heir.pid, f"{heir.name} commands")
        first = next(c.at for c in self._edge.taken if c.at > frozen and c.by == heir.pid)
        self.takeovers.append(first - frozen)
        time.sleep(self._draw.uniform(0, 0.5))
        zombie.thaw()
        time.sleep(2 * LEASE)  # for it to say something
        late = [c for c in self._edge.taken if c.at > first and c.by == zombie.pid]
        kind = "in its trap" if trapped else "somewhere"
        self.accepted += [f"{zombie.name}, frozen {kind}: {1000 * (c.at - first):.0f} ms" for c in late]

    def _freeze(self, zombie: Body, trapped: bool) -> None:
        if not trapped:
            zombie.freeze()
            return
        trap = self._pair.folder / zombie.name / bare.TRAP
        trap.touch()
        until(lambda: not trap.exists(), "the trap springs")

    def _nodes(self) -> list[Body]:
        return [self._pair.bodies[name] for name in ("one", "two")]


@contextmanager
def trials(folder: Path, seed: int = 0) -> Iterator[Trials]:
    """Everything that is needed, gone afterwards."""
    bare.ready()
    with running("distributor", folder) as broker:
        server = broker.server("broker", keep_alive=5)
        gateway = GatewayConfig("Pair", "1-a", engine=EngineConfig("Primary", (server,)))
        pair, edge = BarePair(folder, LEASE, None, seed, gateway), TakesAll(broker)
        try:
            for body in pair.bodies.values():
                body.start()
            yield Trials(pair, edge, seed)
        finally:
            pair.close()
            edge.close()


def until(condition: Callable[[], object], what: str) -> object:
    end = time.monotonic() + _PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {_PATIENCE:g} s: {what}"
        time.sleep(0.005)
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults zombies", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tandem-") as name, trials(Path(name), asked.seed) as ours:
        for number in range(1, asked.count + 1):
            ours.one(trapped=number % 2 == 0)
            if number % 10 == 0:
                print(f"{number} of {asked.count}: {len(ours.accepted)} accepted", flush=True)
    measured = (
        f"{len(ours.accepted)} commands accepted from a resumed zombie in {asked.count} trials; the heir's "
        f"first command after {spread(ours.takeovers)} s"
    )
    print(measured, *ours.accepted[:10], sep="\n")
    keep_series(f"zombies --count {asked.count}", measured, passed=not ours.accepted)
    return 1 if ours.accepted else 0
