"""Nodes and witnesses that are nothing but lease, link and, where wanted, the sessions of a host.

Each is a real process around the real Runtime, or the real Witness, forked from a server that has imported
everything, so that a restart costs milliseconds. A node writes a line for every moment at which it found
that it may act, with CLOCK_BOOTTIME before and after it looked: what the invariants are checked on.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import redundancy.mqtt
from redundancy.clock import Clock
from redundancy.config import Endpoint, GatewayConfig, NodeConfig
from redundancy.ports import GatewayView
from redundancy.replication.records import MemoryStore, Record
from redundancy.runtime import Runtime
from redundancy.witness import Witness
from sparkplug import EdgeNodeId, Metric

LOG = "moments"
ORDER = "Order"
EDGE = EdgeNodeId("Group 1", "Edge 1")
TRAP = "trap"
_LOOK = 0.004
_PR_SET_PDEATHSIG = 1
_FORKED = get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.faults.bare"])


def ready() -> None:
    """Start the server that bodies are forked from: in the main thread, so that it ends with the process."""
    forkserver.ensure_running()


@dataclass(frozen=True)
class Moment:
    """The node found between `before` and `after` that it may act under `epoch`, at least until `until`."""

    before: float
    after: float
    epoch: int
    until: float
    node: str
    boot: int

    @property
    def life(self) -> str:
        """The node in one of its lives."""
        return f"{self.node} (process {self.boot})"


class Body:
    """A process that can be started again and again on the same folder."""

    def __init__(self, name: str, live: Any, *arguments: Any) -> None:
        self.name = name
        self._live = live
        self._arguments = arguments
        self._process: BaseProcess | None = None
        self.frozen = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        if not self.up:
            self.frozen = False
            self._process = _FORKED.Process(target=self._live, args=self._arguments, daemon=True)
            self._process.start()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
            self._process.close()
            self._process, self.frozen = None, False

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self.frozen = False

    def _signal(self, number: signal.Signals) -> None:
        if self.up and self.pid is not None:
            os.kill(self.pid, number)


def node(config: NodeConfig, folder: Path, gateway: GatewayConfig | None = None) -> Body:
    """A node of a pair; with an Engine in `gateway` it also writes ORDER to EDGE, as fast as it may."""
    folder.mkdir(parents=True, exist_ok=True)
    return Body(config.node, _live_node, config, folder, gateway or GatewayConfig(config.gateway, "1-a"))


def witness(listen: Endpoint, key: bytes, folder: Path, lease: float) -> Body:
    folder.mkdir(parents=True, exist_ok=True)
    return Body("witness", _live_witness, listen, key, folder, lease)


def moments(folder: Path, name: str) -> list[Moment]:
    """Every moment that a node has written down, in all its lives. A line cut short by SIGKILL is none."""
    path = folder / LOG
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        words = line.split()
        if len(words) == 5:
            clock = (float(words[0]), float(words[1]), int(words[2]), float(words[3]))
            found.append(Moment(*clock, name, int(words[4])))
    return found


# -- inside the processes


class _Silent:
    """A Sink that nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None

    def gateway(self, view: GatewayView) -> None: ...

    def applied(self, records: Sequence[Record]) -> None: ...


class _NoTags:
    """A gateway without edge nodes of its own."""

    def births(self, edge: EdgeNodeId) -> tuple[tuple[Metric, ...], dict[str, tuple[Metric, ...]]]:
        return (), {}

    async def command(self, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...]) -> None: ...


def _live_node(config: NodeConfig, folder: Path, gateway: GatewayConfig) -> None:
    _go_with_parent()
    _spring(folder / TRAP)
    asyncio.run(_run_node(config, folder, gateway))


async def _run_node(config: NodeConfig, folder: Path, gateway: GatewayConfig) -> None:
    parts = (config, gateway, folder, Clock(), MemoryStore(), _Silent(), _NoTags())
    runtime = Runtime(*parts)
    tasks = [asyncio.create_task(runtime.run()), asyncio.create_task(_look(runtime, folder))]
    if gateway.engine is not None:
        tasks.append(asyncio.create_task(_order(runtime)))
    await asyncio.gather(*tasks)


async def _look(runtime: Runtime, folder: Path) -> None:
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while True:
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        if runtime.holds():
            after = time.clock_gettime(time.CLOCK_BOOTTIME)
            view = runtime.view()
            line = f"{before:.6f} {after:.6f} {view.epoch} {view.lease_until:.6f} {os.getpid()}\n"
            os.write(log, line.encode())
        await asyncio.sleep(_LOOK)


async def _order(runtime: Runtime) -> None:
    """Commands without end; whether they may leave is the engine's to say."""
    under_way: set[asyncio.Task[Any]] = set()
    number = os.getpid() * 1_000_000
    while True:
        number += 1
        task = asyncio.create_task(runtime.write(EDGE, None, ORDER, number, 0.2))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        await asyncio.sleep(_LOOK)


def _live_witness(listen: Endpoint, key: bytes, folder: Path, lease: float) -> None:
    _go_with_parent()

    async def serve() -> None:
        await Witness(listen, key, folder, Clock(), lease=lease).start()
        await asyncio.Event().wait()

    asyncio.run(serve())


def _spring(trap: Path) -> None:
    """While the file is there, this process stops itself on the way from the look at the lease to the socket.

    It is gone once it has sprung.
    """
    publish = redundancy.mqtt.Connection.publish

    def stopped(self: redundancy.mqtt.Connection, topic: str, *rest: Any, **more: Any) -> int:
        if "/NCMD/" in topic and trap.exists():
            trap.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
        return publish(self, topic, *rest, **more)

    redundancy.mqtt.Connection.publish = stopped  # type: ignore[method-assign]


def _go_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if b"multiprocessing.forkserver" in Path("/proc/self/cmdline").read_bytes():
    _go_with_parent()  # this import is the server's own: it goes with who started it, and its bodies with it
