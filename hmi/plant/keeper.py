"""`plant up`: starts the witness and the six nodes, keeps the door for the other commands, ends it all.

The keeper is the parent of every node. It does not bring a killed node back: power loss lasts until
somebody says `plant start`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hmi.plant import control
from hmi.plant.gate import Gate, Refused, Unreachable
from hmi.plant.layout import WITNESS, Layout, PlantNode
from hmi.plant.processes import ProcessGroup
from redundancy.config import ConfigError

_STOP_GRACE = 20.0
_READY_PATIENCE = 90.0


class Keeper:
    """A running plant: its layout, its process groups, its control socket.

    `inside` is what a node's command begins with when it is to run in a world of its own.
    """

    def __init__(
        self,
        folder: Path,
        plant: Layout,
        token: str,
        say: Callable[[str], None],
        inside: Callable[[str], list[str]] = lambda _: [],
    ) -> None:
        self._folder = folder
        self._inside = inside
        self._plant = plant
        self._say = say
        self._gates = {node.name: Gate(node.http, token) for node in plant.nodes}
        self._groups = {node.name: self._node_group(node) for node in plant.nodes}
        self._groups[WITNESS] = ProcessGroup(
            WITNESS,
            [*inside(WITNESS), sys.executable, "-m", "redundancy.witness", "--dir", str(folder / WITNESS)],
            folder / WITNESS / "witness.log",
        )
        self._ops: dict[str, Callable[[str], Awaitable[Any]]] = {
            "status": lambda _: self.status(),
            "start": lambda name: self._group(name).start(),
            "stop": lambda name: self._group(name).stop(_STOP_GRACE),
            "kill": lambda name: self._group(name).kill(),
            "pause": self._pause,
            "resume": self._resume,
        }
        self.ended = asyncio.Event()

    def _node_group(self, node: PlantNode) -> ProcessGroup:
        folder = self._folder / node.name
        command = [sys.executable, "-m", "hmi.node.supervisor", "--dir", str(folder)]
        command = [*self._inside(node.name), *command]
        return ProcessGroup(
            node.name, command, folder / "log" / "node.log", {"DJANGO_SETTINGS_MODULE": "hmi.settings"}
        )

    async def start(self) -> None:
        """Start everything at once: no node needs another one to come first."""
        await asyncio.gather(*(group.start() for group in self._groups.values()))

    async def wait_until_ready(self) -> None:
        """Until each gateway has one active and one standby node and every edge is online at the host.

        Raises ConfigError with the last words of a node that went, or with what was still missing.
        """
        try:
            async with asyncio.timeout(_READY_PATIENCE):
                missing = await self._missing()
                while missing and not self.ended.is_set():
                    self._check_alive()
                    await asyncio.sleep(0.15)
                    missing = await self._missing()
        except TimeoutError:
            raise ConfigError("plant", f"not ready after {_READY_PATIENCE:g} s: {missing}") from None

    async def _missing(self) -> str:
        rows = await self.status()
        for gateway in self._plant.gateways:
            states = sorted(row["state"] for row in rows if row["gateway"] == gateway)
            if states != ["Active", "Standby"]:
                return f"{gateway} is {' and '.join(states)}"
        return await asyncio.to_thread(self._edges_missing, rows)

    def _edges_missing(self, rows: list[dict[str, Any]]) -> str:
        active = next(row["name"] for row in rows if row["gateway"] == "Primary" and row["state"] == "Active")
        edges = [gateway for gateway in self._plant.gateways if gateway != "Primary"]
        paths = [f"[MQTT Engine]Edge Nodes/Group 1/{edge}/Node Info/Online" for edge in edges]
        try:
            values = self._gates[active].read(*paths)
        except (Unreachable, Refused) as error:
            return str(error)
        waiting = [edge for edge, tag in zip(edges, values, strict=True) if tag["value"] is not True]
        return f"{', '.join(waiting)} not online at the host" if waiting else ""

    def _check_alive(self) -> None:
        for group in self._groups.values():
            if group.exit_code is not None:
                raise ConfigError(group.name, f"ended with code {group.exit_code}. {group.last_words()}")

    async def status(self) -> list[dict[str, Any]]:
        """One row a node, the witness last."""
        rows = await asyncio.gather(*(asyncio.to_thread(self._row, node) for node in self._plant.nodes))
        group = self._groups[WITNESS]
        witness: dict[str, Any] = {
            "name": WITNESS,
            "gateway": None,
            "role": None,
            "state": self._condition(group) or "Up",
        }
        witness |= {"epoch": None, "pid": group.pid, "http": None, "mqtt": None}
        return [*rows, witness]

    def _row(self, node: PlantNode) -> dict[str, Any]:
        group = self._groups[node.name]
        state, epoch = self._condition(group), None
        if state is None:
            try:
                seen = self._gates[node.name].gateway()
                state, epoch = seen["state"], seen["epoch"]
            except Unreachable:
                state = "Starting"
            except Refused as error:
                state = "Starting" if error.status in (401, 503) else f"Error ({error.reason})"
        mqtt = None if node.mqtt is None else str(node.mqtt)
        row = {"name": node.name, "gateway": node.gateway, "role": node.role.value, "state": state}
        return {**row, "epoch": epoch, "pid": group.pid, "http": node.url, "mqtt": mqtt}

    @staticmethod
    def _condition(group: ProcessGroup) -> str | None:
        if group.pid is None:
            return "Down"
        return "Paused" if group.paused else None

    def _group(self, name: str) -> ProcessGroup:
        if name not in self._groups:
            raise ConfigError("node", f"{name!r} is none of {', '.join(self._groups)}")
        return self._groups[name]

    async def _pause(self, name: str) -> None:
        self._group(name).pause()

    async def _resume(self, name: str) -> None:
        self._group(name).resume()

    async def serve(self) -> None:
        """Answer the other commands until the plant ends."""
        path = self._folder / control.SOCKET
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, str(path))
        path.chmod(0o600)
        async with server:
            await self.ended.wait()
        path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            line = await reader.readline()
            try:
                asked = json.loads(line)
                op = self._ops.get(asked.get("op"))
                if op is None:
                    raise ConfigError("op", f"{asked.get('op')!r} is not an operation")
                answer = {"result": await op(asked.get("node", ""))}
            except ConfigError as error:
                answer = {"field": error.field, "refused": error.reason}
            except ValueError:
                answer = {"field": "request", "refused": "is not one line of JSON"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    def stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ended.set)

    async def stop(self) -> None:
        """End every process: backups first, so that no role moves to a node that goes next."""
        self._say("stopping")
        masters = {self._plant.pair(gateway)[0].name for gateway in self._plant.gateways}
        backups = [g for name, g in self._groups.items() if name not in masters and name != WITNESS]
        for groups in (backups, [self._groups[name] for name in masters], [self._groups[WITNESS]]):
            running = [group for group in groups if group.pid is not None]
            await asyncio.gather(*(group.stop(_STOP_GRACE) for group in running))
