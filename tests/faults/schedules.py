"""`python -m tests.faults schedules --count N --seed S`: random trouble for real pairs of three processes.

Two nodes and a witness, lease 0.3 s, links through wires. For four seconds any of them is killed and
started, frozen and thawed, and any link is cut in one or both directions, delayed or reset; then all is
mended and exactly one must act. Each node writes down when it found that it may act; I1 to I3 are checked
on that.

Goes on where it was stopped; `--again` begins anew. A schedule that fails is told with its story and kept in
var/faults/schedules; the others go on.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tests.faults import bare
from tests.faults.bare_pair import BarePair
from tests.faults.invariants import broken
from tests.faults.laboratory import VAR
from tests.faults.ledger import commit, keep_series
from tests.faults.wires import Weather, Wires

TROUBLE = 4.0
QUIET = 60.0
"""Seconds within which a mended pair must have exactly one that acts, for half a second without a pause.
An idle machine needs two; a busy one can't keep up a lease of 0.3 s for a while: no fault of the pair."""
_STATE = VAR / "schedules.json"
_BAD = VAR / "schedules"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults schedules", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--lanes", type=int, default=4, help="how many pairs at a time")
    parser.add_argument("--again", action="store_true", help="forget what has passed")
    asked = parser.parse_args(arguments)
    kept = _kept(asked.again)
    left = [seed for seed in range(asked.seed, asked.seed + asked.count) if str(seed) not in kept]
    print(f"{len(left)} schedules to go, {asked.count - len(left)} done before", flush=True)
    began = time.monotonic()
    bare.ready()
    wires = Wires()
    with ThreadPoolExecutor(asked.lanes) as pool:
        running = {pool.submit(play, seed, wires): seed for seed in left}
        for number, done in enumerate(as_completed(running), start=1):
            played = kept[str(running[done])] = done.result()
            _save(kept)
            if played["wrong"]:
                print(f"seed {running[done]}: {played['wrong']}", flush=True)
            if number % 20 == 0 or number == len(left):
                minutes = (len(left) - number) * (time.monotonic() - began) / number / 60
                failed = sum(bool(one["wrong"]) for one in kept.values())
                print(f"{number} of {len(left)}, {failed} failed, {minutes:.0f} min left", flush=True)
    wires.close()
    return _summary(asked, kept)


def _summary(asked: argparse.Namespace, kept: dict[str, Any]) -> int:
    ours = {seed: one for seed, one in kept.items() if asked.seed <= int(seed) < asked.seed + asked.count}
    failed = [seed for seed, one in ours.items() if one["wrong"]]
    terms, moments = (sum(one[what] for one in ours.values()) for what in ("terms", "moments"))
    measured = (
        f"{len(ours)} schedules from seed {asked.seed}, lease 0.3 s, {terms} terms, {moments} moments at "
        f"which a node might act: {len(failed)} broke an invariant"
    )
    print(f"{measured} {failed if failed else ''}")
    keep_series(f"schedules --count {asked.count} --seed {asked.seed}", measured, passed=not failed)
    return 1 if failed else 0


def play(seed: int, wires: Wires) -> dict[str, Any]:
    """One schedule: what was wrong (empty if nothing), how many terms there were, how many moments."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-schedule-"))
    pair = BarePair(folder, 0.3, wires, seed)
    story: list[str] = []
    try:
        _trouble(random.Random(seed), pair, story)
        _heal(pair, story)
        quiet = _settled(pair)
        moments = pair.moments()
        found = broken(moments)
        if not quiet:
            found.append(f"healed and quiet, but these act: {sorted(pair.acting(0.5)) or 'nobody'}")
    finally:
        pair.close()
    if found:
        _BAD.mkdir(parents=True, exist_ok=True)
        (_BAD / f"{seed}.txt").write_text("\n".join([*found, *story]))
        shutil.copytree(folder, _BAD / f"{seed}", dirs_exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    terms = len({moment.epoch for moment in moments})
    return {"wrong": "; ".join(found[:3]), "terms": terms, "moments": len(moments)}


def _trouble(draw: random.Random, pair: BarePair, story: list[str]) -> None:
    """Four seconds of it: what goes wrong is drawn, and with it when it is right again."""
    begun = time.monotonic()
    bodies = list(pair.bodies.values())
    due: list[tuple[float, str, Callable[[], None]]] = []
    for body in draw.sample(bodies, len(bodies)):
        due.append((draw.uniform(0, 0.5) if draw.random() < 0.5 else 0.0, f"{body.name} starts", body.start))
    moment = draw.uniform(0.3, 1.5)
    while moment < TROUBLE:
        due += list(_one(draw, pair, moment))
        moment += draw.expovariate(1 / 0.5)
    for at, what, act in sorted(due, key=lambda item: item[0]):
        time.sleep(max(0.0, begun + at - time.monotonic()))
        story.append(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {what}")
        act()


def _one(draw: random.Random, pair: BarePair, at: float) -> Iterator[tuple[float, str, Callable[[], None]]]:
    """Something that goes wrong at a moment, and its end."""
    body = draw.choice(list(pair.bodies.values()))
    way, wires = draw.choice(pair.ways), pair.wires
    assert wires is not None
    lasts = draw.choice((0.05, 0.15, 0.3, 0.6, 1.0, 1.0)) * draw.uniform(0.7, 1.3)
    kind = draw.choice(("kill", "freeze", "freeze", "cut", "one way", "split", "split", "slow", "reset"))
    if kind == "kill":
        yield at, f"{body.name} is killed", body.kill
        yield at + lasts, f"{body.name} starts", body.start
    elif kind == "freeze":
        yield at, f"{body.name} is stopped", body.freeze
        yield at + lasts, f"{body.name} goes on", body.thaw
    elif kind == "reset":
        yield at, f"{way}: reset", lambda: wires.set(way, reset=True)
    elif kind == "split":
        both = [pair.wire("one", "two"), pair.wire("two", "one")]
        yield at, "the pair link is cut", lambda: wires.set(*both, cut=True)
        yield at + lasts, "the pair link is mended", lambda: wires.set(*both)
    elif kind == "one way":
        yield at, f"{way}: nothing comes back", lambda: wires.set_one(way, back=Weather(cut=True))
        yield at + lasts, f"{way}: mended", lambda: wires.set(way)
    else:
        weather = {"cut": True} if kind == "cut" else {"delay": draw.uniform(0.02, 0.25), "jitter": 0.02}
        yield at, f"{way}: {weather}", lambda: wires.set(way, **weather)
        yield at + lasts, f"{way}: mended", lambda: wires.set(way)


def _heal(pair: BarePair, story: list[str]) -> None:
    story.append(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f} all is mended")
    assert pair.wires is not None
    pair.wires.set(*pair.ways)
    for body in pair.bodies.values():
        body.thaw()
        body.start()


def _settled(pair: BarePair) -> bool:
    """Until one acts, and only that one for half a second; False if that takes too long."""
    end = time.monotonic() + QUIET
    while time.monotonic() < end:
        if len(pair.acting(0.1)) == 1 and len(pair.acting(0.5)) == 1:
            return True
        time.sleep(0.1)
    return False


def _kept(again: bool) -> dict[str, Any]:
    if again or not _STATE.exists():
        return {}
    said = json.loads(_STATE.read_text())
    return dict(said["done"]) if said["commit"] == commit() else {}


def _save(kept: dict[str, Any]) -> None:
    VAR.mkdir(parents=True, exist_ok=True)
    _STATE.write_text(json.dumps({"commit": commit(), "done": kept}))
