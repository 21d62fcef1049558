"""The adapter at a real plant: its document, command by command, and a component whose node is killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from hmi.plant.layout import PlantNode
from tests.hmi.adapter.api.contract import AS_PRINTED, FULL, MINIMAL, SERVER_1, SERVER_2
from tests.plant.conftest import RunningPlant
from tests.redundancy.brokers import PASSWORD, USER, Broker, running
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.plant,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]
SERVERS = "/api/v1/configuration/MQTT1/RedundantServers"


def curl(
    plant: RunningPlant, node: PlantNode, verb: str, path: str, *more: str, cwd: Path
) -> tuple[int, str]:
    """As the document prints it, with our port, and with a token."""
    token = plant.credentials["engineer"]["token"]
    command = ["curl", "-s", "-w", "\n%{http_code}", *more, "-H", f"Authorization: Bearer {token}"]
    address = f"http://localhost:{node.http.port}{path}"
    ended = subprocess.run(
        [*command, "-X", verb, address], capture_output=True, text=True, cwd=cwd, check=True, timeout=30
    )
    body, _, status = ended.stdout.rpartition("\n")
    return int(status), body


def put(plant: RunningPlant, node: PlantNode, text: str, cwd: Path) -> tuple[int, str]:
    (cwd / "MQTT1_RedundantServers.json").write_text(text, encoding="utf-8")
    sent = ("-d", "@MQTT1_RedundantServers.json", "-H", "Content-Type: application/json")
    return curl(plant, node, "PUT", SERVERS, *sent, cwd=cwd)


def test_the_documents_command_works_on_the_active_node_and_reaches_the_other(
    plant: RunningPlant, tmp_path: Path
) -> None:
    active = plant.active("Primary")
    standby = plant.layout.peer(active)

    def configured(node: PlantNode) -> Any:
        status, body = curl(plant, node, "GET", SERVERS, cwd=tmp_path)
        assert status == 200, body
        return json.loads(body)

    assert put(plant, active, FULL, tmp_path) == (204, "")
    assert configured(active) == [SERVER_1, SERVER_2]
    wait_for(lambda: configured(standby) == [SERVER_1, SERVER_2], "the standby has the servers, too")
    status, body = put(plant, standby, MINIMAL, tmp_path)
    assert (status, active.name in body) == (409, True)
    assert put(plant, active, AS_PRINTED, tmp_path)[0] == 400
    assert put(plant, active, MINIMAL, tmp_path) == (204, "")
    assert [each["hostNameOrIpAddress"] for each in configured(active)] == ["125.1.1.1", "125.2.2.2"]
    assert curl(plant, active, "DELETE", SERVERS, cwd=tmp_path) == (204, "")
    assert configured(active) == []


# -- a change of node

MQTT1 = "/api/v1/configuration/MQTT1"
TAGS = "[MQTT Adapter]MQTT1"


@contextmanager
def counting(broker: Broker, folder: Path) -> Iterator[list[int]]:
    """A PLC that counts, twenty times a second, whoever listens; the numbers that it has said."""
    said: list[int] = []
    plc = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="a PLC that counts")
    plc.username_pw_set(USER, PASSWORD)
    plc.connect("127.0.0.1", broker.port)
    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.05):
            payload = {"n": len(said) + 1, "at": time.time_ns() // 1_000_000}
            plc.publish("kiln", json.dumps(payload), qos=1).wait_for_publish(10)
            said.append(payload["n"])

    plc.loop_start()
    counter = threading.Thread(target=count)
    counter.start()
    try:
        yield said
    finally:
        stop.set()
        counter.join()
        plc.disconnect()
        plc.loop_stop()


def take(plant: RunningPlant, node: PlantNode, facet: str, body: Any, cwd: Path) -> None:
    (cwd / "facet.json").write_text(json.dumps(body))
    sent = ("-d", "@facet.json", "-H", "Content-Type: application/json")
    assert curl(plant, node, "PUT", f"{MQTT1}/{facet}", *sent, cwd=cwd) == (204, "")


def held(plant: RunningPlant, node: PlantNode, name: str) -> tuple[Any, str]:
    tag = plant.value(node, f"{TAGS}/{name}")
    return tag["value"], tag["quality"]


def numbers(plant: RunningPlant, node: PlantNode, begun: datetime) -> list[int]:
    spelled = [moment.isoformat() for moment in (begun, datetime.now(UTC) + timedelta(minutes=1))]
    return [int(value) for _, value, _ in plant.gate(node).history(f"{TAGS}/counter", *spelled)]


@pytest.fixture
def kiln(plant: RunningPlant, tmp_path: Path) -> Iterator[Broker]:
    """MQTT1 reads a counter from a broker that is not the plant's; afterwards it reads nothing."""
    active = plant.active("Primary")
    with running("distributor", tmp_path) as broker:
        source = {"hostNameOrIpAddress": "127.0.0.1", "port": broker.port, "tls": "None"}
        take(plant, active, "dataSource", source | {"userName": USER, "password": PASSWORD}, tmp_path)
        take(plant, active, "clientSettings", {"qosLevel": 1, "keepAlivePeriod": 5}, tmp_path)
        counter = {"streamId": "counter", "topic": "kiln", "valueField": "$.n", "dataType": "Int64"}
        when = {"indexField": "$.at", "indexFormat": "UnixTimeMilliseconds"}
        take(plant, active, "dataSelection", [counter | when], tmp_path)
        yield broker
        plant.heal()
        for facet in ("dataSelection", "dataSource"):
            assert curl(plant, plant.active("Primary"), "DELETE", f"{MQTT1}/{facet}", cwd=tmp_path)[0] == 204


def test_a_component_goes_on_at_the_other_node_and_history_has_no_hole(
    plant: RunningPlant, kiln: Broker, tmp_path: Path
) -> None:
    active = plant.active("Primary")
    heir, begun = plant.layout.peer(active), datetime.now(UTC)
    with counting(kiln, tmp_path) as said:
        wait_for(lambda: held(plant, active, "Status") == ("Good", "Good"), "data at the active node")
        wait_for(lambda: held(plant, heir, "Status") == ("Standby", "Good"), "the other one stands by")
        assert held(plant, active, "Servers/dataSource/Connected") == (True, "Good")
        assert held(plant, heir, "Servers/dataSource/Connected")[1] == "Stale"
        wait_for(lambda: len(said) > 40, "some numbers")
        killed_at = len(said)
        plant.kill([active])
        wait_for(lambda: plant.state(heir) == "Active", "the other node acts")
        wait_for(lambda: (held(plant, heir, "counter")[0] or 0) > killed_at, "the counter moves there")
        assert held(plant, heir, "counter")[1] == "Good"
        assert held(plant, heir, "Status") == ("Good", "Good")
        assert held(plant, heir, "Servers/dataSource/Connected") == (True, "Good")
        plant.heal()
        wait_for(lambda: held(plant, active, "Status") == ("Standby", "Good"), "the killed one stands by")
        assert held(plant, active, "Servers/dataSource/Connected")[1] == "Stale"
        assert held(plant, active, "counter")[1] == "Stale"
    # The killed node had acknowledged what it had stored, and the broker kept the rest for the other one.
    for node in (heir, active):
        wait_for(lambda node=node: set(numbers(plant, node, begun)) == set(said), f"all at {node.name}")
        assert sorted(numbers(plant, node, begun)) == said, "none is there twice"
    log = next(plant.folder.rglob(f"{heir.name}/logs/MQTT1.log")).read_text()
    assert log.index("this node acts") < log.index("data come from dataSource")
    assert PASSWORD not in log
