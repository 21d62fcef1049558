"""The node's parent process: starts the node's processes, watches them, stops them in order.

A child that dies is started again after a pause that doubles from 0.25 s to 5 s and falls back once
it has lived for 10 s. A child that exits with code 3 was refused its port: that is for a person to
mend, so it is reported in one line and tried again every 5 s. On SIGTERM the worker goes first,
because it hands the role over; the broker and Redis stay until it has done so.

Runs without Django: `python -m hmi.node.supervisor --dir D`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hmi.node import redis_server
from redundancy import identity
from redundancy.config import ConfigError, Endpoint, NodeConfig

PROCESSES = "processes.json"
_PORT_TAKEN = 3
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the node.

    `grace` is how many seconds it may take to stop; it starts once the file `needs` exists.
    """

    name: str
    command: list[str]
    grace: float = 5.0
    needs: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


def children(node: NodeConfig, folder: Path) -> list[Child]:
    """The node's processes in the order in which they start; they stop the other way round."""
    python = sys.executable
    found = []
    if "REDIS_URL" not in os.environ:
        found.append(Child("redis", redis_server.command(folder)))
    if node.mqtt is not None and os.environ.get("DISTRIBUTOR") != "none":
        config = folder / "distributor.json"
        found.append(
            Child("broker", [python, "-m", "redundancy.distributor", "--config", str(config)], needs=config)
        )
    daphne = [python, "-m", "daphne", "-b", node.http.host, "-p", str(node.http.port)]
    daphne += ["--websocket_timeout", "-1", "--ping-interval", "20", "--no-server-name", "-v", "0"]
    found.append(Child("web", [*daphne, "hmi.asgi:application"], grace=2.0))
    celery = [python, "-m", "celery", "-A", "hmi.worker.celery:app", "worker", "-P", "threads", "-c", "4"]
    celery += ["--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
    found.append(Child("worker", [*celery, "-n", node.node], grace=12.0))
    return found


class Supervisor:
    """Keeps the children of one node alive until `stop`."""

    def __init__(self, folder: Path, wanted: Sequence[Child]) -> None:
        self._folder = folder
        self._wanted = list(wanted)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start everything, wait for `stop`, end everything."""
        (self._folder / "log").mkdir(exist_ok=True)
        for child in self._wanted:
            self._watchers[child.name] = asyncio.create_task(self._keep(child), name=child.name)
        await self._stopping.wait()
        for child in reversed(self._wanted):
            await self._end(child)
        (self._folder / PROCESSES).unlink(missing_ok=True)

    def stop(self) -> None:
        self._stopping.set()

    async def _keep(self, child: Child) -> None:
        pause = 0.25
        while not self._stopping.is_set():
            if child.needs is not None and not child.needs.exists():
                await self._pause(0.1)
                continue
            born = time.monotonic()
            code = await self._live(child)
            if self._stopping.is_set():
                return
            pause = 0.25 if time.monotonic() - born > 10 else min(pause * 2, 5.0)
            if code == _PORT_TAKEN:
                pause = 5.0
            say(f"{child.name} ended with code {code}; starting it again in {pause:g} s")
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _live(self, child: Child) -> int:
        log = self._folder / "log" / f"{child.name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "TANDEM_DIR": str(self._folder), **child.environment},
                preexec_fn=_die_with_parent,
            )
        self._running[child.name] = process
        self._note()
        code = await process.wait()
        self._running.pop(child.name, None)
        return code

    async def _end(self, child: Child) -> None:
        process = self._running.get(child.name)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(child.grace):
                    await process.wait()
            except TimeoutError:
                say(f"{child.name} did not stop within {child.grace:g} s and was killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await self._watchers[child.name]

    def _note(self) -> None:
        """Leave the pids where `plant` and people find them."""
        pids = {"node": os.getpid(), **{name: process.pid for name, process in self._running.items()}}
        fresh = self._folder / f"{PROCESSES}.new"
        fresh.write_text(json.dumps(pids), encoding="utf-8")
        fresh.replace(self._folder / PROCESSES)


def say(sentence: str) -> None:
    """One line for the person who reads the node's output."""
    print(sentence, flush=True)


def taken(endpoints: dict[str, Endpoint | None]) -> str | None:
    """The first listener whose port somebody else holds, as a sentence; None when all are free."""
    for name, where in endpoints.items():
        if where is None:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((where.host, where.port))
            except OSError as error:
                return f"{name}: {where} cannot be used ({error.strerror})"
    return None


def _die_with_parent() -> None:
    """A killed parent takes its children along: a node is one thing, alive or dead."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def prepare(folder: Path) -> list[Child]:
    """Check what must be right before anything starts. Raises ConfigError with field and reason."""
    node = identity.load(folder).node
    # An Independent node names a link, too, but listens on it only once it has a peer.
    problem = taken({"http": node.http, "link": node.listens if node.peer else None, "mqtt": node.mqtt})
    if problem:
        raise ConfigError("port", problem)
    return children(node, folder)


async def supervise(folder: Path, wanted: Sequence[Child]) -> None:
    supervisor = Supervisor(folder, wanted)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="hmi.node.supervisor", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    folder: Path = parser.parse_args(arguments).dir.resolve()
    try:
        wanted = prepare(folder)
    except ConfigError as error:
        print(f"the node does not start: {error}", file=sys.stderr, flush=True)
        return 2
    asyncio.run(supervise(folder, wanted))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
