"""`python -m tests.faults switches --count N`: planned switches of the host pair and of an edge pair.

Of the host pair: the longest time between two commands that a third client sees while somebody writes at both
nodes all the time, the NDEATHs there were, and how often STATE said offline. Of the edge pair: from its
goodbye to its birth. Prints every switch; nothing is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

from sparkplug import HostState
from tests.faults.findings import spread
from tests.faults.laboratory import Laboratory, laboratory
from tests.faults.ledger import keep_series
from tests.faults.measuring import Orders, gap
from tests.plant.observer import Observer
from tests.waiting import wait_for

_GAP, _REBIRTH = 0.2, 0.5


class Switch(NamedTuple):
    """What a third client saw: the command gap and the time from an edge node's goodbye to its birth in
    seconds; how many NDEATHs the host's part cost, and how many STATE messages that said offline."""

    gap: float
    deaths: int
    offline: int
    birth: float

    def __str__(self) -> str:
        cost = f"{self.deaths} NDEATH, {self.offline} STATE offline"
        return f"command gap {self.gap:.3f} s, {cost}; edge born {self.birth:.3f} s after its goodbye"


def switch(plant: Laboratory, third: Observer) -> Switch:
    with Orders(plant):
        longest, deaths, offline = host_switch(plant, third)
    return Switch(longest, deaths, offline, edge_switch(plant, third))


def host_switch(plant: Laboratory, third: Observer) -> tuple[float, int, int]:
    """Gap, deaths and offline of one switch, while `Orders` are given.

    Nobody asks the nodes how far they are meanwhile: the third client hears it.
    """

    def commands(since: float) -> int:
        return len(third.since(since, "DCMD"))

    old, begun = plant.active("Primary"), time.monotonic()
    wait_for(lambda: commands(begun) > 10, "commands arrive")
    start = time.monotonic()
    plant.ask_failover(old, "the test wants it there")
    wait_for(lambda: third.since(start, "STATE"), "the other node says that it is there")
    changed = third.since(start, "STATE")[0].at
    wait_for(lambda: commands(changed) > 10, "commands arrive again")
    end = time.monotonic()
    new = plant.layout.peer(old)
    wait_for(lambda: [plant.state(new), plant.state(old)] == ["Active", "Standby"], "the roles changed")
    states = [HostState.decode(seen.payload) for seen in third.since(start, "STATE")]
    offline = sum(not state.online for state in states)
    return gap(third, start - 0.3, end), len(third.since(start, "NDEATH")), offline


def edge_switch(plant: Laboratory, third: Observer) -> float:
    """Seconds from the edge node's goodbye to its birth."""
    start = time.monotonic()
    plant.fail_over("Edge 1")
    wait_for(lambda: third.since(start, "NBIRTH") and third.since(start, "NDEATH"), "it is born again")
    return third.since(start, "NBIRTH")[0].at - third.since(start, "NDEATH")[0].at


def observer(plant: Laboratory) -> Observer:
    account = plant.credentials["mqtt"]["observer"]
    brokers = [node.mqtt for node in plant.layout.brokers if node.mqtt]
    return Observer(brokers, account["username"], account["password"])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults switches", description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    asked = parser.parse_args(arguments)
    seen: list[Switch] = []
    with laboratory(wired=False) as plant:
        plant.whole()
        third = observer(plant)
        for number in range(1, asked.count + 1):
            seen.append(switch(plant, third))
            print(f"{number:>3} of {asked.count}: {seen[-1]}", flush=True)
            plant.whole()
        third.close()
    gaps, births = [one.gap for one in seen], [one.birth for one in seen]
    deaths, offline = sum(one.deaths for one in seen), sum(one.offline for one in seen)
    passed = max(gaps) <= _GAP and max(births) <= _REBIRTH and not deaths and not offline
    measured = (
        f"host pair: command gap {spread(gaps)} (s), {deaths} NDEATH, {offline} STATE offline; "
        f"edge pair: born after {spread(births)} (s)"
    )
    print(measured)
    keep_series(f"switches --count {asked.count}", measured, passed=passed)
    return 0 if passed else 1
