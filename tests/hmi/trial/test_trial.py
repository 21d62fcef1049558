"""The documented command against real brokers, with somebody else's client beside it: over TLS, a WebSocket
and MQTT 5 first, over plain MQTT 3.1.1 when it starts again.

Two nodes are started at once and used by every test: a host at the Distributor and at a Mosquitto that is
not there yet, and edge nodes at that Mosquitto. The last test ends them and looks at what they said.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.core.management import CommandError, call_command

from hmi.node.schema import BASE_DIR
from hmi.trial import founding
from hmi.trial.wishes import PASSWORD as PASSWORD_VARIABLE
from hmi.trial.wishes import EdgeWishes, HostWishes, wishes
from redundancy.config import ConfigError
from tests.hmi.trial.foreign import Foreign, now, parsed
from tests.ports import free_port
from tests.redundancy.brokers import KINDS, PASSWORD, USER, Broker, running
from tests.redundancy.certificates import Certificates

pytestmark = [pytest.mark.plant, pytest.mark.timeout(180)]

HOST, EDGE = "Trial", "Works/Press"


def until(condition: Callable[[], Any], what: Callable[[], str], patience: float = 40.0) -> Any:
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"after {patience:g} s still not: {what()}"
        time.sleep(0.02)
    return found


class Command:
    """`manage.py node try ...` as a process, and what it prints."""

    def __init__(self, folder: Path, *arguments: str, secret: str = PASSWORD) -> None:
        self.path = folder / f"{arguments[0]}-{free_port()}.out"
        environment = {
            key: each for key, each in os.environ.items() if key not in ("TANDEM_DIR", "REDIS_URL")
        }
        with self.path.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "node", "try", *arguments],
                cwd=BASE_DIR,
                stdout=output,
                stderr=output,
                env=environment | {PASSWORD_VARIABLE: secret},
            )

    @property
    def said(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def says(self, *words: str) -> str:
        """Wait for a line with all of these words; answers it."""

        def found() -> str:
            assert self.process.poll() is None, f"it ended:\n{self.said}"
            lines = (line for line in self.said.splitlines() if all(word in line for word in words))
            return next(lines, "")

        return until(found, lambda: f"says {words}; it said:\n{self.said}")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)

    def ends(self) -> int:
        """After a signal: its exit code. Nothing of it may be left."""
        code = self.process.wait(30)
        _, left = psutil.wait_procs(self._family, timeout=5)
        assert not left, f"processes were left behind: {left}"
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@dataclass
class Scene:
    folder: Path
    first: Broker
    second: Broker
    host: Command
    edge: Command
    host_page: str
    host_dir: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("trial")
    made = Certificates(folder)
    second = Broker(KINDS[-1], folder, tls=made.server)
    page, kept = f"127.0.0.1:{free_port()}", folder / "kept"
    with running("distributor", folder, tls=made.server) as first:
        late, web = f"mqtts://127.0.0.1:{second.ports['tls']}", f"wss://127.0.0.1:{first.ports['wss']}/mqtt"
        host_says = ("--url", web, "--server", late, "--host-id", HOST)
        edge_says = ("--url", late, "--group", "Works", "--edge", "Press", "--device", "North")
        edge_says += ("--tag", "Count:Int32=10", "--aliases", "--host-id", HOST)
        user = ("--username", USER, "--mqtt-version", "5", "--ca", made.ca)
        host = Command(folder, "host", *host_says, *user, "--http", page, "--dir", str(kept))
        edge = Command(folder, "edge", *edge_says, *user, "--http", f"127.0.0.1:{free_port()}")
        try:
            yield Scene(folder, first, second, host, edge, page, kept)
        finally:
            host.kill()
            edge.kill()
            second.kill()


def test_a_broker_that_cannot_be_reached_is_said_and_tried_again(scene: Scene) -> None:
    late = f"127.0.0.1:{scene.second.ports['tls']}"
    scene.host.says(f"127.0.0.1:{scene.first.ports['wss']}: connected")
    scene.host.says(late, "not connected", "refused")
    scene.edge.says(f"edge node {EDGE}: not online at {late}", "refused")
    scene.second.start()
    scene.host.says(f"{late}: connected")
    scene.edge.says(f"edge node {EDGE}: online at {late}")
    scene.host.says(f"edge node {EDGE}: born at {late}")
    scene.host.says(f"device {EDGE}/North: born with 1 metrics")
    scene.host.says("MQTT Engine: Running")


def test_the_host_tells_of_somebody_elses_edge_node(scene: Scene) -> None:
    client = Foreign(scene.first.port)
    try:
        client.be_born(12.5)
        scene.host.says("edge node Other/Foreign: born", "3 metrics")
        assert value_on_the_pages(scene, "[MQTT Engine]Edge Nodes/Other/Foreign/Speed") == 12.5
        client.publish("spBv1.0/Other/NDATA/Foreign", b"\xff\x00 no payload")
        scene.host.says("trouble")
        client.die()
        scene.host.says("edge node Other/Foreign: gone")
    finally:
        client.close()


def value_on_the_pages(scene: Scene, path: str) -> object:
    """Signed in as the host's first lines say."""
    found = re.search(r"sign in as '(\w+)', password (\S+) ", scene.host.said)
    assert found is not None, scene.host.said
    with httpx.Client(base_url=f"http://{scene.host_page}", follow_redirects=True) as browser:
        form = browser.get("/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token is not None
        who = {"username": found[1], "password": found[2], "csrfmiddlewaretoken": token[1]}
        origin = {"Origin": f"http://{scene.host_page}"}
        assert "/login/" not in str(browser.post("/login/", data=who, headers=origin).url)
        cookie = next(value for name, value in browser.cookies.items() if name.endswith("-csrf"))
        headers = origin | {"X-CSRFToken": cookie}

        def read() -> dict[str, Any]:
            tag = browser.post("/api/v1/tags/read", json={"paths": [path]}, headers=headers).json()[0]
            return tag if tag["quality"] == "Good" else {}

        return until(read, lambda: f"{path} is good")["value"]


def test_the_edge_node_obeys_somebody_elses_host(scene: Scene) -> None:
    client = Foreign(scene.second.port)
    try:
        client.order(EDGE, "North", "Count", 42)

        def echoed() -> bool:
            data = [parsed(payload) for payload in client.on("spBv1.0/Works/DDATA/Press/North")]
            return any(metric.int_value == 42 for payload in data for metric in payload.metrics)

        until(echoed, lambda: f"the order is echoed; heard {client.heard}")
    finally:
        client.close()


def test_the_folder_of_a_running_node_is_left_alone(scene: Scene) -> None:
    changed = wishes(HostWishes, {"url": "mqtt://127.0.0.1:1", "http": scene.host_page})
    with pytest.raises(ConfigError, match=f"a node runs in {scene.host_dir} already"):
        founding.found(scene.host_dir, changed, print)


def test_what_is_ended_says_goodbye_to_the_letter(scene: Scene) -> None:
    state = f"spBv1.0/STATE/{HOST}"
    clients = [Foreign(scene.first.port, "witness"), Foreign(scene.second.port, "witness")]
    try:
        births = [json.loads(until(lambda c=c: c.on(state), lambda: "STATE")[0]) for c in clients]
        assert all(birth["online"] for birth in births)
        asked = now()
        scene.edge.signal(signal.SIGINT)
        scene.host.signal(signal.SIGTERM)
        assert scene.edge.ends() == 0
        deaths = until(lambda: clients[1].on("spBv1.0/Works/NDEATH/Press"), lambda: "NDEATH came")
        assert [metric.name for metric in parsed(deaths[-1]).metrics] == ["bdSeq"]
        gone = re.search(r"folder  (\S+) \(goes", scene.edge.said)
        assert gone is not None
        assert not Path(gone[1]).exists()
        assert scene.host.ends() == 0
        for client, birth in zip(clients, births, strict=True):
            last = until(
                lambda client=client: [s for s in map(json.loads, client.on(state)) if not s["online"]],
                lambda: "STATE offline came",
            )[-1]
            assert last["timestamp"] > birth["timestamp"]
            assert asked - 100 <= last["timestamp"] <= now()
        assert scene.host.said.rstrip().endswith("stopped")
    finally:
        for client in clients:
            client.close()


def test_a_kept_node_starts_again_and_takes_a_change_over(scene: Scene) -> None:
    if scene.host.process.poll() is None:
        scene.host.signal()
        scene.host.ends()
    arguments = ("--url", f"mqtt://127.0.0.1:{scene.first.port}", "--username", USER, "--host-id", "Other")
    again = Command(scene.folder, "host", *arguments, "--http", scene.host_page, "--dir", str(scene.host_dir))
    try:
        again.says("changed since the last start: ca, host_id, mqtt_version, server, url;")
        again.says("with the password of the first start")
        again.says("MQTT Engine: Running")
        client = Foreign(scene.first.port)
        states = until(lambda: client.on("spBv1.0/STATE/Other"), lambda: "STATE of Other")
        client.close()
        assert json.loads(states[0])["online"]
        again.signal()
        assert again.ends() == 0
    finally:
        again.kill()
    with pytest.raises(ConfigError, match="holds a trial host"):
        founding.found(scene.host_dir, wishes(EdgeWishes, {"url": "mqtt://127.0.0.1:1"}), print)


def test_a_wrong_argument_ends_it_before_anything_starts(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(CommandError, match="the node does not start: host_id: "):
        call_command("node", "try", "host", url="mqtt://127.0.0.1:1", host_id="a/b", dir=str(folder))
    assert not folder.exists()
