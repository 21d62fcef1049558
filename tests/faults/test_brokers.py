"""Brokers that die, freeze and come back empty: faults 7 to 10."""

from __future__ import annotations

import json
import signal
import time

import pytest

from hmi.plant.drill import EDGES
from hmi.plant.layout import HOST_ID, PlantNode
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import born, edges_move, nothing_changes, seconds_until
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)
STATE = f"spBv1.0/STATE/{HOST_ID}"


def residents(plant: Laboratory, broker: PlantNode) -> list[str]:
    return [edge for edge in EDGES if plant.sits(edge) == broker]


def server_of(plant: Laboratory, host: PlantNode, broker: PlantNode) -> bool:
    """Whether the host says that it is connected to that node's broker."""
    name = "Chariot SCADA" if host == broker else "Chariot SCADA Peer"
    return bool(plant.value(host, f"[MQTT Engine]Engine Info/MQTT Clients/{name}/Online")["value"])


def online(third: Observer, broker: PlantNode, since: float) -> bool:
    """Whether the last word about the host on that broker, retained or not, is online."""
    port = broker.mqtt.port if broker.mqtt else 0
    said = [s for s in list(third.seen) if s.topic == STATE and s.broker == port and s.at >= since]
    return bool(said) and bool(json.loads(said[-1].payload)["online"])


@pytest.mark.fault(7)
@pytest.mark.fault_fast
def test_a_killed_broker_moves_its_edges_and_no_role(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    host, broker = plant.active("Primary"), plant.sits("Edge 1")
    there = residents(plant, broker)
    with nothing_changes(plant, seconds=1):
        start = time.monotonic()
        plant.signal(broker, "broker", signal.SIGKILL)
        found.at_most("edges born again after", born(third, start, there), 4.0)
        found.at_most("fresh values after", edges_move(plant, host, start), 5.0)
        back = seconds_until(lambda: online(third, broker, start), "the host is online there again", start)
    found.note(f"STATE online on the restarted broker after {back:.1f} s, no change of role")


@pytest.mark.fault(8)
def test_a_frozen_broker_is_left_by_host_and_edges_and_no_role_moves(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    host, broker = plant.active("Primary"), plant.sits("Edge 1")
    there = residents(plant, broker)
    with nothing_changes(plant, seconds=2):
        start = time.monotonic()
        plant.signal(broker, "broker", signal.SIGSTOP)
        try:
            down = seconds_until(lambda: not server_of(plant, host, broker), "it is down", start)
            rebirth = born(third, start, there)
            moving = edges_move(plant, host, start)
        finally:
            plant.signal(broker, "broker", signal.SIGCONT)
        back = seconds_until(lambda: server_of(plant, host, broker), "it is back", start)
    found.at_most("marked down after", down, 1.5 * 3)
    found.at_most("edges born at the other after", rebirth, 1.5 * 5 + 1)
    found.at_most("fresh values after", moving, 1.5 * 5 + 2)
    found.note(f"back {back - moving:.1f} s after the thaw, no change of role")


@pytest.mark.fault(9)
def test_a_broker_that_comes_back_with_nothing_is_told_who_is_host(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    # A Distributor that is killed has written nothing, so this start is one with an empty memory.
    host = plant.active("Primary")
    for broker in plant.layout.pair("Primary"):
        start = time.monotonic()
        plant.signal(broker, "broker", signal.SIGKILL)
        wait_for(lambda broker=broker: plant.pid(broker, "broker"), "it is started again")
        again = seconds_until(
            lambda broker=broker, start=start: online(third, broker, start), "STATE is online again", start
        )
        found.at_most(f"STATE online on the empty broker of {broker.name} after", again, 5.0)
        edges_move(plant, host, start)


@pytest.mark.fault(10)
def test_a_broker_that_returns_before_its_gateway_strands_nobody(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    lost = plant.active("Primary")
    heir = plant.layout.peer(lost)
    plant.kill([lost])
    wait_for(lambda: plant.state(heir) == "Active", "the peer acts")
    edges_move(plant, heir, time.monotonic())
    start = time.monotonic()
    with plant.broker_alone(lost):
        back = seconds_until(lambda: online(third, lost, start), "the heir speaks there", start)
        first = [s for s in list(third.seen) if s.topic == STATE and s.at >= start]
        moving = edges_move(plant, heir, time.monotonic())
    words = [
        json.loads(s.payload)["online"] for s in first if s.broker == (lost.mqtt.port if lost.mqtt else 0)
    ]
    assert all(words), f"an edge could have believed that nobody is there: {words}"
    found.at_most("the heir's STATE online there after", back, 5.0)
    found.at_most("every edge moves, asked again", moving, 5.0)
