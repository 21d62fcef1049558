"""The servers under test: our own process, and Mosquitto where the machine has it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redundancy.distributor.passwords import hash_password
from tests.ports import free_port
from tests.waiting import PATIENCE

# A busy machine is no fault: examples may take their time.

ROOT = Path(__file__).resolve().parents[3]
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

USERS = {
    "admin": ["RW #", "R $SYS/#"],
    "operator": ["RW plant/#"],
    "reader": ["R plant/#"],
    "twin": ["RW plant/#"],
}
_count = itertools.count()


@dataclass
class Server:
    """A running server. `ours` where behaviour differs by choice."""

    port: int
    ours: bool
    process: subprocess.Popen
    folder: Path
    config: dict = field(default_factory=dict)

    def rewrite(self) -> None:
        """The configuration as a supervisor writes it: whole, by rename."""
        fresh = self.folder / "distributor.new"
        fresh.write_text(json.dumps(self.config))
        fresh.chmod(0o600)
        fresh.replace(self.folder / "distributor.json")


def user(name: str, acl: list[str], **more: object) -> dict:
    hashed = hash_password(f"{name}-secret", iterations=500, salt="salt")
    return {"username": name, "password_hash": hashed, "acl": acl, **more}


def own_config(**more: object) -> dict:
    users = [user(name, acl) for name, acl in USERS.items()]
    users.append(user("pair", ["RW #"], client_ids=["Primary-*"]))
    users.append(user("walled", ["RW #", "-W plant/secret/#", "-R plant/secret/#"]))
    return {
        "listen": "127.0.0.1:0",
        "users": users,
        "reserved_client_ids": ["Primary-*"],
        "fenced_client_ids": ["Primary-cmd", "Primary-state-*"],
        "limits": {
            "refusal_delay": 0.3,
            "connect_timeout": 1.0,
            "slow_client": 1.0,
            "queue_bytes": 2_000_000,
            "subscriptions": 50,
        },
        **more,
    }


def start_own(folder: Path, config: dict) -> Server:
    path = folder / "distributor.json"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "redundancy.distributor", "--config", str(path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("distributor ready on "), (folder / "log").read_text()
    return Server(int(line.rpartition(":")[2]), True, process, folder, config)


def start_mosquitto(folder: Path) -> Server:
    port = free_port()
    kinds = {"R": "read", "W": "write", "RW": "readwrite"}
    passwords, acls = [], []
    for name, acl in USERS.items():
        digest = hashlib.pbkdf2_hmac("sha512", f"{name}-secret".encode(), b"twelve bytes", 101)
        encoded = base64.b64encode(digest).decode()
        passwords.append(f"{name}:$7$101${base64.b64encode(b'twelve bytes').decode()}${encoded}")
        acls.append(f"user {name}")
        acls += [f"topic {kinds[kind]} {text}" for kind, text in (entry.split(" ", 1) for entry in acl)]
    (folder / "passwords").write_text("\n".join(passwords) + "\n")
    (folder / "acl").write_text("\n".join(acls) + "\n")
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npersistence false\nuser root\nlog_dest none\n"
        f"password_file {folder}/passwords\nacl_file {folder}/acl\nmax_packet_size 1048576\n"
    )
    for name in ("passwords", "acl"):
        (folder / name).chmod(0o600 if os.geteuid() == 0 else 0o644)
    process = subprocess.Popen([str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")])
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return Server(port, False, process, folder)
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < end, "Mosquitto does not listen"
            time.sleep(0.01)


def stop(server: Server) -> int:
    server.process.terminate()
    code = server.process.wait(10)
    if server.process.stdout is not None:
        server.process.stdout.close()
    return code


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_own(tmp_path_factory.mktemp("distributor"), own_config())
    yield server
    assert server.process.poll() is None, "it died under the tests"
    assert stop(server) == 0
    assert "Traceback" not in (server.folder / "log").read_text()


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if MOSQUITTO is None:
        pytest.skip("no Mosquitto on this machine")
    server = start_mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield server
    stop(server)


@pytest.fixture(params=["own_server", "mosquitto"])
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


@pytest.fixture
def place() -> str:
    """A topic prefix that no other test uses, with a space and a dot as real plants have them."""
    return f"plant/Line {next(_count)}.a"


@pytest.fixture
def name() -> str:
    """A client id that no other test uses."""
    return f"client-{next(_count)}"
