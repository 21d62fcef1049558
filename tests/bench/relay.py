"""The relay's publisher with its durable outbox beside bare paho without one: acknowledged messages a second.

QoS 1, MQTT 5, 100 bytes, the same server, in turns within one run; the figures that count are the ratios.
Beside the wall clock's the publishing process's own CPU time, which other work on the machine spoils less.
Nobody subscribes, or the relay's own receiver does, which puts every line on the disk; then a message
counts when its receipt is back, and bare paho has a bare subscriber, which puts nothing anywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.redundancy.brokers import KINDS, PASSWORD, USER, Broker, running
from tests.relay.processes import Relay, servers
from tests.waiting import wait_for

_ROUNDS = 3
_MESSAGES = int(os.environ.get("RELAY_MESSAGES", "10000"))
_TOPIC = "bench/relay"
_PATIENCE = 600.0


class Pace(NamedTuple):
    """Acknowledged messages a second, and microseconds of the publisher's CPU for each."""

    rate: float
    cpu: float


def run() -> list[dict[str, Any]]:
    rows = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="tandem-") as folder, running(kind, Path(folder)) as broker:
            rounds = [_round(Path(folder), broker, number) for number in range(_ROUNDS)]
        for heard in (False, True):
            ours = [one[heard, "relay"] for one in rounds]
            bare = [one[heard, "bare"] for one in rounds]
            rows.append(
                {
                    "server": kind,
                    "receiver": "the relay's, receipts" if heard else "none, PUBACK",
                    "bare paho a second": round(median(b.rate for b in bare)),
                    "relay a second": round(median(a.rate for a in ours)),
                    "of bare paho": round(
                        median(a.rate / b.rate for a, b in zip(ours, bare, strict=True)), 2
                    ),
                    "rounds": " ".join(f"{a.rate / b.rate:.2f}" for a, b in zip(ours, bare, strict=True)),
                    "CPU us, bare": round(median(b.cpu for b in bare)),
                    "CPU us, relay": round(median(a.cpu for a in ours)),
                }
            )
    return rows


def _round(folder: Path, broker: Broker, number: int) -> dict[tuple[bool, str], Pace]:
    found = {}
    for heard in (False, True):
        found[heard, "bare"] = _bare(broker, heard)
        found[heard, "relay"] = _relay(folder, broker, heard, f"{number}{heard:d}")
    return found


def _bare(broker: Broker, heard: bool) -> Pace:
    """A process of its own, like the relay's."""
    with ExitStack() as ending:
        if heard:
            subscriber = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.relay", "subscribe", str(broker.port)],
                stdout=subprocess.PIPE,
            )
            ending.callback(subscriber.wait)
            ending.callback(subscriber.kill)
            assert subscriber.stdout is not None
            subscriber.stdout.readline()
        told = subprocess.run(
            [sys.executable, "-m", "tests.bench.relay", "publish", str(broker.port)],
            check=True,
            capture_output=True,
        )
    seconds, cpu = map(float, told.stdout.split())
    return Pace(_MESSAGES / seconds, cpu / _MESSAGES * 1e6)


def _relay(folder: Path, broker: Broker, heard: bool, name: str) -> Pace:
    """From the connection to the last message out of the outbox, as its own process says."""
    lines = folder / "lines"
    lines.write_bytes(b"".join(b"%0100d\n" % number for number in range(_MESSAGES)))
    told = ["--topic", _TOPIC, "--file", lines, "--outbox", folder / f"outbox{name}", *servers([broker])]
    publisher = Relay(folder, f"publisher{name}", "publish", *told, *([] if heard else ["--plain"]))
    files = ["--inbox", folder / f"inbox{name}", "--output", folder / f"output{name}"]
    receiver = Relay(folder, f"receiver{name}", "receive", "--topic", _TOPIC, *files, *servers([broker]))
    with ExitStack() as ending:
        if heard:
            receiver.start()
            ending.callback(receiver.kill)
            wait_for(lambda: "is connected" in receiver.said, "the receiver", _PATIENCE)
        publisher.start()
        ending.callback(publisher.kill)
        wait_for(lambda: "is connected" in publisher.said, "the publisher", _PATIENCE, pause=0.002)
        assert publisher.process is not None
        begun, spent = time.monotonic(), _cpu(publisher.process.pid)
        wait_for(lambda: "ended: " in publisher.said, "the last message", _PATIENCE, pause=0.005)
        seconds, cpu = time.monotonic() - begun, _cpu(publisher.process.pid) - spent
        if heard:
            receiver.end()
    assert publisher.summary()["confirmed"] == _MESSAGES
    return Pace(_MESSAGES / seconds, cpu / _MESSAGES * 1e6)


def _cpu(process: int) -> float:
    """Seconds that a process has used; a dead one still says so until it is waited for."""
    parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def _client(port: int) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(USER, PASSWORD)
    client.connect("127.0.0.1", port)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    return client


def _publish(port: int) -> None:
    client, done, acked = _client(port), threading.Event(), 0

    def count(*_: object) -> None:
        nonlocal acked
        acked += 1
        if acked == _MESSAGES:
            done.set()

    client.on_publish = count
    begun, spent = time.monotonic(), time.process_time()
    for number in range(_MESSAGES):
        client.publish(_TOPIC, b"%0100d" % number, 1)
    done.wait(_PATIENCE)
    print(time.monotonic() - begun, time.process_time() - spent)


def _subscribe(port: int) -> None:
    client = _client(port)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.subscribe(_TOPIC, 1)
    threading.Event().wait()


if __name__ == "__main__":
    {"publish": _publish, "subscribe": _subscribe}[sys.argv[1]](int(sys.argv[2]))
