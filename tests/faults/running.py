"""`python -m tests.faults.running SPEC.json`: a plant for the faults, until SIGTERM or its maker's end.

The same founding and the same keeper as of `plant up`; only addresses, worlds and clocks are others. Says
`plant ready` when it is. It owns the namespaces, so that they go with it whatever becomes of the tests.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any

from hmi.plant import founding
from hmi.plant.keeper import Keeper
from hmi.plant.layout import WITNESS, layout
from redundancy import identity
from tests.faults.clocks import PAGE
from tests.faults.network import Network

_PR_SET_PDEATHSIG = 1


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    folder = Path(spec["folder"])
    network = Network([*(node.name for node in layout().nodes), WITNESS]) if spec["namespaces"] else None
    try:
        if network is not None:
            network.open()
            print(json.dumps({"run": os.getpid(), "gateway": network.gateway}), flush=True)
        asyncio.run(_run(folder, spec, network))
    finally:
        if network is not None:
            network.close()


async def _run(folder: Path, spec: dict[str, Any], network: Network | None) -> None:
    plan = layout(spec["offset"], network.address) if network else layout(spec["offset"])
    with founding.lock(folder):
        people = await founding.found(folder, plan, say)
        for node in plan.nodes:
            _amend(folder / node.name, spec)
        inside = network.inside if network else (lambda _: [])
        keeper = Keeper(folder, plan, people["admin"]["token"], say, inside)
        keeper.stop_on_signals()
        serving = asyncio.create_task(keeper.serve())
        try:
            await keeper.start()
            await keeper.wait_until_ready()
            say("plant ready")
            await keeper.ended.wait()
        finally:
            keeper.ended.set()
            await keeper.stop()
            await serving


def _amend(folder: Path, spec: dict[str, Any]) -> None:
    """Where the node dials instead of its peer and the witness, its settings, and hands for its clocks."""
    raw = json.loads((folder / identity.FILE).read_text())
    doors = spec["doors"].get(raw["node"], {})
    if "peer" in doors:
        raw["peer"]["link"] = doors["peer"]
    if not spec["witness"]:
        raw["witness"] = None
    elif "witness" in doors:
        raw["witness"] = doors["witness"]
    raw["redundancy"] |= spec["redundancy"]
    identity.save(folder, raw)
    (folder / PAGE).write_bytes(struct.pack("dd", 0.0, 0.0))


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
