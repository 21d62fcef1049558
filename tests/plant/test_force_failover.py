"""The Force Failover button: a planned switch that the plant hardly notices."""

from __future__ import annotations

import time

import pytest

from hmi.plant.drill import EDGES
from hmi.plant.gate import Gate, Refused
from tests.plant.conftest import RunningPlant
from tests.plant.observer import Observer
from tests.waiting import wait_for

BUSY = 3
"""Times the bound, on a machine that has other things to do; `make faults` measures without."""

pytestmark = [pytest.mark.plant, pytest.mark.timeout(180)]


def ask(plant: RunningPlant, gateway: str) -> tuple[str, str]:
    active = plant.active(gateway)
    plant.ask_failover(active, "a test")
    return active.name, plant.layout.peer(active).name


def test_a_host_pair_changes_roles_while_the_edges_stay_where_they_are(
    plant: RunningPlant, observer: Observer
) -> None:
    start = time.monotonic()
    old, new = ask(plant, "Primary")
    wait_for(
        lambda: plant.states()[new] == "Active" and plant.states()[old] == "Standby", "the roles changed"
    )
    host = plant.layout.node(new)
    outcome = wait_for(
        lambda: plant.gate(host).write("[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1", 77),
        "a command is answered",
    )
    assert outcome["outcome"] == "confirmed"
    time.sleep(2)
    assert not observer.since(start, "NDEATH"), "no edge died"
    assert not observer.since(start, "NBIRTH"), "no edge was born again"
    now = time.time_ns() // 1_000_000
    for edge in EDGES:
        wait_for(lambda edge=edge: plant.edge_moves(host, edge, now), f"{edge} goes on moving")
    newest = plant.gate(host).get("/api/v1/redundancy/changeovers")[0]
    assert newest["from"] == old
    assert newest["to"] == new
    assert newest["active_after_ms"] < BUSY * 1000


def test_an_edge_pair_says_one_clean_goodbye_and_is_born_again_within_a_second(
    plant: RunningPlant, observer: Observer
) -> None:
    start = time.monotonic()
    _, new = ask(plant, "Edge 1")
    wait_for(lambda: plant.states()[new] == "Active", "the role changed")
    wait_for(lambda: observer.since(start, "NBIRTH"), "the edge was born again")
    time.sleep(1)
    deaths, births = observer.since(start, "NDEATH"), observer.since(start, "NBIRTH")
    assert {death.topic for death in deaths} == {"spBv1.0/Group 1/NDEATH/Edge 1"}
    assert len(deaths) == 1
    assert len(births) == 1
    assert births[0].at - deaths[0].at < BUSY * 1.0


def test_who_may_not_fail_over_is_told_so_and_nothing_happens(plant: RunningPlant) -> None:
    active = plant.active("Primary")
    for person in ("viewer", "operator"):
        gate = Gate(active.http, plant.credentials[person]["token"])
        with pytest.raises(Refused) as refused:
            gate.post("/api/v1/redundancy/failover", {"reason": "because"})
        assert refused.value.status == 403
    assert plant.active("Primary") == active


def test_without_a_peer_a_failover_is_refused_with_the_reason(plant: RunningPlant) -> None:
    active = plant.active("Edge 2")
    plant.kill([plant.layout.peer(active)])
    wait_for(lambda: not plant.gate(active).gateway()["peer"]["connected"], "the loss of the peer is noticed")
    with pytest.raises(Refused) as refused:
        plant.gate(active).post("/api/v1/redundancy/failover", {"reason": "a test"})
    assert refused.value.status == 409
    assert plant.state(active) == "Active"
