"""The tutorial's four pictures, by killing every process of a node at once."""

from __future__ import annotations

import time

import pytest

from hmi.plant.drill import EDGES
from hmi.plant.layout import PlantNode
from tests.plant.conftest import RunningPlant
from tests.waiting import wait_for

pytestmark = [pytest.mark.plant, pytest.mark.timeout(240)]

ENGINE = "[MQTT Engine]Engine Info"
TRANSMISSION = "[MQTT Transmission]Transmission Info"


def tag_1(edge: str) -> str:
    return f"[MQTT Engine]Edge Nodes/Group 1/{edge}/Device 1/Tag 1"


def shows(plant: RunningPlant, node: PlantNode, expected: dict[str, object]) -> None:
    """The node's tags become what the picture shows."""

    def matches() -> bool:
        return all(plant.value(node, path)["value"] == value for path, value in expected.items())

    wait_for(matches, f"{node.name} shows {expected}")


def host_is_whole(plant: RunningPlant, host: PlantNode, since_ms: int) -> None:
    """Dashboard 1: active, connected, every edge online with values younger than the fault."""
    shows(
        plant,
        host,
        {
            f"{ENGINE}/Redundancy State": "Active",
            f"{ENGINE}/Redundancy Role": host.role.value,
            f"{ENGINE}/MQTT Clients/Chariot SCADA/Online": True,
            **{f"[MQTT Engine]Edge Nodes/Group 1/{edge}/Node Info/Online": True for edge in EDGES},
        },
    )
    for edge in EDGES:
        wait_for(lambda edge=edge: plant.edge_moves(host, edge, since_ms), f"{edge} moves at {host.name}")


def edge_is_whole(plant: RunningPlant, node: PlantNode) -> None:
    """Dashboards 2 and 3."""
    shows(
        plant,
        node,
        {
            f"{TRANSMISSION}/Redundancy State": "Active",
            f"{TRANSMISSION}/Redundancy Role": node.role.value,
            f"{TRANSMISSION}/MQTT Clients/Group 1-{node.gateway}/Online": True,
        },
    )


def written_values_come_back(plant: RunningPlant, host: PlantNode, value: int) -> None:
    for number, edge in enumerate(EDGES):
        outcome = plant.gate(host).write(tag_1(edge), value + number)
        assert outcome["outcome"] == "confirmed", outcome
        shows(plant, host, {tag_1(edge): value + number})


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def test_in_normal_operation_everything_is_online_and_writable(plant: RunningPlant) -> None:
    host = plant.active("Primary")
    host_is_whole(plant, host, wall_ms() - 2000)
    for edge in EDGES:
        edge_is_whole(plant, plant.active(edge))
    written_values_come_back(plant, host, 100)


def test_when_the_primary_fails_its_backup_carries_on_with_every_edge(plant: RunningPlant) -> None:
    victim = plant.active("Primary")
    heir = plant.layout.peer(victim)
    edges_before = {edge: plant.active(edge).name for edge in EDGES}
    written_values_come_back(plant, victim, 200)
    killed = wall_ms()
    plant.kill([victim])
    host_is_whole(plant, heir, killed)
    assert {edge: plant.active(edge).name for edge in EDGES} == edges_before, "the edges' roles stayed"
    assert plant.value(heir, tag_1("Edge 1"))["value"] == 200
    written_values_come_back(plant, heir, 210)


def test_when_an_edge_fails_its_backup_takes_over_with_the_value_written_before(plant: RunningPlant) -> None:
    host = plant.active("Primary")
    written_values_come_back(plant, host, 300)
    victim = plant.active("Edge 1")
    heir = plant.layout.peer(victim)
    killed = wall_ms()
    plant.kill([victim])
    edge_is_whole(plant, heir)
    host_is_whole(plant, host, killed)
    shows(plant, host, {tag_1("Edge 1"): 300, tag_1("Edge 2"): 301})
    written_values_come_back(plant, host, 310)
    assert plant.active("Primary") == host, "the host's role stayed"


def test_when_all_active_nodes_fail_their_peers_carry_on_and_nothing_flaps_after_the_heal(
    plant: RunningPlant,
) -> None:
    victims = [plant.active(gateway) for gateway in plant.layout.gateways]
    heirs = [plant.layout.peer(victim) for victim in victims]
    written_values_come_back(plant, victims[0], 400)
    killed = wall_ms()
    plant.kill(victims)
    host_is_whole(plant, heirs[0], killed)
    for heir in heirs[1:]:
        edge_is_whole(plant, heir)
    shows(plant, heirs[0], {tag_1("Edge 1"): 400, tag_1("Edge 2"): 401})
    written_values_come_back(plant, heirs[0], 410)

    epochs = {heir.name: plant.gate(heir).gateway()["epoch"] for heir in heirs}
    plant.heal()
    healed = wall_ms()
    watched_until = time.monotonic() + 4  # two leases
    while time.monotonic() < watched_until:
        states = plant.states()
        assert all(states[heir.name] == "Active" for heir in heirs), states
        assert all(states[victim.name] == "Standby" for victim in victims), states
        time.sleep(0.2)
    assert epochs == {heir.name: plant.gate(heir).gateway()["epoch"] for heir in heirs}, "nothing flapped"
    for edge in EDGES:
        gets_what_it_missed(plant, victims[0], edge, killed, healed)


def gets_what_it_missed(plant: RunningPlant, returned: PlantNode, edge: str, start: int, end: int) -> None:
    """What was sampled while the node was down: it has it from its peer."""
    expected = set(range(start // 100 + 1, end // 100))
    wait_for(
        lambda: expected <= set(plant.samples(returned, edge, start, end)),
        f"{returned.name} has all that {edge} sampled while it was down",
        pause=0.5,
    )


def test_what_was_sampled_during_a_failure_is_in_history_once(plant: RunningPlant) -> None:
    before = wall_ms() - 2000
    victim = plant.active("Edge 2")
    plant.kill([victim])
    host = plant.active("Primary")
    killed = wall_ms()
    wait_for(lambda: plant.edge_moves(host, "Edge 2", killed), "Edge 2 moves again")
    end = wall_ms()
    expected = set(range(before // 100 + 1, end // 100 - 2))

    def nothing_missing() -> bool:
        return expected <= set(plant.samples(host, "Edge 2", before, end))

    wait_for(nothing_missing, "every tenth of a second is in history", patience=20, pause=0.5)
    numbers = plant.samples(host, "Edge 2", before, end)
    assert len(numbers) == len(set(numbers)), "no sample is there twice"
