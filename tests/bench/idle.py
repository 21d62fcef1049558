"""What the six-node plant costs while nobody is signed in: processor time and memory of all its processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.plant.conftest import free_offset

_SETTLE = 15.0
_WATCH = 30.0


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        command = [
            sys.executable,
            "manage.py",
            "plant",
            "up",
            "--dir",
            folder,
            "--port-offset",
            str(free_offset()),
        ]
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdout is not None
            for line in keeper.stdout:
                if line.startswith("plant ready"):
                    break
            ready = time.monotonic() - started
            time.sleep(_SETTLE)
            row = _measure(psutil.Process(keeper.pid))
            keeper.terminate()
            keeper.wait(60)
    return [{"plant": "six nodes, a witness, the keeper", "ready after s": round(ready, 1), **row}]


def _measure(keeper: psutil.Process) -> dict[str, Any]:
    family = [keeper, *keeper.children(recursive=True)]
    before = {process.pid: _busy(process) for process in family}
    time.sleep(_WATCH)
    busy = sum(_busy(process) - before[process.pid] for process in family if process.is_running())
    share = busy / _WATCH / (psutil.cpu_count() or 1)
    memory = sum(_proportional(process.pid) for process in family)
    return {"processes": len(family), "% of all cores": round(share * 100, 1), "PSS MB": round(memory / 1e6)}


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _proportional(pid: int) -> int:
    """Bytes of a process, shared pages counted by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
