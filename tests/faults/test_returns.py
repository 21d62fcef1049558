"""Nodes that go and come back, in every order: faults 19 to 22."""

from __future__ import annotations

import contextlib
import random
import shutil
import time

import pytest

from hmi.node import schema
from hmi.plant.layout import PlantNode
from redundancy import identity
from tests.faults.findings import Findings, spread
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import Roles, seconds_until
from tests.faults.turns import Leaks, Turns
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(400)
ALLOWANCE = 10.0


@pytest.mark.fault(19)
@pytest.mark.parametrize("order", ["master first", "backup first", "together"])
def test_both_nodes_killed_and_started_again_leave_one_active(
    plant: Laboratory, found: Findings, order: str
) -> None:
    pair = plant.layout.pair("Edge 1")
    before = plant.epoch(plant.active("Edge 1"))
    version = plant.view(pair[0])["config_version"]
    first, second = pair if order != "backup first" else pair[::-1]
    plant.kill(pair)
    with Roles(plant, ("Edge 1",)) as roles:
        plant.control("start", first.name)
        if order != "together":
            wait_for(lambda: runs(plant, first), f"{first.name} runs", 60)
        plant.control("start", second.name)
        # What a start of Python and Django takes is the machine's affair.
        wait_for(lambda: any(runs(plant, node) for node in pair), "one of them runs", 60)
        start = time.monotonic()
        active = seconds_until(lambda: plant.active_soon("Edge 1"), "one acts", start)
        wait_for(lambda: not plant.missing(), "the plant is whole", 60)
    found.at_most(f"{order}: one active after its runtime is up", active, ALLOWANCE + 2)
    found.none("moments with two active", roles.both)
    assert plant.epoch(plant.active("Edge 1")) > before
    assert {plant.view(node)["config_version"] for node in pair} == {version}


def runs(plant: Laboratory, node: PlantNode) -> bool:
    """Whether the node's runtime answers, which takes longer than its pages."""
    seen = plant.view(node)
    return seen["state"] != "Down" and "does not answer" not in seen["why"]


@pytest.mark.fault(20)
def test_killing_master_and_backup_in_turn_loses_and_leaks_nothing(
    plant: Laboratory, found: Findings
) -> None:
    turns = Turns(plant)
    turns.one()  # every process has been through it once
    turns, leaks = Turns(plant), Leaks(plant)
    for _ in range(6):
        turns.one()
    found.note(f"active after {spread(turns.active)} (s); fresh values after {spread(turns.moving)} (s)")
    found.at_most("samples lost", turns.lost, 0, "")
    found.at_most("doubled", turns.doubled, 0, "")
    assert turns.rising, turns.epochs
    found.none("leaks", leaks.found())


@pytest.mark.fault(21)
def test_a_standby_killed_in_the_middle_of_its_first_synchronisation_ends_up_with_all(
    plant: Laboratory, found: Findings
) -> None:
    active = plant.active("Primary")
    standby = plant.layout.peer(active)
    draw = random.Random(21)
    plant.kill([standby])
    empty(plant, standby)
    for _ in range(8):
        plant.control("start", standby.name)
        time.sleep(draw.uniform(1.5, 5.0))  # somewhere in its first synchronisation
        assert plant.view(standby)["state"] != "Active"
        plant.kill([standby])
    plant.control("start", standby.name)
    version = plant.view(active)["config_version"]
    wait_for(lambda: plant.view(standby).get("config_version") == version, "it has the configuration", 60)
    wait_for(lambda: not plant.missing(), "the plant is whole", 60)
    found.note("killed 8 times in its first synchronisation: then it has the whole configuration")


@pytest.mark.fault(22)
def test_a_fresh_empty_master_takes_what_the_backup_has(plant: Laboratory, found: Findings) -> None:
    master, backup = plant.layout.pair("Edge 2")
    if plant.active("Edge 2") == master:
        plant.fail_over("Edge 2")
    version, epoch = plant.view(backup)["config_version"], plant.epoch(backup)
    plant.kill([master])
    empty(plant, master)
    with Roles(plant, ("Edge 2",)) as roles:
        plant.control("start", master.name)
        wait_for(lambda: plant.view(master).get("config_version") == version, "it has the configuration", 60)
        wait_for(lambda: not plant.missing(), "the plant is whole", 60)
    assert roles.changes("Edge 2") == 0, "the backup acts on"
    assert plant.view(backup)["config_version"] == version, "the backup kept what it had"
    assert plant.epoch(plant.active("Edge 2")) >= epoch
    found.note("the empty master has the backup's configuration and stands by")


def empty(plant: Laboratory, node: PlantNode) -> None:
    """The node's machine is replaced: it knows who it is, and nothing else."""
    folder = plant.folder / node.name
    for path in folder.iterdir():
        if path.name in (identity.FILE, "clocks"):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with contextlib.suppress(FileNotFoundError):
        (folder / schema.STAMP).unlink()
    schema.bring_up_to_date(folder)
