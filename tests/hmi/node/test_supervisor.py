"""The node's parent: says in one line why it does not start, and keeps its children alive."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hmi.node import redis_server
from hmi.node.supervisor import PROCESSES, Child, Supervisor
from hmi.plant.layout import layout, node_file
from redundancy import identity
from redundancy.config import ConfigError


def raw_node(offset: int = 9000) -> dict[str, Any]:
    plant = layout(offset)
    return node_file(plant, plant.nodes[0], "ab" * 32, "a signing key")


def started(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the parent on `folder` and wait for its refusal."""
    command = [sys.executable, "-m", "hmi.node.supervisor", "--dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def refuses(folder: Path, *words: str) -> None:
    ended = started(folder)
    assert ended.returncode == 2
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("the node does not start: ")
    for word in words:
        assert word in lines[0]


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    refuses(tmp_path / "nowhere", "nowhere", "does not exist")


def test_a_folder_without_a_node_is_named(tmp_path: Path) -> None:
    refuses(tmp_path, "node.json", "never set up")


def test_an_interface_that_this_machine_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text(json.dumps(raw_node() | {"bind_interface": "192.0.2.7"}))
    refuses(tmp_path, "link: 192.0.2.7:17060 cannot be used")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        identity.save(tmp_path, raw_node() | {"http": taken})
        refuses(tmp_path, "http", taken)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peer": None}, ["peer", "Master"]),
        ({"role": "King"}, ["role", "King"]),
        ({"link": "127.0.0.1:0"}, ["link", "port"]),
        ({"link": "nonsense"}, ["link", "host:port"]),
        ({"plant_key": "00"}, ["plant_key"]),
        ({"plant_key": "no hex"}, ["plant_key"]),
        ({"redundancy": {"failover_timeout": 0}}, ["failover_timeout"]),
        ({"redundancy": {"failover_timeout": True}}, ["failover_timeout"]),
        ({"redundancy": {"patience": 1}}, ["patience"]),
        ({"peer": {"node": "primary-master", "link": "127.0.0.1:17061", "url": "http://x"}}, ["itself"]),
        ({"peer": {"node": "other", "link": "127.0.0.1:17060", "url": "http://x"}}, ["itself"]),
        ({"witness": "127.0.0.1:17060"}, ["witness"]),
        ({"witness": "127.0.0.1:9", "serve_witness": "127.0.0.1:9"}, ["witness"]),
        ({"serve_witness": "127.0.0.1:17060"}, ["serve_witness"]),
        ({"serve_witness": "nowhere"}, ["serve_witness"]),
        ({"secret_key": ""}, ["secret_key"]),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change: dict[str, Any], words: list[str]) -> None:
    (tmp_path / identity.FILE).write_text(json.dumps(raw_node() | change))
    refuses(tmp_path, *words)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / identity.FILE).write_text("{")
    refuses(tmp_path, "node.json", "JSON")


def test_a_wrong_identity_is_never_written(tmp_path: Path) -> None:
    identity.save(tmp_path, raw_node())
    before = (tmp_path / identity.FILE).read_bytes()
    with pytest.raises(ConfigError):
        identity.save(tmp_path, raw_node() | {"role": "King"})
    assert (tmp_path / identity.FILE).read_bytes() == before
    assert (tmp_path / identity.FILE).stat().st_mode & 0o777 == 0o600


def test_a_socket_path_longer_than_the_system_allows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="longer"):
        redis_server.command(tmp_path / ("deep" * 30))


async def test_a_child_that_dies_is_started_again_and_stops_with_the_node(tmp_path: Path) -> None:
    supervisor = Supervisor(
        tmp_path, [Child("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])]
    )
    running = asyncio.create_task(supervisor.run())
    first = await pid_of(tmp_path, "sleeper")
    os.kill(first, signal.SIGKILL)
    second = await pid_of(tmp_path, "sleeper", other_than=first)
    supervisor.stop()
    await asyncio.wait_for(running, 20)
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    assert not (tmp_path / PROCESSES).exists()


async def test_a_child_waits_for_the_file_it_needs(tmp_path: Path) -> None:
    needed, made = tmp_path / "needed", tmp_path / "made"
    script = f"import pathlib, time; pathlib.Path({str(made)!r}).touch(); time.sleep(600)"
    supervisor = Supervisor(tmp_path, [Child("broker", [sys.executable, "-c", script], needs=needed)])
    running = asyncio.create_task(supervisor.run())
    await asyncio.sleep(0.3)
    assert not made.exists()
    needed.touch()
    async with asyncio.timeout(20):
        while not made.exists():
            await asyncio.sleep(0.02)
    supervisor.stop()
    await asyncio.wait_for(running, 20)


async def pid_of(folder: Path, name: str, other_than: int = 0) -> int:
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.02)
            if (folder / PROCESSES).exists():
                pid: int = json.loads((folder / PROCESSES).read_text()).get(name, 0)
                if pid not in (0, other_than):
                    return pid
