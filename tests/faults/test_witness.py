"""The third vote goes, hangs, comes back, has been rolled back, or decides: faults 11 and 14 to 16."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from hmi.plant.layout import WITNESS
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import edges_move, nothing_changes, pair_link_cut, seconds_until, takeover
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.mark.fault(11)
@pytest.mark.fault_fast
def test_with_the_wires_of_the_pair_link_cut_the_holder_keeps_the_role(
    plant: Laboratory, found: Findings
) -> None:
    holder = plant.active("Edge 2")
    pair_link_cut(plant, holder, plant.layout.peer(holder), found)


@pytest.mark.fault(14)
@pytest.mark.fault_fast
@pytest.mark.parametrize("act", ["kill", "pause"])
def test_losing_the_witness_changes_nothing_but_a_warning(
    plant: Laboratory, found: Findings, act: str
) -> None:
    host = plant.active("Primary")
    with nothing_changes(plant, seconds=2.5):  # longer than a lease
        start = time.monotonic()
        plant.control(act, WITNESS)
        warned = seconds_until(lambda: plant.view(host)["warnings"], "a warning is shown", start)
        said = plant.view(host)["warnings"][0]
        edges_move(plant, host, start)
        plant.control("start" if act == "kill" else "resume", WITNESS)
        back = seconds_until(lambda: not plant.view(host)["warnings"], "the warning goes", start)
    found.note(f"{act}: no change of role; “{said}” after {warned:.1f} s, gone after {back:.1f} s")


@pytest.mark.fault(15)
def test_with_the_witness_down_nobody_follows_a_crashed_holder_and_that_is_said(
    plant: Laboratory, found: Findings
) -> None:
    victim = plant.active("Primary")
    heir = plant.layout.peer(victim)
    plant.control("kill", WITNESS)
    wait_for(lambda: plant.view(heir)["warnings"], "the heir knows that the witness is gone")
    plant.kill([victim])
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert plant.state(heir) != "Active", "it acts without a majority"
        time.sleep(0.05)
    why = plant.view(heir)["why"]
    start = time.monotonic()
    plant.control("start", WITNESS)
    found.note(f"it does not act; it says “{why}”")
    found.at_most("active after the witness is back", takeover(plant, heir, start), 2 * 2.0 + 1.5)


@pytest.mark.fault(16)
def test_a_witness_with_old_promises_gives_no_term_twice(
    plant: Laboratory, found: Findings, tmp_path: Path
) -> None:
    promises, old = plant.folder / WITNESS / "promises", tmp_path / "promises"
    shutil.copytree(promises, old)
    epochs = [plant.epoch(plant.active("Primary"))]
    for _ in range(2):
        plant.kill([plant.active("Primary")])
        heir = next(n for n in plant.layout.pair("Primary") if plant.state(n) != "Down")
        wait_for(lambda heir=heir: plant.state(heir) == "Active", "the peer acts")
        epochs.append(plant.epoch(heir))
        plant.heal()
    victim = plant.active("Primary")
    plant.control("kill", WITNESS)
    shutil.rmtree(promises)
    shutil.copytree(old, promises)
    plant.control("start", WITNESS)
    wait_for(lambda: plant.view(victim)["witness"]["connected"], "the witness is back")
    start = time.monotonic()
    plant.kill([victim])
    takeover(plant, plant.layout.peer(victim), start)
    epochs.append(plant.epoch(plant.layout.peer(victim)))
    found.note(f"terms {', '.join(str(epoch) for epoch in epochs)}")
    assert epochs == sorted(set(epochs)), "a term came twice, or fell"
