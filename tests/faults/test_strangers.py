"""Namesakes, thieves and impatient people: faults 38, 40, 43 and 44."""

from __future__ import annotations

import signal
import threading
import time

import paho.mqtt.client as mqtt
import pytest

from hmi.plant.gate import Gate, Refused, Unreachable
from hmi.plant.layout import HOST_ID
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory
from tests.faults.measuring import edges_move, lost_and_doubled, nothing_changes, wall_ms
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(240)


def knock(plant: Laboratory, account: str, client_id: str) -> str:
    """What the acting host's broker answers to somebody who comes under this name."""
    who = plant.credentials["mqtt"][account]
    where = plant.active("Primary").mqtt
    assert where is not None
    answers: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
    client.username_pw_set(who["username"], who["password"])
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
    client.connect(where.host, where.port, keepalive=10)
    client.loop_start()
    wait_for(lambda: answers, "the broker answers", 10)
    client.disconnect()
    client.loop_stop()
    return answers[0]


@pytest.mark.fault(38)
@pytest.mark.fault(40)
@pytest.mark.parametrize("client_id", [f"{HOST_ID}-cmd", f"{HOST_ID}-state-primary-master", "Group 1-Edge 1"])
def test_nobody_else_gets_in_under_a_name_of_the_plant(
    plant: Laboratory, found: Findings, third: Observer, client_id: str
) -> None:
    host = plant.active("Primary")
    with nothing_changes(plant, seconds=1):
        start = time.monotonic()
        answers = {knock(plant, "integrator", client_id) for _ in range(5)}
        assert plant.commanded(host, 40) == "confirmed"
        edges_move(plant, host, start)
    assert not third.since(start, "NDEATH"), "an edge was thrown off"
    assert answers <= {"Client identifier not valid", "Not authorized"}, answers
    found.note(f"{client_id}: refused five times ({', '.join(answers)}), commands go on, no NDEATH")


@pytest.mark.fault(43)
def test_many_clicks_on_force_failover_move_the_role_once(plant: Laboratory, found: Findings) -> None:
    old = plant.active("Primary")
    new = plant.layout.peer(old)
    epoch = plant.epoch(old)
    answers: list[str] = []

    def click() -> None:
        try:
            gate = Gate(old.http, plant.credentials["engineer"]["token"], timeout=5)
            gate.post("/api/v1/redundancy/failover", {"reason": "impatience"})
            answers.append("accepted")
        except Refused as error:
            answers.append(f"{error.status}")
        except Unreachable:
            answers.append("no answer")

    people = [threading.Thread(target=click) for _ in range(12)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    wait_for(lambda: [plant.state(new), plant.state(old)] == ["Active", "Standby"], "the roles changed")
    time.sleep(3)  # for a second switch to happen in
    counted = {word: answers.count(word) for word in sorted(set(answers))}
    found.note(f"12 clicks: {counted}; term {epoch} -> {plant.epoch(new)}")
    assert plant.active("Primary") == new
    assert plant.epoch(new) == epoch + 1, "the role moved more than once"


@pytest.mark.fault(44)
def test_a_command_in_flight_at_the_crash_is_of_unknown_outcome_and_never_sent_again(
    plant: Laboratory, third: Observer, found: Findings
) -> None:
    host, edge = plant.active("Primary"), plant.active("Edge 1")
    heir = plant.layout.peer(host)
    tag = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"
    since, start, outcomes = wall_ms() - 1000, time.monotonic(), []

    def order() -> None:
        try:
            gate = Gate(host.http, plant.credentials["operator"]["token"], timeout=20)
            outcomes.append(gate.write(tag, 444)["outcome"])
        except (Unreachable, Refused) as error:
            outcomes.append(f"no answer: {error}")

    plant.signal(edge, "worker", signal.SIGSTOP)
    try:
        operator = threading.Thread(target=order)
        operator.start()
        wait_for(lambda: third.since(start, "DCMD"), "the command is on its way")
        plant.kill([host])
        operator.join(25)
    finally:
        plant.signal(edge, "worker", signal.SIGCONT)
    wait_for(lambda: plant.state(heir) == "Active", "the peer acts")
    edges_move(plant, heir, start)
    newest = wait_for(lambda: plant.gate(heir).get("/api/v1/redundancy/changeovers"), "a report")[0]
    assert newest["to"] == heir.name
    report = plant.gate(heir).get(f"/api/v1/redundancy/changeovers/{newest['id']}")
    orphans = [(c.get("metric"), c.get("value")) for c in report["commands"]]
    found.none("commands sent again", third.since(start, "DCMD")[1:])
    found.note(f"who asked heard: {outcomes[0].partition(':')[0]}; the survivor reports {orphans} as unknown")
    assert outcomes[0] != "confirmed"
    assert any("Tag 1" in str(metric) and str(value) == "444" for metric, value in orphans), report[
        "commands"
    ]
    assert lost_and_doubled(plant, heir, since)[1] == 0
