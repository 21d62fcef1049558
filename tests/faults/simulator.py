"""`python -m tests.faults simulator --count N`: seeded histories of the real core, on every core.

The same histories as in tests/redundancy/core/test_simulation.py. Goes on after the last seed that has
passed; `--again` begins at `--seed`. A seed that fails is printed with its story, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from tests.faults.laboratory import VAR
from tests.faults.ledger import commit, keep_series
from tests.redundancy.core.histories import outcome

_BATCH = 100
_STATE = VAR / "simulator.json"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults simulator", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true", help="forget what has passed")
    asked = parser.parse_args(arguments)
    end = asked.seed + asked.count
    first, failed = _resumed(asked.seed, end, asked.again)
    began = time.monotonic()
    starts = iter(range(first, end, _BATCH))
    with ProcessPoolExecutor(asked.processes, initializer=os.nice, initargs=(10,)) as pool:
        while wave := list(islice(starts, 4 * asked.processes)):
            for found in pool.map(_batch, wave, [end] * len(wave)):
                for seed, story in found:
                    failed.append(seed)
                    print(f"seed {seed}:\n{story}", flush=True)
            done = min(wave[-1] + _BATCH, end)
            _keep(asked.seed, done, failed)
            rate = (done - first) / (time.monotonic() - began)
            left = (end - done) / rate / 60
            print(
                f"{done - asked.seed} of {asked.count}, {len(failed)} failed, {left:.0f} min left", flush=True
            )
    measured = f"{asked.count} histories from seed {asked.seed}: {len(failed)} broke an invariant"
    print(measured)
    keep_series(f"simulator --count {asked.count} --seed {asked.seed}", measured, passed=not failed)
    return 1 if failed else 0


def _batch(first: int, end: int) -> list[tuple[int, str]]:
    found = ((seed, outcome(seed, None)) for seed in range(first, min(first + _BATCH, end)))
    return [(seed, story) for seed, story in found if story]


def _resumed(seed: int, end: int, again: bool) -> tuple[int, list[int]]:
    if _STATE.exists() and not again:
        said = json.loads(_STATE.read_text())
        if said["commit"] == commit() and said["first"] == seed and said["done"] < end:
            print(f"going on after seed {said['done'] - 1}; --again forgets that")
            return said["done"], said["failed"]
    return seed, []


def _keep(first: int, done: int, failed: list[int]) -> None:
    VAR.mkdir(parents=True, exist_ok=True)
    _STATE.write_text(json.dumps({"commit": commit(), "first": first, "done": done, "failed": failed}))
