"""The two examples, as they stand, at the Distributor: they talk to each other, and to a third client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sparkplug
from tests.hmi.trial.foreign import Foreign, parsed
from tests.redundancy.brokers import PASSWORD, USER, Broker, running

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# Imports, blank lines and docstrings apart; "thirty lines", with room for one case more.
MOST_LINES = 36
STATE, EDGE = "spBv1.0/STATE/Example", "Group 1/Example"


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    end = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < end, f"not within 30 s: {what()}"
        time.sleep(0.02)
    return found


class Example:
    """One of the examples as a process of its own, and what it prints."""

    def __init__(self, broker: Broker, name: str, *arguments: str) -> None:
        self._path = broker.folder / f"{name}-{time.time_ns()}.out"
        command = [sys.executable, "-m", f"docs.examples.{name}", "127.0.0.1", str(broker.port), *arguments]
        account = {"MQTT_USER": USER, "MQTT_PASSWORD": PASSWORD}
        with self._path.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                stdout=output,
                stderr=output,
                env={**os.environ, **account},
                # A shell that runs the tests in the background has told them to ignore Ctrl-C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def said(self) -> str:
        return self._path.read_text(encoding="utf-8")

    def says(self, *words: str) -> None:
        def found() -> bool:
            return any(all(word in line for word in words) for line in self.said.splitlines())

        until(found, lambda: f"says {words}; it said:\n{self.said}")

    def end(self) -> None:
        """Ctrl-C, and it ends well."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(10) == 0, self.said


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as found:
        yield found


@pytest.fixture
def start(broker: Broker) -> Iterator[Callable[..., Example]]:
    started: list[Example] = []

    def starts(name: str, *arguments: str) -> Example:
        started.append(Example(broker, name, *arguments))
        return started[-1]

    yield starts
    for example in started:
        if example.process.poll() is None:
            example.process.kill()
            example.process.wait(10)


def deaths(client: Foreign) -> list[int]:
    """The bdSeq of every NDEATH."""
    return [parsed(payload).metrics[0].long_value for payload in client.on("spBv1.0/Group 1/NDEATH/Example")]


def test_the_host_hears_the_edge_node_and_the_edge_node_the_host(
    broker: Broker, start: Callable[..., Example], tmp_path: Path
) -> None:
    memory = str(tmp_path / "bdseq")
    client = Foreign(broker.port)
    try:
        edge = start("edge", memory)
        until(Path(memory).exists, lambda: f"the edge connects; it said {edge.said}")
        assert not client.on("spBv1.0/Group 1/NBIRTH/Example"), "nothing is born before the host is online"
        host = start("host")
        host.says("NodeBorn", "Example")
        host.says("DeviceBorn", "Tank", "Level")
        edge.says("Online")
        client.order_double(EDGE, "Tank", "Level", 7.25)
        host.says("Values", "Tank", "7.25")
        client.rebirth(EDGE)
        until(lambda: len(client.on("spBv1.0/Group 1/NBIRTH/Example")) == 2, lambda: "a second NBIRTH")
        edge.end()
        host.says("NodeDied")
        host.end()
        states = [json.loads(payload) for payload in client.on(STATE)]
        assert [state["online"] for state in states][-2:] == [True, False]
        assert deaths(client) == [0]
    finally:
        client.close()


def test_the_edge_node_leaves_when_the_host_goes_and_counts_its_next_session_on(
    broker: Broker, start: Callable[..., Example], tmp_path: Path
) -> None:
    memory = str(tmp_path / "bdseq")
    client = Foreign(broker.port)
    try:
        host, edge = start("host"), start("edge", memory)
        host.says("DeviceBorn")
        host.end()
        edge.says("HostOffline")
        assert edge.process.wait(10) == 0, edge.said
        host = start("host")
        # The retained offline of the first one would send the edge node away again, and rightly.
        until(lambda: json.loads(client.on(STATE)[-1])["online"], lambda: "the second host is online")
        edge = start("edge", memory)
        host.says("NodeBorn", "bd_seq=1")
        edge.process.kill()
        host.says("NodeDied")
        assert deaths(client) == [0, 1]
    finally:
        client.close()


@pytest.mark.parametrize("name", ["host", "edge"])
def test_an_example_stays_an_example(name: str) -> None:
    lines = (BASE_DIR / "docs" / "examples" / f"{name}.py").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.startswith(("import ", "from ", '"""'))]
    assert len(code) <= MOST_LINES


def test_what_the_readme_of_sparkplug_shows_is_true() -> None:
    text = (BASE_DIR / "sparkplug" / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert shown
    for each in shown:
        exec(each, {})
    names = {name for name in re.findall(r"`([A-Z]\w+)", text) if not name.isupper()}
    assert names - set(sparkplug.__all__) - {"Quality", "None"} == set()
    for path in re.findall(r"\]\((\S+?)\)", text):
        assert (BASE_DIR / "sparkplug" / path).exists()
