"""Cables that are pulled, links that lose: faults 6, 11 to 13, 48 and 50, on real network namespaces."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from hmi.plant.drill import EDGES
from hmi.plant.gate import Refused
from hmi.plant.layout import PlantNode
from tests.faults.findings import STRICT, Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import (
    Roles,
    born,
    edges_move,
    lost_and_doubled,
    nothing_changes,
    pair_link_cut,
    seconds_until,
    takeover,
    wall_ms,
)
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)
FLAPPING = float(os.environ.get("FAULTS_FLAPPING", "600" if STRICT else "20"))
"""Seconds of fault 50."""


@pytest.mark.fault(6)
def test_a_host_whose_cable_is_pulled_is_replaced_and_its_edges_move(
    cabled: Laboratory, third: Observer, found: Findings
) -> None:
    assert cabled.network is not None
    lost = cabled.acting_where_edges_sit()
    heir = cabled.layout.peer(lost)
    there = [edge for edge in EDGES if cabled.sits(edge) == lost]
    since, start = wall_ms() - 1000, time.monotonic()
    cabled.network.unplug(lost.name)
    try:
        active = takeover(cabled, heir, start)
        rebirth = born(third, start, there)
        moving = edges_move(cabled, heir, start)
        found.at_most("active after", active, 2.3)
        found.at_most("edges born at the other broker after", rebirth, 1.5 * 5 + 1)
        found.at_most("fresh values after", moving, 1.5 * 5 + 2)
        lost_samples, doubled = lost_and_doubled(cabled, heir, since)
    finally:
        cabled.network.plug(lost.name)
    found.at_most("samples lost", lost_samples, 0, "")
    found.at_most("doubled", doubled, 0, "")


@pytest.mark.fault(11)
def test_with_the_pair_link_cut_and_the_witness_there_the_holder_keeps_the_role(
    cabled: Laboratory, found: Findings
) -> None:
    holder = cabled.active("Primary")
    other = cabled.layout.peer(holder)
    pair_link_cut(cabled, holder, other, found)


@pytest.mark.fault(12)
def test_a_host_cut_off_from_everything_lets_go_and_says_so(cabled: Laboratory, found: Findings) -> None:
    assert cabled.network is not None
    lost = cabled.active("Primary")
    heir = cabled.layout.peer(lost)

    def before_it(ask: Callable[[], str]) -> str:
        """What somebody hears who stands before the machine that is cut off."""
        return str(cabled.network.there(lost.name, ask)) if cabled.network is not None else ""

    start = time.monotonic()
    cabled.network.unplug(lost.name)
    try:
        let_go = seconds_until(lambda: before_it(lambda: cabled.state(lost)) != "Active", "it lets go", start)
        active = takeover(cabled, heir, start)
        assert active > let_go, "both said Active"
        state = before_it(lambda: cabled.state(lost))
        written = before_it(lambda: cabled.commanded(lost, 12))
        ready = before_it(lambda: ready_word(cabled, lost))
    finally:
        cabled.network.plug(lost.name)
    found.at_most("no longer active after", let_go, 2.0)
    found.at_most("its peer active after", active, 2.3)
    found.note(f"there it says {state}, a write is {written.partition(':')[0]}, readyz {ready}")
    assert state in ("Fenced", "Standby", "Candidate")
    assert written.startswith("refused")
    assert ready == "503"


def ready_word(plant: Laboratory, node: PlantNode) -> str:
    try:
        plant.gate(node).get("/readyz")
    except Refused as error:
        return str(error.status)
    return "200"


@pytest.mark.fault(13)
def test_loss_in_one_direction_never_makes_two(cabled: Laboratory, found: Findings) -> None:
    holder = cabled.active("Primary")
    other = cabled.layout.peer(holder)
    for frm, to in ((holder, other), (other, holder)):
        with Roles(cabled, ("Primary",)) as roles:
            cabled.lose(frm.name, to.name)
            time.sleep(8)  # the fault itself
            cabled.mend(frm.name, to.name)
            wait_for(lambda: not cabled.missing(), "it is whole again", 60)
        found.none("moments with two active", roles.both)
        found.at_most("changes of role", roles.changes("Primary"), 1, "")


@pytest.mark.fault(13)
@pytest.mark.parametrize("towards", ["witness", "node"])
def test_nor_does_loss_between_the_holder_and_the_witness(
    cabled: Laboratory, found: Findings, towards: str
) -> None:
    holder = cabled.active("Edge 1")
    way = (holder.name, "witness") if towards == "witness" else ("witness", holder.name)
    with nothing_changes(cabled, seconds=1):
        cabled.lose(*way)
        time.sleep(6)  # the fault itself
        cabled.mend(*way)
    found.note(f"towards the {towards}: no change of role")


@pytest.mark.fault(48)
def test_where_only_large_frames_are_lost_nobody_changes_and_the_lag_is_shown(
    cabled: Laboratory, found: Findings
) -> None:
    assert cabled.network is not None
    holder = cabled.acting_where_edges_sit()
    other = cabled.layout.peer(holder)
    with nothing_changes(cabled, seconds=2):
        cabled.network.largest_frame(other.name, 600)
        try:
            start = time.monotonic()
            for value in range(20):  # each leaves a row in the audit trail, which goes to the peer
                cabled.commanded(holder, value)
            lag = seconds_until(lambda: (cabled.view(holder).get("lag") or 0) > 0, "a lag is shown", start)
            wait_for(lambda: time.monotonic() > start + 8, "eight seconds are over")
            assert cabled.state(other) == "Standby"
        finally:
            cabled.network.largest_frame(other.name, 1500)
        start = time.monotonic()
        caught_up = seconds_until(lambda: cabled.view(holder).get("lag") == 0, "it has caught up", start, 60)
    found.note(f"no change of role; lag shown after {lag:.1f} s, caught up {caught_up:.1f} s after the heal")


@pytest.mark.fault(50)
@pytest.mark.timeout(1200)
def test_a_flapping_cable_moves_the_role_at_most_twice_and_costs_no_sample(
    cabled: Laboratory, found: Findings
) -> None:
    assert cabled.network is not None
    victim = cabled.active("Primary")
    since, end = wall_ms() - 1000, time.monotonic() + FLAPPING
    with Roles(cabled, ("Primary",)) as roles:
        while time.monotonic() < end:
            cabled.network.unplug(victim.name)
            time.sleep(1)  # the fault itself
            cabled.network.plug(victim.name)
            time.sleep(1)
        wait_for(lambda: not cabled.missing(), "it is whole again", 60)
    found.none("moments with two active", roles.both)
    found.at_most(f"changes of role in {FLAPPING:g} s", roles.changes("Primary"), 2, "")
    lost, doubled = lost_and_doubled(cabled, cabled.active("Primary"), since)
    found.at_most("samples lost", lost, 0, "")
    found.at_most("doubled", doubled, 0, "")
