"""One real plant for all tests of this folder: six nodes, two brokers, a witness, as `make demo` starts it.

Each test takes the plant healed, whoever is active; none relies on the order.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hmi.plant import control
from hmi.plant.drill import Plant
from hmi.plant.gate import Refused
from hmi.plant.layout import Layout, PlantNode, layout
from tests.plant.observer import Observer
from tests.ports import unused
from tests.waiting import wait_for

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def free_offset(first: int = 11000) -> int:
    """A port offset at which no listener of the plant meets another program's.

    Below the ports that the system hands to outgoing connections: one of those may hold any of them for a
    minute after it has ended.
    """
    for offset in range(first, 24000, 500):
        plant = layout(offset)
        wanted = [plant.witness, *(e for n in plant.nodes for e in (n.http, n.link, n.mqtt) if e)]
        if all(unused(where.port) for where in wanted):
            return offset
    raise RuntimeError("no room for a plant's ports")


class RunningPlant(Plant):
    """The plant under test, with its accounts and what the tests ask of it beyond the drill."""

    def __init__(self, folder: Path, plan: Layout | None = None) -> None:
        super().__init__(folder, plan)
        self.credentials: dict[str, Any] = json.loads((folder / "credentials.json").read_text())

    def control(self, op: str, node: str) -> None:
        control.ask(self.folder, op, node=node)

    def ask_failover(self, node: PlantNode, reason: str) -> None:
        """Ask `node` for a planned switch; once more while it has taken over only just now."""

        def accepted() -> bool:
            try:
                self.gate(node).post("/api/v1/redundancy/failover", {"reason": reason})
            except Refused as refused:
                if "just now" not in refused.reason:
                    raise
                return False
            return True

        wait_for(accepted, f"{node.name} may be moved")

    def states(self) -> dict[str, str]:
        return {node.name: self.state(node) for node in self.layout.nodes}


@pytest.fixture(scope="session")
def running_plant() -> Iterator[RunningPlant]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder = Path(name)
        log = (folder / "up.log").open("w+")
        command = [
            sys.executable,
            "manage.py",
            "plant",
            "up",
            "--dir",
            name,
            "--port-offset",
            str(free_offset()),
        ]
        keeper = subprocess.Popen(
            command, cwd=BASE_DIR, stdout=log, stderr=subprocess.STDOUT, env=_environment()
        )
        try:
            _wait_until_ready(keeper, folder / "up.log")
            yield RunningPlant(folder)
        finally:
            family = psutil.Process(keeper.pid).children(recursive=True) if keeper.poll() is None else []
            keeper.send_signal(signal.SIGTERM)
            keeper.wait(timeout=60)
            log.close()
            _, left = psutil.wait_procs(family, timeout=5)
        assert not left, f"the plant left processes behind: {left}"


def _environment() -> dict[str, str]:
    return {
        key: value for key, value in os.environ.items() if key not in ("TANDEM_DIR", "REDIS_URL", "PLANT_DIR")
    }


def _wait_until_ready(keeper: subprocess.Popen[bytes], log: Path) -> None:
    def ready() -> bool:
        if keeper.poll() is not None:
            pytest.fail(f"the plant did not start:\n{log.read_text()}")
        return "plant ready in" in log.read_text()

    wait_for(ready, "the plant is ready", patience=110)


@pytest.fixture
def plant(running_plant: RunningPlant) -> Iterator[RunningPlant]:
    """The plant with every pair whole: one active, one standby, edges moving."""
    for row in control.ask(running_plant.folder, "status"):
        if row["state"] == "Paused":
            running_plant.control("resume", row["name"])
    running_plant.heal()
    return running_plant


@pytest.fixture
def observer(plant: RunningPlant) -> Iterator[Observer]:
    """A third Sparkplug client on both brokers, which sees everything and says nothing."""
    account = plant.credentials["mqtt"]["observer"]
    watching = Observer(
        [n.mqtt for n in plant.layout.brokers if n.mqtt], account["username"], account["password"]
    )
    yield watching
    watching.close()
