"""`python -m tests.faults nodes --count N --seed S`: random trouble for a plant of whole nodes.

Each schedule takes fifteen seconds: nodes and the witness are killed, frozen and thawed, pair links and the
ways to the witness are cut in one or both directions; then all is healed. Watched from outside: never two
that say Active, no epoch with two owners, none that falls. Prints every schedule; goes on with the next seed
where it was stopped (`--again` begins anew).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence

from hmi.plant.layout import WITNESS
from redundancy.config import ConfigError
from tests.faults.laboratory import VAR, Laboratory, laboratory
from tests.faults.ledger import commit, keep_series
from tests.faults.measuring import Roles

TROUBLE = 15.0
_STATE = VAR / "nodes.json"
Step = tuple[float, str, Callable[[], None]]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults nodes", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="forget what has passed")
    asked = parser.parse_args(arguments)
    kept = _kept(asked.again)
    with laboratory() as plant:
        for seed in range(asked.seed, asked.seed + asked.count):
            if str(seed) in kept:
                continue
            kept[str(seed)] = found = play(seed, plant)
            _STATE.write_text(json.dumps({"commit": commit(), "done": kept}))
            print(f"seed {seed}: {'; '.join(found) or 'held'}", flush=True)
    bad = [seed for seed, found in kept.items() if found]
    measured = f"{len(kept)} schedules of whole nodes: {len(bad)} broke an invariant"
    print(measured, *bad)
    keep_series(f"nodes --count {asked.count} --seed {asked.seed}", measured, passed=not bad)
    return 1 if bad else 0


def play(seed: int, plant: Laboratory) -> list[str]:
    """One schedule; a sentence for everything that was wrong."""
    try:
        plant.whole()
        draw, begun = random.Random(seed), time.monotonic()
        steps: list[Step] = []
        moment = 0.5
        while moment < TROUBLE:
            steps += list(_one(draw, plant, moment))
            moment += draw.expovariate(1 / 2.5)
        with Roles(plant, plant.layout.gateways) as roles:
            for at, _, act in sorted(steps, key=lambda step: step[0]):
                time.sleep(max(0.0, begun + at - time.monotonic()))
                _tried(act)
            plant.whole()
    except (ConfigError, AssertionError) as error:
        return [str(error)]
    return [*_wrong(roles), *(f"two of {gateway} said Active" for _, gateway in roles.both)]


def _wrong(roles: Roles) -> list[str]:
    found = []
    for gateway, seen in roles.terms.items():
        epochs = [epoch for epoch, _ in seen]
        if epochs != sorted(epochs):
            found.append(f"{gateway}: terms {epochs}")
        owners = dict(seen)
        found += [f"{gateway}: term {e} has two owners" for e, name in seen if owners[e] != name]
    return found


def _one(draw: random.Random, plant: Laboratory, at: float) -> Iterator[Step]:
    assert plant.wires is not None
    wires = plant.wires
    name = draw.choice([*(node.name for node in plant.layout.nodes), WITNESS])
    way = draw.choice(wires.names)
    lasts = draw.choice((0.5, 1.0, 2.0, 4.0, 6.0))
    kind = draw.choice(("kill", "pause", "pause", "cut", "split"))
    ends = {"kill": "start", "pause": "resume"}
    if kind in ends:
        yield at, f"{kind} {name}", lambda: plant.control(kind, name)
        yield at + lasts, f"{ends[kind]} {name}", lambda: plant.control(ends[kind], name)
        return
    one = draw.choice(plant.layout.nodes)
    ways = (way,) if kind == "cut" else (f"{one.name} peer", f"{plant.layout.peer(one).name} peer")
    yield at, f"cut {ways}", lambda: wires.set(*ways, cut=True)
    yield at + lasts, f"mend {ways}", lambda: wires.set(*ways)


def _tried(act: Callable[[], None]) -> None:
    """What is down can't be paused, what runs can't be started: then nothing happens."""
    try:
        act()
    except ConfigError:
        return


def _kept(again: bool) -> dict[str, list[str]]:
    VAR.mkdir(parents=True, exist_ok=True)
    if again or not _STATE.exists():
        return {}
    said = json.loads(_STATE.read_text())
    return dict(said["done"]) if said["commit"] == commit() else {}
