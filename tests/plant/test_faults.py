"""What else happens to a plant: a frozen node, strangers and garbage. A lost witness is fault 14."""

from __future__ import annotations

import json
import socket
import time
import urllib.request

import paho.mqtt.client as mqtt
import pytest

from hmi.plant.drill import EDGES
from hmi.plant.layout import PlantNode
from sparkplug import DataType, Metric, Payload, encode
from tests.plant.conftest import RunningPlant
from tests.plant.observer import Observer
from tests.waiting import wait_for

pytestmark = [pytest.mark.plant, pytest.mark.timeout(180)]


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def stays_whole(plant: RunningPlant, host: PlantNode, states: dict[str, str]) -> None:
    """Nothing changed: the same roles, and every edge's values go on."""
    assert plant.states() == states
    since = wall_ms()
    for edge in EDGES:
        wait_for(lambda edge=edge: plant.edge_moves(host, edge, since), f"{edge} goes on moving")


def stranger(plant: RunningPlant, account: str, client_id: str = "stranger") -> mqtt.Client:
    """A client with an account of the plant, connected to the active primary's broker."""
    who = plant.credentials["mqtt"][account]
    where = plant.active("Primary").mqtt
    assert where is not None
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
    client.username_pw_set(who["username"], who["password"])
    client.connect(where.host, where.port, keepalive=10)
    client.loop_start()
    wait_for(client.is_connected, "the stranger is connected")
    return client


def troubles(node: PlantNode) -> float:
    """How many oddities the node has counted, from its metrics."""
    with urllib.request.urlopen(f"{node.url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("tandem_troubles_total "))


def publish(client: mqtt.Client, topic: str, payload: bytes, *, retain: bool = False) -> None:
    client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)


def test_a_frozen_node_that_thaws_never_acts_again_beside_its_heir(
    plant: RunningPlant, observer: Observer
) -> None:
    frozen = plant.active("Primary")
    heir = plant.layout.peer(frozen)
    plant.control("pause", frozen.name)
    wait_for(lambda: plant.state(heir) == "Active", "the peer took over")
    time.sleep(7)  # the fault itself: so long that its edge nodes have gone to the other broker
    commands_before = len(observer.since(0, "DCMD")) + len(observer.since(0, "NCMD"))
    thawed = time.monotonic()
    plant.control("resume", frozen.name)
    while time.monotonic() < thawed + 4:
        states = [plant.state(frozen), plant.state(heir)]
        assert states.count("Active") <= 1, states
        assert states[1] == "Active", states
    assert len(observer.since(0, "DCMD")) + len(observer.since(0, "NCMD")) == commands_before
    wait_for(lambda: plant.state(frozen) == "Standby", "the thawed node stands by")
    said = [s for s in observer.since(thawed, "STATE") if s.broker == frozen.mqtt.port]  # type: ignore[union-attr]
    newest = json.loads(said[-1].payload) if said else {"online": True}
    assert newest["online"], "the last word on the thawed broker is that the host is online"


def test_garbage_on_the_brokers_is_counted_and_changes_nothing(plant: RunningPlant) -> None:
    host, states = plant.active("Primary"), plant.states()
    counted = troubles(host)
    client = stranger(plant, "integrator")
    try:
        for topic in ("spBv1.0/Group 1/NDATA/Edge 1", "spBv1.0/Group 1/DDATA/Edge 1/Device 1", "spBv1.0/x"):
            publish(client, topic, b"\xff\x00 not a payload")
        publish(client, "spBv1.0/Group 1/NDEATH/Edge 2", encode(Payload(wall_ms(), ())))
        stays_whole(plant, host, states)
        wait_for(lambda: troubles(host) > counted, "the garbage is counted")
    finally:
        client.loop_stop()


def test_a_foreign_edge_node_is_shown_beside_ours(plant: RunningPlant) -> None:
    host = plant.active("Primary")
    client = stranger(plant, "integrator", "foreign-edge")
    birth = (
        Metric("bdSeq", DataType.Int64, 0, wall_ms()),
        Metric("Node Control/Rebirth", DataType.Boolean, False, wall_ms()),
        Metric("Speed", DataType.Double, 12.5, wall_ms()),
    )
    try:
        publish(client, "spBv1.0/Group 1/NBIRTH/Foreign", encode(Payload(wall_ms(), birth, seq=0)))
        path = "[MQTT Engine]Edge Nodes/Group 1/Foreign/Speed"
        wait_for(lambda: plant.value(host, path)["value"] == 12.5, "the foreign edge's value is shown")
    finally:
        client.loop_stop()


def test_nobody_else_can_speak_for_the_plants_host(plant: RunningPlant, observer: Observer) -> None:
    host, states = plant.active("Primary"), plant.states()
    client = stranger(plant, "integrator")
    start = time.monotonic()
    try:
        for payload in (b'{"online": false, "timestamp": 9999999999999}', b"", b"OFFLINE"):
            client.publish("spBv1.0/STATE/Primary", payload, qos=1, retain=True)
        time.sleep(2)
        stays_whole(plant, host, states)
        assert not [s for s in observer.since(start, "STATE") if b"false" in s.payload], (
            "the forgery got through"
        )
        assert not observer.since(start, "NDEATH"), "an edge believed it"
    finally:
        client.loop_stop()


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff" * 8, b"{}\n"]
)
def test_garbage_on_the_pair_link_changes_nothing(plant: RunningPlant, garbage: bytes) -> None:
    host, states = plant.active("Primary"), plant.states()
    for where in (host.link, plant.layout.peer(host).link, plant.layout.witness):
        with socket.create_connection((where.host, where.port), timeout=5) as wire:
            wire.sendall(garbage)
    stays_whole(plant, host, states)
