"""Clocks, CPU, memory, floods, slow wires, a node that can't work: faults 24 to 28, 33, 34 and 49."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator

import psutil
import pytest

from hmi.plant.drill import EDGES
from hmi.plant.layout import PlantNode
from redundancy.config import Endpoint
from tests.faults import clocks
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import (
    Roles,
    busy,
    edges_move,
    lost_and_doubled,
    nothing_changes,
    seconds_until,
    takeover,
    wall_ms,
)
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(400)
HOUR = 3600.0
JITTER = float(os.environ.get("FAULTS_JITTER", "60"))
"""Seconds of fault 26 here; `python -m tests.faults jitter` takes as long as one likes."""


@pytest.mark.fault(24)
@pytest.mark.parametrize("who", ["active", "standby", "edge"])
def test_a_wall_clock_that_jumps_moves_no_role_and_strands_no_edge(
    plant: Laboratory, third: Observer, found: Findings, who: str
) -> None:
    host = plant.active("Primary")
    moved = {"active": host, "standby": plant.layout.peer(host), "edge": plant.active("Edge 1")}[who]
    start = time.monotonic()
    try:
        with nothing_changes(plant, seconds=1):
            for jump in (HOUR, -HOUR, 30 * 365 * 24 * HOUR):
                clocks.move(plant.folder / moved.name, wall=jump)
                count = {edge: len(data(third, edge)) for edge in EDGES}
                for edge in EDGES:
                    wait_for(
                        lambda edge=edge, count=count: len(data(third, edge)) > count[edge] + 10,
                        f"{edge} goes on with {moved.name} {jump:g} s off",
                    )
                assert plant.commanded(host, 24) == "confirmed"
        assert not third.since(start, "NDEATH")
        # Whatever the clock did, the next host outranks what was said before.
        plant.fail_over("Primary")
    finally:
        clocks.move(plant.folder / moved.name)
    new = plant.active("Primary")
    assert plant.commanded(new, 25) == "confirmed"
    plant.fail_over("Primary")
    stamps = [json.loads(s.payload)["timestamp"] for s in third.since(start, "STATE")]
    assert stamps == sorted(stamps), "STATE's timestamp fell"
    found.note(f"{who}: +1 h, -1 h, +30 years: no change, no NDEATH, commands confirmed, STATE never falls")


def data(third: Observer, edge: str) -> list[object]:
    return [s for s in list(third.seen) if f"DATA/{edge}" in s.topic]


@pytest.mark.fault(25)
def test_a_machine_that_wakes_up_after_a_minute_has_no_lease(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    sleeper = plant.active("Primary")
    heir = plant.layout.peer(sleeper)
    plant.control("pause", sleeper.name)
    wait_for(lambda: plant.state(heir) == "Active", "the peer took over")
    clocks.move(plant.folder / sleeper.name, boot=60)
    try:
        with Roles(plant, ("Primary",)) as roles:
            woke = time.monotonic()
            plant.control("resume", sleeper.name)
            wait_for(lambda: plant.state(sleeper) == "Standby", "it stands by")
            wait_for(lambda: time.monotonic() > woke + 3, "three seconds are over")
    finally:
        clocks.move(plant.folder / sleeper.name)
        plant.control("kill", sleeper.name)  # its clock goes back: no machine does that without a new start
        plant.control("start", sleeper.name)
    found.none("moments with two active", roles.both)
    found.none("commands after waking", third.since(woke, "DCMD") + third.since(woke, "NCMD"))
    assert roles.changes("Primary") == 0


@pytest.mark.fault(25)
def test_nor_has_one_that_nobody_missed(plant: Laboratory, found: Findings) -> None:
    # Both nodes of a pair asleep at once: nobody could take over, and still no lease has outlived it.
    sleeper = plant.active("Edge 2")
    pair = plant.layout.pair("Edge 2")
    epoch = plant.epoch(sleeper)
    for node in pair:
        plant.control("pause", node.name)
    for node in pair:
        clocks.move(plant.folder / node.name, boot=60)
    for node in pair:
        plant.control("resume", node.name)
    try:
        wait_for(lambda: plant.epoch(plant.active_soon("Edge 2")) > epoch, "a new term, not the old one")
        found.note(
            f"term {epoch} ended in the sleep, term {plant.epoch(plant.active_soon('Edge 2'))} follows"
        )
    finally:
        for node in pair:
            plant.control("kill", node.name)
            clocks.move(plant.folder / node.name)
            plant.control("start", node.name)


@pytest.mark.fault(26)
def test_a_slow_and_lossy_pair_link_moves_no_role(plant: Laboratory, found: Findings) -> None:
    assert plant.wires is not None
    links = [name for name in plant.wires.names if name.endswith("peer")]
    with nothing_changes(plant):
        plant.wires.set(*links, delay=0.2, jitter=0.1, loss=0.05)
        time.sleep(JITTER)  # the fault itself
        plant.wires.set(*links)
    found.note(f"no change of role of any pair in {JITTER:g} s")


@pytest.mark.fault(27)
def test_a_narrow_pair_link_carries_heartbeats_beside_a_resync(plant: Laboratory, found: Findings) -> None:
    assert plant.wires is not None
    host = plant.active("Primary")
    links = [f"{node.name} peer" for node in plant.layout.pair("Primary")]
    with nothing_changes(plant, seconds=2):
        plant.wires.set(*links, rate=8000.0)
        start = time.monotonic()
        plant.gate(host).post("/api/v1/redundancy/resync", {})
        wait_for(lambda: time.monotonic() > start + 10, "ten seconds are over")
        connected = plant.view(host)["peer"]["connected"]
        plant.wires.set(*links)
        wait_for(lambda: plant.view(host).get("lag") == 0, "it has caught up", 60)
    assert connected, "the peer was lost"
    found.note("no change of role, the peer connected all the time, all records exchanged")


@pytest.mark.fault(28)
def test_a_flood_of_connections_moves_no_role_and_fills_no_memory(plant: Laboratory, found: Findings) -> None:
    host = plant.active("Primary")
    before = memory(plant, host)
    with nothing_changes(plant, seconds=2), contextlib.ExitStack() as sockets:
        for where in (host.link, plant.layout.witness, host.http, host.mqtt):
            assert where is not None
            half_open(sockets, where, 400)
        time.sleep(5)  # for whoever waits for the rest of a greeting
        assert plant.commanded(host, 28) == "confirmed"
    grown = memory(plant, host) - before
    found.note("400 half-open connections at each of pair link, witness, web and MQTT: no change of role")
    found.at_most("memory grown by", grown, 100, "MB")


def half_open(sockets: contextlib.ExitStack, where: Endpoint, count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(OSError):
            sockets.enter_context(socket.create_connection((where.host, where.port), timeout=1)).sendall(
                b"\x10"
            )


def memory(plant: Laboratory, node: PlantNode) -> float:
    """Resident megabytes of all processes of a node."""
    parent = psutil.Process(plant.pid(node, "node"))
    return sum(p.memory_info().rss for p in [parent, *parent.children(recursive=True)]) / 2**20


@pytest.mark.fault(33)
def test_busy_cores_move_no_role(plant: Laboratory, found: Findings) -> None:
    with nothing_changes(plant), busy():
        time.sleep(20)  # the fault itself
    found.note("a busy loop for every core, 20 s: no change of role")


@pytest.mark.fault(33)
def test_a_worker_that_stops_for_longer_than_the_lease_is_replaced_once(
    plant: Laboratory, found: Findings
) -> None:
    host = plant.active("Primary")
    heir = plant.layout.peer(host)
    with Roles(plant, ("Primary",)) as roles:
        start = time.monotonic()
        plant.signal(host, "worker", signal.SIGSTOP)
        active = takeover(plant, heir, start)
        wait_for(lambda: time.monotonic() > start + 3, "three seconds are over")
        plant.signal(host, "worker", signal.SIGCONT)
        wait_for(lambda: plant.state(host) == "Standby", "it stands by")
    found.at_most("worker stopped for 3 s: peer active after", active, 2.3)
    found.none("moments with two active", roles.both)
    assert roles.changes("Primary") == 1


@pytest.mark.fault(34)
def test_a_worker_that_the_system_kills_is_replaced_and_comes_back(
    plant: Laboratory, found: Findings
) -> None:
    host = plant.active("Primary")
    heir = plant.layout.peer(host)
    since, start = wall_ms() - 1000, time.monotonic()
    plant.signal(host, "worker", signal.SIGKILL)
    found.at_most("peer active after", takeover(plant, heir, start), 2.3)
    back = seconds_until(lambda: plant.state(host) == "Standby", "it is back", start)
    found.note(f"back as a standby after {back:.1f} s")
    edges_move(plant, heir, start)
    lost, doubled = lost_and_doubled(plant, heir, since)
    found.at_most("samples lost", lost, 0, "")
    found.at_most("doubled", doubled, 0, "")


@pytest.mark.fault(49)
def test_a_node_that_lives_and_cannot_work_gives_its_role_up(plant: Laboratory, found: Findings) -> None:
    host = plant.active("Primary")
    heir = plant.layout.peer(host)
    with Roles(plant, ("Primary",)) as roles, locked(plant, host):
        start = time.monotonic()
        found.at_most("role handed over after", takeover(plant, heir, start, 60), 30)
        wait_for(lambda: plant.state(host) in ("Standby", "Fenced"), "it stands by")
        said = plant.view(heir)["cause"]
    found.none("moments with two active", roles.both)
    found.note(f"the peer acts: {said}")


@contextlib.contextmanager
def locked(plant: Laboratory, node: PlantNode) -> Iterator[None]:
    """Somebody holds the node's history database for writing."""
    with contextlib.closing(sqlite3.connect(plant.folder / node.name / "history.db", timeout=10)) as database:
        database.isolation_level = None
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
