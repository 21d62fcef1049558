"""One real worker process of an Independent edge gateway: Celery, runtime, Redis, databases."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from paho.mqtt.publish import single

from hmi import desk
from hmi.adapter.facets.catalogue import facet_of
from hmi.adapter.facets.verbs import read as facet
from hmi.node import redis_server, schema
from hmi.worker.bootstep import FAILED
from redundancy import identity
from tests.hmi.worker.conftest import RedisServer
from tests.ports import free_port
from tests.redundancy.brokers import PASSWORD, USER, running
from tests.redundancy.link_ends import Candidate

DEVICE = "[default]Edge Nodes/Group 1/Edge 1/Device 1"
TAG_1, COUNTER = f"{DEVICE}/Tag 1", f"{DEVICE}/Counter"
LINE_1 = "[MQTT Adapter]Line 1"
LINK, HTTP = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
DEAD_BROKER, WITNESS = free_port(), free_port()

NODE_FILE = {
    "gateway": "Edge 1",
    "node": "edge1",
    "role": "Independent",
    "link": LINK,
    "http": HTTP,
    "url": f"http://{HTTP}",
    "mqtt": None,
    "witness": None,
    "serve_witness": f"127.0.0.1:{WITNESS}",
    "peer": None,
    "plant_key": "ab" * 32,
    "secret_key": "secret-key-of-the-gateway-for-tests-only-0123456789",
    "redundancy": {"startup_allowance": 0.2},
}
CONFIG = {
    "gateway": {"name": "Edge 1"},
    "nodes": [
        {"name": "edge1", "role": "Independent", "link": LINK, "http": HTTP, "url": f"http://{HTTP}"}
        | {"serve_witness": f"127.0.0.1:{WITNESS}"}
        | {"startup_allowance": 0.2}
    ],
    "server_sets": [
        {"name": "Default", "servers": [{"name": "Chariot SCADA", "host": "127.0.0.1", "port": DEAD_BROKER}]}
    ],
    "transmission": {
        "host_id": "Primary",
        "server_set": "Default",
        "transmitters": [{"group": "Group 1", "edge": "Edge 1", "devices": ["Device 1"]}],
    },
    "tags": [
        {"path": TAG_1, "datatype": "Int32", "initial": 10, "writable": True, "stored": True},
        {"path": COUNTER, "kind": "counter", "datatype": "Int64", "stored": True},
    ],
}


class NodeProcess:
    """A node's folder, its Redis-protocol server and its worker."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.redis, self.worker = folder, RedisServer(folder), None
        self.log = folder / "worker.log"
        self.environment = {**os.environ, "TANDEM_DIR": str(folder)}
        self.environment.pop("REDIS_URL", None)
        identity.save(folder, NODE_FILE)
        schema.bring_up_to_date(folder)
        self.manage("config", "import", "-", json.dumps(CONFIG))
        self.redis.start()

    def manage(self, *arguments: str) -> None:
        *command, given = arguments
        subprocess.run(
            [sys.executable, "manage.py", *command],
            input=given.encode(),
            check=True,
            env=self.environment,
            cwd=schema.BASE_DIR,
        )

    def launch(self, name: str) -> subprocess.Popen[bytes]:
        celery = ["celery", "-A", "hmi.worker.celery:app", "worker", "-P", "threads", "-c", "2", "-n", name]
        options = ["--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
        command = [sys.executable, "-m", *celery, *options]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=schema.BASE_DIR, stdout=log, stderr=log
            )

    def start(self) -> None:
        self.worker = self.launch("edge1")
        self.wait_until(lambda: desk.gateway()["state"] == "Active", "the node is active")

    def wait_until(self, condition, what, patience=30.0):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                log = self.log.read_text(encoding="utf-8")
                pytest.fail(f"after {patience:g} s still not: {what}\n{log[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> int:
        self.worker.send_signal(signal.SIGTERM)
        code = self.worker.wait(20)
        self.worker = None
        return code

    def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
        self.redis.kill()

    def stored(self, path):
        connection = sqlite3.connect(self.folder / "history.db", timeout=5)
        try:
            return connection.execute(
                "SELECT ts, value FROM history_sample JOIN history_tag ON id = tag"
                " WHERE path = ? ORDER BY ts",
                [path],
            ).fetchall()
        finally:
            connection.close()


@pytest.fixture
def node(settings):
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    settings.REDIS_URL = f"unix://{folder / redis_server.SOCKET}"
    process = NodeProcess(folder)
    try:
        process.start()
        yield process
    finally:
        process.close()
        shutil.rmtree(folder)


def read(path):
    return desk.ask("read", paths=[path])[0]


def write(path, value):
    return desk.ask("write", writes=[{"path": path, "value": value}], by="olga")[0]


async def test_a_node_serves_as_the_witness_of_another_gateway_s_pair(node):
    candidate = Candidate(WITNESS, "Primary", "primary-master", key=bytes.fromhex(NODE_FILE["plant_key"]))
    async with candidate.linked():
        assert await candidate.ask(1) == "grant"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running("distributor", tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def component(broker):
    """A component of the adapter that reads one value from the broker."""
    source = {"hostNameOrIpAddress": "127.0.0.1", "port": broker.port, "tls": "None", "userName": USER}
    item = {"topic": "kiln", "valueField": "$.t", "dataType": "Float64", "streamId": "kiln/t"}
    kinds = {name: facet_of("MQTT", name) for name in ("dataSource", "dataSelection")}
    return {
        "id": "Line 1",
        "type": "MQTT",
        "dataSource": facet(kinds["dataSource"], source | {"password": "{{broker}}"}, {}),
        "dataSelection": [facet(kinds["dataSelection"], item, {})],
    }


def publish(broker, payload, topic="kiln", **more):
    auth = {"username": USER, "password": PASSWORD}
    single(topic, payload, qos=1, hostname="127.0.0.1", port=broker.port, auth=auth, **more)


def selects_what_a_discovery_finds(node, broker):
    """Of itself, where that was asked for, but not what can be no stream."""
    publish(broker, '{"speed": 7, "\\u0007": 1}', "mill", retain=True)
    publish(broker, "1", "long/" * 30 + "topic", retain=True)
    publish(broker, "1", "mill//..", retain=True)
    asked = {"component": "Line 1", "id": "auto", "query": "", "topics": ["#"], "wait": 0.5}
    desk.ask("discovery_start", **asked, auto_select=True)
    state = lambda: desk.ask("discovery_one", component="Line 1", id="auto")  # noqa: E731
    node.wait_until(lambda: state()["status"] != "Active", "the discovery is over")
    assert (state()["status"], state()["errors"]) == ("Complete", None)
    speed = f"{LINE_1}/mill.$.speed"
    node.wait_until(lambda: read(speed)["value"] == 7, "the selected stream has the retained value")
    assert read(f"{LINE_1}/kiln/t")["quality"] == "Good"


def test_a_worker_runs_its_node_through_a_twin_a_lost_redis_and_a_restart(node, broker):
    # It shows its tags, and takes a write.
    assert read(TAG_1)["value"] == 10
    assert read("[System]Gateway/Redundancy/IsActive")["value"] is True
    assert read("[MQTT Transmission]Transmission Info/MQTT Clients/Group 1-Edge 1/Online")["value"] is False
    assert write(TAG_1, 55) == {"path": TAG_1, "outcome": "confirmed", "old": 10} | {
        "detail": "recorded on this node only; the peer is not connected"
    }
    assert write(COUNTER, 1)["outcome"] == "refused"
    assert desk.ask("overview")["edges"][0]["edge"] == "Edge 1"

    # A second worker of the same node ends, so that it is tried again later, and changes nothing.
    twin = node.launch("twin")
    try:
        assert twin.wait(30) == FAILED
    finally:
        twin.kill()
        twin.wait()
    assert "another worker serves" in node.log.read_text(encoding="utf-8")
    assert desk.gateway()["state"] == "Active"

    # Redis dies and comes back: the node stays what it was, and not one sample is missing.
    node.redis.kill()
    assert desk.gateway()["state"] == "Starting"
    time.sleep(1.0)
    node.redis.start()
    node.wait_until(lambda: desk.gateway()["state"] == "Active", "the node says again that it is active")
    epoch = desk.gateway()["epoch"]
    node.wait_until(lambda: len(node.stored(COUNTER)) > 30, "three seconds of samples")
    samples = node.stored(COUNTER)
    times = [ts for ts, _ in samples]
    assert times == list(range(times[0], times[-1] + 1, 100))
    assert all(value == ts // 100 for ts, value in samples)

    # A new configuration is taken up without a restart.
    more = CONFIG | {
        "tags": [*CONFIG["tags"], {"path": "[default]Note", "datatype": "String", "writable": True}],
        "components": [component(broker)],
        "secrets": [{"id": "broker", "value": PASSWORD}],
    }
    node.manage("config", "import", "-", json.dumps(more))
    desk.ask("poke")
    assert write("[default]Note", "hello")["outcome"] == "confirmed"

    # And so is a component of the adapter: what others publish becomes a tag and is stored.
    status = f"{LINE_1}/Status"
    node.wait_until(lambda: read(status)["value"] == "Connected / No Data", "the component's session")
    publish(broker, '{"t": 912.5}')
    node.wait_until(lambda: read(f"{LINE_1}/kiln/t")["value"] == 912.5, "the value of another broker")
    node.wait_until(lambda: [value for _, value in node.stored(f"{LINE_1}/kiln/t")] == [912.5], "its sample")
    assert desk.ask("metrics")["adapter_servers_connected"] == 1

    selects_what_a_discovery_finds(node, broker)

    # SIGTERM ends it at once, with everything stored; the written value is there afterwards.
    started = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - started < 20
    node.start()
    assert read(TAG_1)["value"] == 55
    assert read("[default]Note")["value"] == "hello"
    assert desk.gateway()["epoch"] >= epoch
    known = read(f"{LINE_1}/kiln/t")
    assert (known["value"], known["quality"]) == (912.5, "Stale")
