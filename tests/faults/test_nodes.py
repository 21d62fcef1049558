"""Nodes that die, are stopped, freeze and come back: faults 1 to 4."""

from __future__ import annotations

import time

import pytest

from hmi.plant.drill import EDGES
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import (
    Orders,
    Roles,
    born,
    edges_move,
    gap,
    lost_and_doubled,
    nothing_changes,
    seconds_until,
    takeover,
    wall_ms,
)
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.mark.fault(1)
@pytest.mark.fault_fast
def test_a_killed_node_s_peer_takes_over_and_nothing_is_lost(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    victim = plant.acting_where_edges_sit()
    heir = plant.layout.peer(victim)
    there = [edge for edge in EDGES if plant.sits(edge) == victim]
    since, start = wall_ms() - 1000, time.monotonic()
    plant.kill([victim])
    active = takeover(plant, heir, start)
    rebirth = born(third, start, there)
    moving = edges_move(plant, heir, start)
    found.at_most("active after", active, 2.3)
    found.at_most("edges born again after", rebirth, 3.0 + 2.0)
    found.at_most("fresh values after", moving, 5.0)
    lost, doubled = lost_and_doubled(plant, heir, since)
    found.at_most("samples lost", lost, 0, "")
    found.at_most("doubled", doubled, 0, "")


@pytest.mark.fault(2)
def test_a_stopped_node_hands_over_and_no_edge_whose_broker_stays_notices(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    leaver = plant.acting_where_edges_sit(together=False)
    heir = plant.layout.peer(leaver)
    stay = [edge for edge in EDGES if plant.sits(edge) == heir]
    with Orders(plant) as orders:
        wait_for(lambda: len(third.since(0, "DCMD")) > 20, "commands arrive")
        start = time.monotonic()
        plant.control("stop", leaver.name)
        wait_for(lambda: plant.state(heir) == "Active", "the peer acts")
        count = len(third.since(start, "DCMD"))
        wait_for(lambda: len(third.since(start, "DCMD")) > count + 20, "commands arrive again")
        end = time.monotonic()
    assert stay, "no edge sits at the broker that stays"
    deaths = [s for s in third.since(start, "NDEATH") if s.topic.rpartition("/")[2] in stay]
    found.none("NDEATH of edges whose broker stayed", deaths)
    found.at_most("command gap", gap(third, start, end), 0.2)
    assert any(node == heir.name and what == "confirmed" for _, node, what in orders.outcomes)


@pytest.mark.fault(3)
def test_a_frozen_node_that_thaws_says_nothing_and_stays_a_standby(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    frozen = plant.active("Primary")
    heir = plant.layout.peer(frozen)
    start = time.monotonic()
    plant.control("pause", frozen.name)
    found.at_most("active after", takeover(plant, heir, start), 2.3)
    wait_for(lambda: time.monotonic() > start + 10, "ten seconds are over")
    epoch = plant.epoch(heir)
    with Roles(plant, ("Primary",)) as roles:
        thawed = time.monotonic()
        plant.control("resume", frozen.name)
        fenced = seconds_until(lambda: plant.state(frozen) not in ("Down", "Active"), "it is fenced", thawed)
        wait_for(lambda: plant.state(frozen) == "Standby", "the thawed node stands by")
        wait_for(lambda: time.monotonic() > thawed + 5, "five more seconds are over")
    found.note(f"first answer, not Active, {fenced:.2f} s after the thaw")
    found.none("moments with two active", roles.both)
    found.none("commands after the thaw", third.since(thawed, "DCMD") + third.since(thawed, "NCMD"))
    offline = [s for s in third.since(thawed, "STATE") if b'"online":false' in s.payload.replace(b" ", b"")]
    own = frozen.mqtt.port if frozen.mqtt else 0
    wait_for(lambda: not offline or third.since(offline[-1].at, "STATE"), "STATE offline is answered")
    found.none("STATE offline on the heir's broker", [s for s in offline if s.broker != own])
    assert plant.state(heir) == "Active", "no fail-back"
    assert plant.epoch(heir) == epoch


@pytest.mark.fault(4)
@pytest.mark.fault_fast
def test_a_pause_shorter_than_the_lease_changes_nothing(plant: Laboratory, found: Findings) -> None:
    frozen = plant.active("Primary")
    with nothing_changes(plant, seconds=3):
        plant.control("pause", frozen.name)
        time.sleep(1)  # the fault itself
        plant.control("resume", frozen.name)
    found.note("no change of role, the same term")
    assert plant.commanded(frozen, 44) == "confirmed"
