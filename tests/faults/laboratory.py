"""A plant to be spoiled: started as a process group of its own, watched from outside, gone at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from hmi.plant import control
from hmi.plant.gate import Gate, Refused, Unreachable
from hmi.plant.layout import WITNESS, PlantNode, layout
from tests.faults import network
from tests.faults.clocks import INJECTED
from tests.faults.network import Network
from tests.faults.wires import FAIR, Weather, Wires
from tests.plant.conftest import BASE_DIR, RunningPlant, free_offset
from tests.waiting import wait_for

VAR = BASE_DIR / "var" / "faults"
_FIRST_OFFSET = int(os.environ.get("FAULTS_OFFSET", "14000"))
_START = 120.0


class Laboratory(RunningPlant):
    """The running plant. `wires` has the pair links and the ways to the witness where it runs on loopback;
    `network` the cables where each node has a namespace of its own."""

    wires: Wires | None
    network: Network | None

    def pid(self, node: PlantNode, process: str) -> int:
        """Of one process of a node: node (the parent), redis, broker, web or worker."""
        pids = json.loads((self.folder / node.name / "processes.json").read_text())
        return int(pids[process])

    def signal(self, node: PlantNode, process: str, number: signal.Signals) -> None:
        os.kill(self.pid(node, process), number)

    def epoch(self, node: PlantNode) -> int:
        return int(self.gate(node).gateway()["epoch"])

    def view(self, node: PlantNode) -> dict[str, Any]:
        """What the node says of itself; nothing of it while it does not answer."""
        try:
            return self.gate(node).gateway()
        except (Unreachable, Refused):
            return {"state": "Down", "epoch": 0, "peer": None, "witness": None, "warnings": [], "why": ""}

    def sits(self, edge: str) -> PlantNode:
        """The primary node whose broker the edge's session is at, as the acting host knows it."""
        host = self.active("Primary")
        path = f"[MQTT Engine]Edge Nodes/Group 1/{edge}/Node Info/Current Server"
        own = wait_for(lambda: self.value(host, path)["value"], f"{edge} is at a server") == "Chariot SCADA"
        return host if own else self.layout.peer(host)

    def lose(self, frm: str, to: str) -> None:
        """What one node sends to the other (or to the witness) is lost, silently, until `mend`."""
        if self.network is not None:
            self.network.deafen(to, frm)
        else:
            self._one_way(frm, to, Weather(cut=True))

    def mend(self, frm: str, to: str) -> None:
        if self.network is not None:
            self.network.hear(to, frm)
        else:
            self._one_way(frm, to, FAIR)

    def _one_way(self, frm: str, to: str, weather: Weather) -> None:
        assert self.wires is not None
        if to == WITNESS:
            self.wires.set_one(f"{frm} witness", out=weather)
        elif frm == WITNESS:
            self.wires.set_one(f"{to} witness", back=weather)
        else:
            self.wires.set_one(f"{frm} peer", out=weather)
            self.wires.set_one(f"{to} peer", back=weather)

    def commanded(
        self, host: PlantNode, value: int, edge: str = "Edge 1", *, gate: Gate | None = None
    ) -> str:
        """The outcome of a write to the edge's Tag 1, by the plant's own connection or another."""
        path = f"[MQTT Engine]Edge Nodes/Group 1/{edge}/Device 1/Tag 1"
        try:
            answer = (gate or self.gate(host)).write(path, value)
        except Unreachable:
            return "unreachable"
        except Refused as error:
            return f"refused: {error.reason}"
        return str(answer["outcome"])

    def active_soon(self, gateway: str) -> PlantNode:
        """The node that acts, once exactly one does."""

        def one() -> PlantNode | None:
            acting = [node for node in self.layout.pair(gateway) if self.state(node) == "Active"]
            return acting[0] if len(acting) == 1 else None

        found: PlantNode = wait_for(one, f"one node of {gateway} acts")
        return found

    def fail_over(self, gateway: str) -> None:
        """A planned switch, until it is through."""
        old = self.active(gateway)
        new = self.layout.peer(old)
        self.ask_failover(old, "the test wants it there")
        wait_for(lambda: [self.state(new), self.state(old)] == ["Active", "Standby"], "the roles changed")

    def acting_where_edges_sit(self, *, together: bool = True) -> PlantNode:
        """The acting host, with the edges at its own broker (or at its peer's, if not `together`)."""
        if (self.sits("Edge 1") == self.active("Primary")) is not together:
            self.fail_over("Primary")
        return self.active("Primary")

    def whole(self) -> None:
        """Everything is mended, started and settled, and has been for a moment."""
        if self.wires is not None:
            self.wires.set(*self.wires.names)
        for row in self.rows():
            if row["state"] == "Paused":
                self.control("resume", row["name"])
        self.heal()

    @contextlib.contextmanager
    def broker_alone(self, node: PlantNode) -> Iterator[None]:
        """The broker of a node that is down runs, and nothing else of it."""
        file = self.folder / node.name / "distributor.json"
        command = [sys.executable, "-m", "redundancy.distributor", "--config", str(file)]
        inside = self.network.inside(node.name) if self.network is not None else []
        process = subprocess.Popen([*inside, *command], cwd=BASE_DIR, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = control.ask(self.folder, "status")
        return rows

    def processes(self) -> list[psutil.Process]:
        """Of all nodes, by their parents."""
        found = []
        for row in self.rows():
            if row["pid"] is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    parent = psutil.Process(row["pid"])
                    found += [parent, *parent.children(recursive=True)]
        return found


@contextlib.contextmanager
def laboratory(
    *, namespaces: bool = False, wired: bool = True, witness: bool = True, **redundancy: Any
) -> Iterator[Laboratory]:
    """A plant that is ready, and that is gone afterwards. `wired`: the links go through our own wires."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    wires = Wires() if wired and not namespaces else None
    offset = 0 if namespaces else free_offset(_FIRST_OFFSET)
    spec = {
        "folder": str(folder),
        "offset": offset,
        "namespaces": namespaces,
        "witness": witness,
        "redundancy": redundancy,
        "doors": _doors(wires, offset) if wires else {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    log = (folder / "up.log").open("w")
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.running", str(folder / "spec.json")],
        cwd=BASE_DIR,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=_environment(),
    )
    note = _note(keeper.pid, folder)
    try:
        wait_for(lambda: _ready(keeper, folder), "the plant is ready", patience=_START)
        yield _made(folder, keeper.pid, offset, wires, namespaces)
    finally:
        _end(keeper)
        log.close()
        if wires is not None:
            wires.close()
        shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)


def _made(folder: Path, run: int, offset: int, wires: Wires | None, namespaces: bool) -> Laboratory:
    joined = Network([*(n.name for n in layout().nodes), WITNESS], run) if namespaces else None
    if joined is not None:
        first = next(line for line in (folder / "up.log").read_text().splitlines() if line.startswith("{"))
        joined.found_at(json.loads(first)["gateway"])
    plant = Laboratory(folder, layout(offset, joined.address) if joined else layout(offset))
    plant.wires, plant.network = wires, joined
    return plant


def _doors(wires: Wires, offset: int) -> dict[str, dict[str, str]]:
    """A wire from each node to its peer and one to the witness."""
    plan = layout(offset)
    return {
        node.name: {
            "peer": str(wires.between(f"{node.name} peer", plan.peer(node).link)),
            "witness": str(wires.between(f"{node.name} witness", plan.witness)),
        }
        for node in plan.nodes
    }


def _ready(keeper: subprocess.Popen[bytes], folder: Path) -> bool:
    said = (folder / "up.log").read_text()
    if keeper.poll() is not None:
        raise AssertionError(f"the plant did not start:\n{said}")
    return "plant ready" in said


def _end(keeper: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(keeper.pid).children(recursive=True) if keeper.poll() is None else []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    keeper.send_signal(signal.SIGTERM)
    try:
        keeper.wait(timeout=60)
    except subprocess.TimeoutExpired:
        keeper.kill()
    _, left = psutil.wait_procs(family, timeout=5)
    for process in left:
        process.kill()
    assert not left, f"the plant left processes behind: {left}"


def _environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if k not in ("TANDEM_DIR", "REDIS_URL", "PLANT_DIR")}
    return {**ours, "PYTHONPATH": f"{INJECTED}:{BASE_DIR}"}


# -- what a run that was killed has left behind


def _note(pid: int, folder: Path) -> Path:
    VAR.mkdir(parents=True, exist_ok=True)
    note = VAR / f"running-{pid}.json"
    note.write_text(json.dumps({"folder": str(folder), "born": psutil.Process(pid).create_time()}))
    return note


def sweep() -> None:
    """End the nodes of plants whose keeper is no more, by what their notes say, and their namespaces."""
    for note in VAR.glob("running-*.json"):
        said = json.loads(note.read_text())
        if _lives(int(note.stem.split("-")[1]), said["born"]):
            continue
        for process in psutil.process_iter(["cmdline"]):
            if any(said["folder"] in word for word in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        shutil.rmtree(said["folder"], ignore_errors=True)
        note.unlink(missing_ok=True)
    if network.possible():
        network.sweep()


def _lives(pid: int, born: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - born) < 1
    except psutil.NoSuchProcess:
        return False
