"""What becomes of a foreign edge node in a changeover, seen from outside: the API and a third client."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmi.plant import control
from hmi.plant.gate import Refused, Unreachable
from hmi.plant.layout import PlantNode
from redundancy.config import ConfigError
from tests.foreign.environments import command
from tests.interchange.peers import Peer
from tests.plant.conftest import RunningPlant
from tests.plant.observer import Observer

GROUP = "Foreign"
PATIENCE = 25.0
"""Seconds for an edge node to be seen moving again; one that is on a dead broker only will not be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one edge node in one changeover. `moves_after`: s until fresh values at the node that acts, None if
    not before everything was healed; `births`, `deaths`: its messages until then. `command`: what became of
    a write afterwards. `healed`: whether its values move after everything was started again."""

    changeover: str
    edge: str
    moves_after: float | None
    births: int
    deaths: int
    command: str
    healed: bool


@contextmanager
def running(peer: Peer, plant: RunningPlant) -> Iterator[None]:
    """The edge node as a process of its own, at the brokers of the plant, the master's first."""
    line, folder = command(peer)
    ports = [str(node.mqtt.port) for node in plant.layout.pair("Primary") if node.mqtt]
    account = plant.credentials["mqtt"]["integrator"]
    where = ["127.0.0.1", *ports, account["username"], account["password"], GROUP, peer.name]
    log = Path(plant.folder, f"{peer.name}.log")
    with (
        log.open("w") as output,
        subprocess.Popen([*line, *where], cwd=folder, stdout=output, stderr=output) as one,
    ):
        try:
            yield
        finally:
            one.terminate()
            one.wait(10)


def moves(plant: RunningPlant, edge: str, since: float) -> bool:
    """Whether the node that acts has a value of it that is younger than `since` (seconds since 1970)."""
    path = f"[MQTT Engine]Edge Nodes/{GROUP}/{edge}/Counter"
    try:
        (reading,) = plant.gate(plant.active("Primary")).read(path)
    except (Unreachable, Refused, ConfigError):
        return False
    told = reading["timestamp"]
    return reading["quality"] == "Good" and told is not None and told > _iso(since)


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def write(plant: RunningPlant, edge: str, value: int) -> str:
    """The outcome of a write to its Setpoint, in the API's word."""
    path = f"[MQTT Engine]Edge Nodes/{GROUP}/{edge}/Setpoint"
    try:
        answer = plant.gate(plant.active("Primary")).post(
            "/api/v1/tags/write", {"writes": [{"path": path, "value": value}]}
        )
    except (Unreachable, Refused, ConfigError) as error:
        return str(error)
    return str(answer[0]["outcome"])


def drive(
    plant: RunningPlant, observer: Observer, edges: list[str], name: str, act: Callable[[], Any]
) -> list[Outcome]:
    """One changeover, from a plant that is whole to one that is whole again."""
    begin = time.time()
    if not until(lambda: all(moves(plant, edge, begin) for edge in edges), 60):
        raise RuntimeError(f"before {name!r}: not every edge node of {edges} moves")
    start, wall = time.monotonic(), time.time()
    act()
    seen: dict[str, float] = {}

    def all_move() -> bool:
        for edge in edges:
            if edge not in seen and moves(plant, edge, wall + 0.5):
                seen[edge] = time.monotonic() - start
        return len(seen) == len(edges)

    until(all_move)
    told = {edge: write(plant, edge, int(time.time()) % 10_000) if edge in seen else "-" for edge in edges}
    counted = {edge: [_count(observer, start, kind, edge) for kind in ("NBIRTH", "NDEATH")] for edge in edges}
    plant.heal()
    healed_at = time.time()
    until(lambda: all(moves(plant, edge, healed_at) for edge in edges), 60)
    return [
        Outcome(name, edge, seen.get(edge), *counted[edge], told[edge], moves(plant, edge, healed_at))
        for edge in edges
    ]


def changeovers(plant: RunningPlant) -> dict[str, Callable[[], Any]]:
    """Every kind, by its name; each acts on whoever acts for the primary gateway at that moment."""

    def acting() -> PlantNode:
        return plant.active("Primary")

    def pause() -> None:
        node = acting().name
        plant.control("pause", node)
        time.sleep(6)
        plant.control("resume", node)

    def failover() -> Any:
        return plant.gate(acting()).post("/api/v1/redundancy/failover", {"reason": "foreign edge nodes"})

    master, backup = plant.layout.pair("Primary")
    return {
        "Force Failover": failover,
        "Force Failover back": failover,
        "the master's node is killed": lambda: plant.kill([master]),
        "the backup's node is killed": lambda: plant.kill([backup]),
        "the acting node stops for good (SIGTERM)": lambda: control.ask(
            plant.folder, "stop", node=acting().name
        ),
        "the acting node is frozen for 6 s": pause,
        "all three acting nodes are killed": lambda: plant.kill(
            [plant.active(gateway) for gateway in ("Primary", "Edge 1", "Edge 2")]
        ),
    }


def _count(observer: Observer, since: float, kind: str, edge: str) -> int:
    return sum(one.topic.endswith(f"/{edge}") for one in observer.since(since, kind))


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03}Z"
