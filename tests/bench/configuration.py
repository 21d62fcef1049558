"""How long a configuration of 100,000 tags takes to the other node, from nothing, and one changed tag.

Two processes with a database and a pair link each, as in a node, without the MQTT around them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from hmi.plant.layout import layout, node_file
from redundancy import identity
from tests.plant.conftest import free_offset

TAGS = 100_000
EDITS = 20


class Child:
    """One node's process and what it says."""

    def __init__(self, folder: Path, offset: int, name: str) -> None:
        plant = layout(offset)
        folder.mkdir()
        identity.save(folder, node_file(plant, plant.node(name), "00" * 32, "the pair's key"))
        environment = {**os.environ, "TANDEM_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "hmi.settings"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.configuration_node"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.wait("ready")

    def order(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def wait(self, what: str, version: str | None = None) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["what"] == "trouble":
                print(said, file=sys.stderr)
            if said["what"] == what and version in (None, said.get("version")):
                return said
        raise RuntimeError(f"the process ended before it was {what}")

    def busy(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def end(self) -> None:
        self.order("end")
        self.process.wait(30)


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder, offset = Path(name), free_offset()
        master = Child(folder / "master", offset, "primary-master")
        rows = [_imported(master)]
        began, busy = time.monotonic(), master.busy()
        backup = Child(folder / "backup", offset, "primary-backup")
        linked = time.monotonic()
        version = rows[0].pop("version")
        applied = backup.wait("applied", version)
        spent = round(master.busy() - busy + backup.busy(), 1)
        rows.append(_row("from nothing to the backup's rows", applied["at"] - linked) | {"CPU s": spent})
        read = backup.wait("read", version)
        rows.append(_row("and read by the backup's worker", read["at"] - applied["at"]))
        rows += _edits(master, backup)
        print(f"with the start of the backup's process {applied['at'] - began:.1f} s", file=sys.stderr)
        master.end()
        backup.end()
    return rows


def _imported(master: Child) -> dict[str, Any]:
    began, busy = time.monotonic(), master.busy()
    master.order(f"install {TAGS}")
    done = master.wait("installed")
    row = _row("import on the master", done["at"] - began)
    return row | {"CPU s": round(master.busy() - busy, 1), "version": done["version"]}


def _edits(master: Child, backup: Child) -> list[dict[str, Any]]:
    saved, across = [], []
    for number in range(EDITS):
        master.order(f"edit {number * 7}")
        begun, edited = master.wait("begun"), master.wait("edited")
        applied = backup.wait("applied", edited["version"])
        saved.append(edited["at"] - begun["at"])
        across.append(applied["at"] - begun["at"])
        backup.wait("read", edited["version"])
    return [
        _row("one changed tag, saved on the master", _median(saved), max(saved)),
        _row("one changed tag, in the backup's rows", _median(across), max(across)),
    ]


def _row(what: str, seconds: float, most: float | None = None) -> dict[str, Any]:
    worst = "-" if most is None else round(most, 3)
    return {"what": what, "tags": TAGS, "s": round(seconds, 3), f"worst of {EDITS}, s": worst, "CPU s": "-"}


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
