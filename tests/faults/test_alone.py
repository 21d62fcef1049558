"""A pair without a witness: faults 15, 17 and 18, on real network namespaces."""

from __future__ import annotations

import time

import pytest

from hmi.plant.drill import EDGES
from hmi.plant.layout import PlantNode
from tests.faults.conftest import Laboratories
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import edges_move, lost_and_doubled, takeover, wall_ms
from tests.faults.network import possible
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not possible(), reason="network namespaces need root"),
]


@pytest.fixture
def secluded(laboratories: Laboratories) -> Laboratory:
    """Each node in a namespace of its own, and no witness anywhere."""
    return laboratories.one(namespaces=True, witness=False)


def commanders(plant: Laboratory, edge: str) -> list[str]:
    """The host nodes that get a command through to the edge."""
    hosts = plant.layout.pair("Primary")
    return [h.name for n, h in enumerate(hosts) if plant.commanded(h, 17 + n, edge) == "confirmed"]


def both_act(plant: Laboratory) -> None:
    pair = plant.layout.pair("Primary")
    wait_for(lambda: all(plant.state(node) == "Active" for node in pair), "both act, each alone")
    warned = [" ".join(plant.view(node)["warnings"]) for node in pair]
    assert all("dual active" in warning for warning in warned), warned


def one_acts(plant: Laboratory) -> PlantNode:
    wait_for(lambda: not plant.missing(), "one acts and all is whole", 60)
    return plant.active("Primary")


@pytest.mark.fault(15)
def test_without_a_witness_the_peer_of_a_crashed_holder_goes_on_alone_and_says_so(
    secluded: Laboratory, found: Findings
) -> None:
    victim = secluded.active("Primary")
    heir = secluded.layout.peer(victim)
    start = time.monotonic()
    secluded.kill([victim])
    found.at_most("no witness configured: active after", takeover(secluded, heir, start), 2 * 2.0 + 1.5)
    warnings = wait_for(lambda: secluded.view(heir)["warnings"], "it warns")
    found.note(f"it says: {warnings[0]}")
    edges_move(secluded, heir, start)


@pytest.mark.fault(17)
def test_cut_apart_the_side_with_the_edges_keeps_them_and_the_other_harms_nobody(
    secluded: Laboratory, found: Findings
) -> None:
    assert secluded.network is not None
    keeper = secluded.acting_where_edges_sit()
    if secluded.sits("Edge 2") != keeper:
        pytest.skip("the edges sit at different brokers")
    other = secluded.layout.peer(keeper)
    secluded.network.cut(keeper.name, other.name)
    try:
        both_act(secluded)
        for edge in EDGES:
            assert commanders(secluded, edge) == [keeper.name]
    finally:
        secluded.network.mend(keeper.name, other.name)
    assert one_acts(secluded) == keeper, "the side with the edges stays"
    found.note("both act and say so; only the side with the edges commands them; it stays after the heal")


@pytest.mark.fault(18)
def test_cut_apart_with_edges_on_both_sides_each_has_one_commander(
    secluded: Laboratory, found: Findings
) -> None:
    keeper, other, _ = split(secluded)
    found.note(
        f"Edge 1 was commanded by {keeper.name} only, Edge 2 by {other.name} only; one acts after the heal"
    )


@pytest.mark.fault(18)
def test_after_such_a_cut_both_histories_are_whole(secluded: Laboratory, found: Findings) -> None:
    keeper, other, since = split(secluded)
    for host in (keeper, other):
        lost, doubled = lost_and_doubled(secluded, host, since)
        found.at_most(f"samples missing at {host.name}", lost, 0, "")
        found.at_most("doubled", doubled, 0, "")


def split(plant: Laboratory) -> tuple[PlantNode, PlantNode, int]:
    """Edge 1 with one host, Edge 2 with the other, cut apart for a while, and healed."""
    assert plant.network is not None
    keeper = plant.acting_where_edges_sit()
    other = plant.layout.peer(keeper)
    mover = plant.active("Edge 2")
    since = wall_ms() - 1000
    plant.network.cut(mover.name, keeper.name)
    try:
        wait_for(lambda: plant.sits("Edge 2") == other, "Edge 2 has moved to the other broker")
        plant.network.cut(keeper.name, other.name)
        both_act(plant)
        wait_for(lambda: commanders(plant, "Edge 1") == [keeper.name], "one commands Edge 1")
        wait_for(lambda: commanders(plant, "Edge 2") == [other.name], "the other commands Edge 2")
    finally:
        plant.network.mend(keeper.name, other.name)
        plant.network.mend(mover.name, keeper.name)
    one_acts(plant)
    return keeper, other, since
