"""Two and three real servers, each stopped, killed, frozen, cut and made to refuse us, ten times in turn."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from redundancy.adapter.config import Mode
from tests.failover.trial import KEEP_ALIVE, SETTINGS, SILENT, Fault, Losses, Trial, Turn, trial
from tests.redundancy.brokers import KINDS

SETS = {
    "2 servers": ("mosquitto", "distributor"),
    "3 servers": ("distributor", "mosquitto", "mosquitto"),
    "2 servers, all at once": ("mosquitto", "distributor"),
}
HEAD = (
    f"{'set':<23} {'fault':<17} {'turns':>5}  {'flow again, s':>15} {'bound':>5} {'lag':>5}  {'back, s':>7}  "
    f"{'moves':>7}  {'lost 0/1/2':>12}  {'with server':>11}  {'twice':>8}"
)


def bound(fault: Fault, keep_alive: int) -> float:
    """Seconds in which data must flow again."""
    return 1.5 * keep_alive + 1.0 if fault in SILENT else 1.0


def row(name: str, fault: Fault, turns: list[Turn], moves: int, losses: Losses, keep_alive: int) -> str:
    gaps = [turn.gap for turn in turns]
    backs = [turn.back for turn in turns if turn.back is not None]
    lag = max(turn.lag for turn in turns)
    flow = f"{statistics.median(gaps):.2f} / {max(gaps):.2f}"
    back = f"{max(backs):.1f}" if backs else "-"
    counts = [
        "/".join(str(each[qos]) for qos in (0, 1, 2))
        for each in (losses.lost, losses.with_server, losses.doubled)
    ]
    most = bound(fault, keep_alive)
    return (
        f"{name:<23} {fault:<17} {len(turns):>5}  {flow:>15} {most:>5.1f} {lag:>5.2f}  {back:>7}  "
        f"{moves:>7}  {counts[0]:>12}  {counts[1]:>11}  {counts[2]:>8}"
    )


async def rounds(plant: Trial, fault: Fault, count: int) -> list[Turn]:
    turns = []
    for number in range(count):
        turns.append(await plant.turn(fault))
        print(f"    {fault} {number + 1} of {count}: {turns[-1].gap:.2f} s", file=sys.stderr, flush=True)
    return turns


def faults_found(fault: Fault, turns: list[Turn], losses: Losses, keep_alive: int) -> list[str]:
    """What did not come out as it must."""
    found = []
    late = [turn.gap for turn in turns if turn.gap > bound(fault, keep_alive)]
    if late:
        found.append(f"{len(late)} of {len(turns)} turns took too long, {max(late):.2f} s at most")
    if losses.lost[1] or losses.lost[2]:
        found.append("messages at QoS 1 or 2 are lost")
    return found


async def main(options: argparse.Namespace) -> int:
    print(f"keep-alive {options.keep_alive} s, hold-off {SETTINGS.failback:g} s, {options.turns} turns each")
    print("lag: how late this process itself was at worst, in seconds")
    print("flow again: median / worst; moves: 2 a turn are a failover and a fail-back; lost, with server (a")
    print("server that was then killed had acknowledged it) and twice: at QoS 0/1/2")
    print(HEAD, flush=True)
    wrong = []
    for name, kinds in SETS.items():
        if options.sets and name not in options.sets:
            continue
        mode = Mode.ALL if "all" in name else Mode.FAILOVER
        kinds = tuple(kind if kind in KINDS else "distributor" for kind in kinds)
        for fault in options.faults or list(Fault):
            wrong += await one_row(name, kinds, mode, Fault(fault), options)
    for each in wrong:
        print("WRONG:", each)
    return bool(wrong)


async def one_row(
    name: str, kinds: Sequence[str], mode: Mode, fault: Fault, options: argparse.Namespace
) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(SETTINGS, mode=mode)
        async with trial(kinds, Path(folder), settings, options.keep_alive) as plant:
            before = plant.switches
            turns = await rounds(plant, fault, options.turns)
            moves = plant.switches - before
            losses = await plant.counted()
    print(row(name, fault, turns, moves, losses, options.keep_alive), flush=True)
    wrong = faults_found(fault, turns, losses, options.keep_alive)
    if mode is Mode.FAILOVER and moves != 2 * len(turns):
        wrong.append(f"the data moved {moves} times in {len(turns)} turns")
    return [f"{name}, {fault}: {each}" for each in wrong]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--keep-alive", type=int, default=KEEP_ALIVE)
    parser.add_argument("--faults", nargs="*", choices=[fault.value for fault in Fault])
    parser.add_argument("--sets", nargs="*", choices=list(SETS))
    began = time.monotonic()
    code = asyncio.run(main(parser.parse_args()))
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
