"""`plant drill`: the tutorial's failures on the running plant, measured from outside.

Every figure is what somebody at the API would see: milliseconds from the kill (or the request) until
a node says Active, until its MQTT is online, until every edge's values move again at the host; and
from the historian, how many of the Counter's numbers are missing or there twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hmi.plant import control, credentials
from hmi.plant.gate import Gate, Refused, Unreachable
from hmi.plant.layout import DEVICE, GROUP, Layout, PlantNode, layout
from redundancy.config import ConfigError

_PATIENCE = 30.0
_HEAL_PATIENCE = 60.0
_POLL = 0.015
_LEAD_MS = 1_000
_SETTLE = 6.0
EDGES = ("Edge 1", "Edge 2")


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario: milliseconds until each milestone, samples lost and doubled, and what went wrong."""

    scenario: str
    active_ms: int | None
    mqtt_ms: int | None
    edges_ms: int | None
    lost: int | None
    duplicates: int | None
    wrong: str = ""

    @property
    def passed(self) -> bool:
        return not self.wrong

    def row(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "active ms": self.active_ms,
            "mqtt ms": self.mqtt_ms,
            "edges online ms": self.edges_ms,
            "samples lost": self.lost,
            "doubled": self.duplicates,
            "result": "passed" if self.passed else self.wrong,
        }


class Plant:
    """The running plant, seen through its API and its control socket; laid out as in the demo, or as said."""

    def __init__(self, folder: Path, plan: Layout | None = None) -> None:
        self.folder = folder
        self.layout: Layout = plan or layout(_offset(control.ask(folder, "status")))
        token = credentials.credentials(folder)["admin"]["token"]
        self._gates = {node.name: Gate(node.http, token) for node in self.layout.nodes}

    def gate(self, node: PlantNode) -> Gate:
        return self._gates[node.name]

    def state(self, node: PlantNode) -> str:
        try:
            return str(self.gate(node).gateway()["state"])
        except (Unreachable, Refused):
            return "Down"

    def active(self, gateway: str) -> PlantNode:
        """The node that acts for a gateway. Raises ConfigError when none or both do."""
        acting = [node for node in self.layout.pair(gateway) if self.state(node) == "Active"]
        if len(acting) != 1:
            raise ConfigError(gateway, f"{len(acting)} of its nodes are active")
        return acting[0]

    def value(self, node: PlantNode, path: str) -> dict[str, Any]:
        try:
            return self.gate(node).read(path)[0]
        except (Unreachable, Refused):
            return {"value": None, "quality": "Bad", "timestamp": None}

    def kill(self, nodes: Iterable[PlantNode]) -> None:
        for node in nodes:
            control.ask(self.folder, "kill", node=node.name)

    def heal(self) -> None:
        """Start what is down, wait until every pair is whole again. Raises ConfigError if that takes long."""
        for row in control.ask(self.folder, "status"):
            if row["state"] == "Down":
                control.ask(self.folder, "start", node=row["name"])
        if not _until(lambda: not self.missing(), _HEAL_PATIENCE):
            raise ConfigError("plant", f"did not heal within {_HEAL_PATIENCE:g} s: {self.missing()}")

    def missing(self) -> str:
        """What lacks for every pair to be whole and every edge to move at both hosts; empty if nothing."""
        for gateway in self.layout.gateways:
            try:
                views = [self.gate(node).gateway() for node in self.layout.pair(gateway)]
            except (Unreachable, Refused) as error:
                return str(error)
            states = sorted(view["state"] for view in views)
            if states != ["Active", "Standby"]:
                return f"{gateway} is {' and '.join(states)}"
            if len({view["config_version"] for view in views}) != 1:
                return f"the nodes of {gateway} have different configurations"
            if not all(view["peer"] and view["peer"]["connected"] for view in views):
                return f"the nodes of {gateway} are not connected"
        for host in self.layout.pair("Primary"):
            for edge in EDGES:
                if not self.edge_moves(host, edge, _wall_ms() - 1000):
                    return f"{edge} does not move at {host.name}"
        return ""

    def edge_moves(self, host: PlantNode, edge: str, since_ms: int) -> bool:
        """Whether the edge is online at the host with values that were made after `since_ms`."""
        folder = f"[MQTT Engine]Edge Nodes/{GROUP}/{edge}"
        try:
            online, counter = self.gate(host).read(f"{folder}/Node Info/Online", f"{folder}/{DEVICE}/Counter")
        except (Unreachable, Refused):
            return False
        fresh = counter["quality"] == "Good" and _ms(counter["timestamp"]) > since_ms
        return online["value"] is True and fresh

    def samples(self, host: PlantNode, edge: str, start_ms: int, end_ms: int) -> list[int]:
        path = f"[MQTT Engine]Edge Nodes/{GROUP}/{edge}/{DEVICE}/Counter"
        rows = self.gate(host).history(path, _iso(start_ms), _iso(end_ms))
        return [int(value) for _, value, _ in rows]


Step = Callable[[Plant], Result]


def _fail(
    plant: Plant, name: str, gateways: tuple[str, ...], act: Callable[[list[PlantNode]], None]
) -> Result:
    """Do `act` to the active nodes of `gateways` and watch their peers take over."""
    victims = [plant.active(gateway) for gateway in gateways]
    heirs = [plant.layout.peer(victim) for victim in victims]
    start, wall = time.monotonic(), _wall_ms()
    act(victims)
    active = _since(start, lambda: all(plant.state(heir) == "Active" for heir in heirs))
    mqtt = _since(start, lambda: all(_mqtt_online(plant, heir) for heir in heirs))
    host = next((heir for heir in heirs if heir.gateway == "Primary"), None) or plant.active("Primary")
    edges = _since(start, lambda: all(plant.edge_moves(host, edge, wall) for edge in EDGES))
    wrong = _wrong(plant, heirs, {"active": active, "MQTT online": mqtt, "every edge online": edges})
    lost, doubled = _count(plant, host, wall)
    return Result(name, active, mqtt, edges, lost, doubled, wrong)


def _wrong(plant: Plant, heirs: list[PlantNode], milestones: dict[str, int | None]) -> str:
    late = [name for name, value in milestones.items() if value is None]
    if late:
        return f"not {', not '.join(late)} within {_PATIENCE:g} s"
    provider = {"Primary": "[MQTT Engine]Engine Info"}
    for heir in heirs:
        folder = provider.get(heir.gateway, "[MQTT Transmission]Transmission Info")
        role = plant.value(heir, f"{folder}/Redundancy Role")["value"]
        if role != heir.role.value:
            return f"{heir.name} shows role {role}"
    return ""


def _mqtt_online(plant: Plant, node: PlantNode) -> bool:
    server = "Chariot SCADA"
    path = f"[MQTT Engine]Engine Info/MQTT Clients/{server}/Online"
    if node.gateway != "Primary":
        path = f"[MQTT Transmission]Transmission Info/MQTT Clients/{GROUP}-{node.gateway}/Online"
    return plant.value(node, path)["value"] is True


def _count(plant: Plant, host: PlantNode, wall: int) -> tuple[int | None, int | None]:
    """The Counter's numbers around the fault: how many are missing, how many are there twice.

    The Counter is the wall clock in tenths of a second, so what must be there is known beforehand.
    """
    start, end = wall - _LEAD_MS, _wall_ms()
    expected = set(range(start // 100 + 1, end // 100))
    seen: dict[str, list[int]] = {edge: [] for edge in EDGES}

    def complete() -> bool:
        for edge in EDGES:
            seen[edge] = plant.samples(host, edge, start, end)
        return all(expected <= set(numbers) for numbers in seen.values())

    try:
        _until(complete, _SETTLE, pause=0.25)
    except (Unreachable, Refused):
        return None, None
    lost = sum(len(expected - set(numbers)) for numbers in seen.values())
    return lost, sum(len(numbers) - len(set(numbers)) for numbers in seen.values())


def _kill(name: str, gateways: tuple[str, ...]) -> Step:
    return lambda plant: _fail(plant, name, gateways, plant.kill)


def _ask(name: str, gateway: str) -> Step:
    def act(plant: Plant, victims: list[PlantNode]) -> None:
        plant.gate(victims[0]).post("/api/v1/redundancy/failover", {"reason": f"drill: {name}"})

    return lambda plant: _fail(plant, name, (gateway,), lambda victims: act(plant, victims))


SCENARIOS: dict[str, Step] = {
    "primary fails": _kill("primary fails", ("Primary",)),
    "edge 1 fails": _kill("edge 1 fails", ("Edge 1",)),
    "all active nodes fail": _kill("all active nodes fail", ("Primary", "Edge 1", "Edge 2")),
    "force failover of primary": _ask("force failover of primary", "Primary"),
    "force failover of edge 1": _ask("force failover of edge 1", "Edge 1"),
}


def run(folder: Path, rounds: int, only: list[str] | None, say: Callable[[str], Any]) -> list[Result]:
    """Run the scenarios in order, healing before each; answers one result per run."""
    plant = Plant(folder)
    results = []
    for number in range(rounds):
        for name in only or SCENARIOS:
            say(f"round {number + 1} of {rounds}: {name} ... ")
            plant.heal()
            # A node that has just come back has no history of the time before: give it a second to have some.
            time.sleep(2 * _LEAD_MS / 1000)
            try:
                result = SCENARIOS[name](plant)
            except (Unreachable, Refused, ConfigError) as error:
                result = Result(name, None, None, None, None, None, str(error))
            say(f"{'passed' if result.passed else result.wrong} (edges online {result.edges_ms} ms)\n")
            results.append(result)
    say("healing ... ")
    plant.heal()
    say("done\n")
    return results


def _offset(rows: list[dict[str, Any]]) -> int:
    port = next(int(row["http"].rpartition(":")[2]) for row in rows if row["http"])
    return port - layout().nodes[0].http.port


def _since(start: float, reached: Callable[[], bool]) -> int | None:
    return round((time.monotonic() - start) * 1000) if _until(reached, _PATIENCE) else None


def _until(condition: Callable[[], bool], patience: float, pause: float = _POLL) -> bool:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(text: str | None) -> int:
    return 0 if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
