"""A node's worker without its plant: real desk, image and publisher over a real Redis, invented values.

Runs on a thread and loop of its own, so that a test can turn its state and its values while pages,
sockets and a browser look on. What it is asked to do it writes down instead of doing it.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import redis

from hmi.desk import DeskError
from hmi.node import redis_server
from hmi.tags.about import About
from hmi.tags.path import PathError, canonical
from hmi.tags.value import Quality
from hmi.tags.wire import to_iso, to_wire, too_large
from hmi.worker.adapter.board import AdapterBoard
from hmi.worker.adapter.components import Component, Components
from hmi.worker.desk.desk import Desk
from hmi.worker.desk.overview import overview
from hmi.worker.desk.pair_operations import Paired, PairOperations
from hmi.worker.gateway_state import GatewayState
from hmi.worker.providers.image import TagImage
from hmi.worker.publisher import Publisher
from redundancy.adapter.reports import ComponentStatus
from redundancy.clock import Clock
from redundancy.config import NodeConfig
from redundancy.core.view import PeerView, WitnessView
from redundancy.ports import EdgeView, GatewayView
from redundancy.replication.reconciler import Reconciler
from sparkplug import EdgeNodeId
from tests.redundancy.item_sets import ItemSet
from tests.waiting import PATIENCE

FOREVER = 1e9


async def _selects_nothing(_component: str, _entries: list[dict[str, Any]]) -> None:
    """A fake worker edits nothing."""


def wall() -> int:
    return time.time_ns() // 1_000_000


def start_redis(folder: Path) -> subprocess.Popen[bytes]:
    """A Redis-protocol server on `folder`'s socket, answering."""
    process = subprocess.Popen(redis_server.command(folder), stdout=subprocess.DEVNULL)
    client = redis.Redis.from_url(f"unix://{folder / redis_server.SOCKET}")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            client.ping()
        except redis.RedisError:
            assert time.monotonic() < end, "Redis did not start"
            time.sleep(0.02)
        else:
            client.close()
            return process


class FakeRuntime:
    """Everything public may be called from any thread."""

    def __init__(self, url: str, node: NodeConfig) -> None:
        self.url, self.node, self.clock = url, node, Clock()
        self.written: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusal: DeskError | None = None
        self.write_outcome = "confirmed"
        self.read_only: set[str] = set()
        self._view = first_view(node, self.clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"fake {node.node}", daemon=True)
        self._ready = threading.Event()

    def start(self) -> FakeRuntime:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    # -- what a test turns

    def put(self, path: str, value: Any, type: str = "Int32", quality: Quality = Quality.GOOD) -> None:
        self._call(lambda: self.image.put(path, value, wall(), type, quality))

    def describe(self, path: str, about: About) -> None:
        self._call(lambda: self.image.describe(path, about))

    def forget(self, path: str) -> None:
        self._call(lambda: self.image.remove(path))

    def stale(self, path: str) -> None:
        self._call(lambda: self.image.stale(path, wall()))

    def components(self, *components: Component) -> None:
        """The adapter's components, on a real board without sessions."""
        self._call(lambda: self.board.configure(Components(components)))

    def component(self, status: ComponentStatus) -> None:
        self._call(lambda: self.board.component(status))

    def view(self, **changes: Any) -> None:
        """Turn fields of the GatewayView; browsers hear of it at once."""

        def turn() -> None:
            self._view = replace(self._view, **changes)
            self.pair.saw(self._view)
            self.publisher.news()

        self._call(turn)

    def become(self, state: str, epoch: int, peer_state: str, **changes: Any) -> None:
        """This node's state, and its peer's."""
        now = self.clock.now().mono
        peer = self._view.peer and replace(self._view.peer, state=peer_state, connected=True, last_seen=now)
        why = f"{self.node.node} is {state.lower()}."
        until = FOREVER if state == "Active" else 0.0
        self.view(state=state, epoch=epoch, since=now, why=why, lease_until=until, peer=peer, **changes)

    def lose_peer(self) -> None:
        peer = self._view.peer
        assert peer is not None
        self.view(peer=replace(peer, connected=False, last_seen=self.clock.now().mono - 42))

    # -- the machinery

    def _call(self, work: Callable[[], Any]) -> Any:
        done: Any = None
        finished = threading.Event()

        def run() -> None:
            nonlocal done
            done = work()
            finished.set()

        self._loop.call_soon_threadsafe(run)
        assert finished.wait(5)
        return done

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())

    async def _live(self) -> None:
        self._end = asyncio.Event()
        self.image = TagImage()
        self.publisher = Publisher(
            self.url, self.image, GatewayState(self.node), lambda: self._view, self.clock
        )
        self.exchange = Reconciler(ItemSet(), self.clock, lambda *_: None)
        self.pair = PairOperations(self.node, self.clock, self._version, self.exchange)
        self.pair.attach(cast(Paired, SimpleNamespace(view=lambda: self._view, loop_lag=0.0)))
        self.pair.saw(self._view)
        names = "read browse write pair failover maintenance resync watch unwatch overview poke metrics"
        self.board = AdapterBoard(
            self.image,
            lambda _sample: None,
            wall,
            lambda *_: None,
            lambda _seconds: True,
            lambda: "",
            _selects_nothing,
            self.node.url,
        )
        own = {name: getattr(self, f"_{name}") for name in names.split()}
        self.desk = Desk(self.url, own | self.board.table)
        tasks = [asyncio.create_task(work) for work in (self.desk.run(), self.publisher.run())]
        self._ready.set()
        await self._end.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- the desk's operations

    async def _read(self, paths: list[str], about: bool = False) -> list[dict[str, Any]]:
        return [self._reading(path) | (self._told(path) if about else {}) for path in paths]

    def _told(self, path: str) -> dict[str, Any]:
        known = self.image.about(path)
        tag = self.image.get(path)
        note = too_large(tag.value) if tag else ""
        return {
            "note": note,
            "about": known._replace(read_only=known.read_only or path in self.read_only)._asdict(),
        }

    async def _browse(self, path: str = "") -> list[dict[str, Any]]:
        children = self.image.browse(path)
        if children is None:
            raise DeskError(404, "not found", f"there is no folder {path}", "Browse from the providers down.")
        return [
            {"name": each.name, "path": each.path, "kind": each.kind, "type": each.datatype or None}
            for each in children
        ]

    async def _write(self, writes: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
        answers = []
        for asked in writes:
            path = canonical(asked["path"])
            tag = self.image.get(path)
            outcome, detail = self.write_outcome, ""
            if tag is None or path in self.read_only:
                outcome, detail = "refused", f"{path} is read-only"
            elif outcome == "confirmed":
                self.image.put(path, asked["value"], wall(), tag.datatype)
                self.written.append({**asked, "by": by})
            old = to_wire(tag.value) if tag else None
            answers.append({"path": asked["path"], "outcome": outcome, "detail": detail, "old": old})
        return answers

    @staticmethod
    async def _version() -> str:
        return "1"

    async def _pair(self, minutes: float = 15.0) -> dict[str, Any]:
        return await self.pair.pair(minutes)

    async def _failover(self, reason: str, by: str, **more: Any) -> dict[str, str]:
        self._note("failover", reason=reason, by=by, **more)
        return {"changeover": "changeover-1"}

    async def _maintenance(self, on: bool, by: str, reason: str) -> dict[str, bool]:
        self._note("maintenance", on=on, by=by, reason=reason)
        return {"maintenance": on}

    async def _resync(self, by: str) -> dict[str, str]:
        self._note("resync", by=by)
        return {"config_version": "1"}

    async def _watch(self, web: str, paths: list[str]) -> dict[str, Any]:
        return self.publisher.watch(web, paths)

    async def _unwatch(self, web: str) -> None:
        self.publisher.unwatch(web)

    async def _overview(self) -> dict[str, Any]:
        return overview(self.node, self._view, self.image)

    async def _poke(self, reload: bool = True) -> dict[str, str]:
        return {"config_version": "1"}

    async def _metrics(self) -> dict[str, float]:
        return {}

    def _note(self, op: str, **args: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append((op, args))

    def _reading(self, asked: str) -> dict[str, Any]:
        try:
            tag = self.image.get(canonical(asked))
        except PathError:
            tag = None
        if tag is None:
            return {"path": asked, "value": None, "quality": "NotFound", "timestamp": None, "type": None}
        return {
            "path": asked,
            "value": None if too_large(tag.value) else to_wire(tag.value),
            "quality": tag.quality.value,
            "timestamp": to_iso(tag.timestamp),
            "type": tag.datatype,
        }


def first_view(node: NodeConfig, clock: Clock) -> GatewayView:
    """An active node with everything in order."""
    now = clock.now().mono
    peer = PeerView(node.peer.node, True, "Standby", 12, now, "7", True) if node.peer else None
    return GatewayView(
        gateway=node.gateway,
        node=node.node,
        role=node.role.value,
        state="Active",
        epoch=12,
        why="The peer and the witness have granted the role.",
        since=now - 65,
        lease_until=FOREVER,
        cause="start",
        peer=peer,
        witness=WitnessView(True, True, now) if node.witness else None,
        policy="safety",
        switch_pending=False,
        warnings=(),
        modules={"engine": "Running", "distributor": "Running"},
        config_version="7",
        lag=0,
        servers={"Chariot SCADA": True, "Chariot SCADA Peer": True},
        edges={},
    )


ENGINE, EDGES = "[MQTT Engine]Engine Info", "[MQTT Engine]Edge Nodes"
TAG_1 = f"{EDGES}/Group 1/Edge 1/Device 1/Tag 1"


def fill_primary(runtime: FakeRuntime) -> None:
    """What the tutorial's primary shows in normal operation."""
    runtime.put(f"{ENGINE}/Redundancy State", "Active", "String")
    runtime.put(f"{ENGINE}/Redundancy Role", runtime.node.role.value, "String")
    runtime.put(f"{ENGINE}/MQTT Clients/Chariot SCADA/Online", True, "Boolean")
    edges = {}
    for number, name in ((1, "Edge 1"), (2, "Edge 2")):
        folder = f"{EDGES}/Group 1/{name}"
        runtime.put(f"{folder}/Node Info/Online", True, "Boolean")
        runtime.put(f"{folder}/Device 1/Tag 1", number * 10, "Int32")
        runtime.put(f"{folder}/Device 1/Counter", wall() // 100, "Int64")
        told = {"Node": f"edge{number}-master", "Role": "Master", "State": "Active", "Epoch": 3}
        for key, value in {**told, "Peer Node": f"edge{number}-backup", "Peer State": "Standby"}.items():
            runtime.put(f"{folder}/Redundancy/{key}", value, "String")
        devices = {"Device 1": True}
        edges[f"Group 1/{name}"] = EdgeView(EdgeNodeId("Group 1", name), True, "Chariot SCADA", "", devices)
    runtime.view(edges=edges)
