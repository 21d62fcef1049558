"""The process: how it starts, how it ends, what it costs, and what it does after it was stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.redundancy.distributor import wire
from tests.redundancy.distributor.conftest import ROOT, Server, own_config, start_own, stop
from tests.redundancy.distributor.wire import RawClient, listening, opened, publish, wait_until


@pytest.fixture
def start(tmp_path: Path):
    """Starts servers of this test's own; none outlives it, however it ends."""
    servers: list[Server] = []

    def make(**changes: object) -> Server:
        servers.append(start_own(tmp_path, own_config(**changes)))
        return servers[-1]

    yield make
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            stop(server)


def run(path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "redundancy.distributor", "--config", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_a_taken_port_is_said_in_one_line_and_exit_code_3(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = own_config(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        (tmp_path / "c.json").write_text(json.dumps(config))
        ended = run(tmp_path / "c.json")
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert config["listen"] in ended.stderr


def test_a_bad_configuration_names_the_field_and_exit_code_2(tmp_path: Path):
    (tmp_path / "c.json").write_text(json.dumps(own_config(lease="soon")))
    ended = run(tmp_path / "c.json")
    assert ended.returncode == 2
    assert ended.stderr == "distributor: lease: must be a number between 0.1 and 600\n"


def test_it_ends_by_sigterm_and_says_goodbye(start):
    server = start()
    with opened(server.port, "five", version=5) as client:
        assert stop(server) == 0
        first, body = client.read()
        assert (first, body[0]) == (wire.DISCONNECT, 0x8B)
        assert client.closed()


def test_a_faulty_change_of_the_file_changes_nothing(start):
    server = start()
    log = server.folder / "log"
    server.config["users"] = [{"username": "admin", "password_hash": "plain", "acl": []}]
    server.rewrite()
    wait_until(lambda: "users[0].password_hash" in log.read_text())
    with opened(server.port, "still"):
        pass
    assert stop(server) == 0


def test_after_sigstop_the_old_holders_sessions_are_dropped_before_their_commands_are_read(start):
    server = start(lease=0.6)
    with listening(server.port, "edge", ("plant/#", 1)) as edge:
        state = opened(server.port, "Primary-state-master", "pair", will=("plant/state", b"offline", 1, True))
        command = opened(server.port, "Primary-cmd", "pair")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            command.send(publish("plant/command", b"too late"))
            with RawClient(server.port) as during:  # the kernel accepts, nobody answers
                during.socket.settimeout(0.9)
                with pytest.raises(TimeoutError):
                    during.read()
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert command.closed()
        assert state.closed()
        with opened(server.port, "probe") as probe:
            probe.send(publish("plant/end", b""))
        heard = [wire.message(*edge.read())[0] for _ in range(2)]
        assert heard == ["plant/state", "plant/end"]
    assert stop(server) == 0


def test_an_idle_server_costs_next_to_nothing(own_server):
    with opened(own_server.port, "idler", keep_alive=0):
        ticks = os.sysconf("SC_CLK_TCK")

        def used() -> float:
            fields = Path(f"/proc/{own_server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = used()
        time.sleep(1.0)
        assert used() - before <= 0.05
