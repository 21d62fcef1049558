"""Twenty rounds of every drill scenario, on a plant of its own: how long each takeover took."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hmi.plant import drill
from tests.plant.conftest import free_offset

ROUNDS = 20


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
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdout is not None
            for line in keeper.stdout:
                if line.startswith("plant ready"):
                    break
            results = drill.run(Path(folder), ROUNDS, None, sys.stderr.write)
            keeper.terminate()
            keeper.wait(60)
    return [_summary(name, [r for r in results if r.scenario == name]) for name in drill.SCENARIOS]


def _summary(name: str, results: list[drill.Result]) -> dict[str, Any]:
    def spread(values: list[int | None]) -> str:
        known = sorted(value for value in values if value is not None)
        return f"{known[len(known) // 2]} / {known[-1]}" if known else "-"

    return {
        "scenario": name,
        "passed": f"{sum(r.passed for r in results)} of {len(results)}",
        "active ms p50 / max": spread([r.active_ms for r in results]),
        "mqtt ms p50 / max": spread([r.mqtt_ms for r in results]),
        "edges ms p50 / max": spread([r.edges_ms for r in results]),
        "lost": sum(r.lost or 0 for r in results),
        "doubled": sum(r.duplicates or 0 for r in results),
    }
