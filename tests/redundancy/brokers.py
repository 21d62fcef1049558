"""Real MQTT servers for tests: the Distributor, and Mosquitto where it is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redundancy.config import Server
from redundancy.distributor.passwords import hash_password
from tests.ports import free_port

USER, PASSWORD = "plant", "secret of the plant"
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
KINDS = ("distributor", "mosquitto") if MOSQUITTO else ("distributor",)


class Broker:
    """One server process on 127.0.0.1; `USER` may read and write everything, nobody else gets in."""

    def __init__(self, kind: str, folder: Path, port: int = 0) -> None:
        self.kind = kind
        self.folder = folder
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers, at most 15 s."""
        folder = self.folder / f"{self.kind}-{self.port}"
        folder.mkdir(exist_ok=True)
        command = (
            _mosquitto(folder, self.port) if self.kind == "mosquitto" else _distributor(folder, self.port)
        )
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while not _answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind} did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Power loss."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
        self.process = None

    def pause(self) -> None:
        """Frozen: the sockets stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on."""
        self._signal(signal.SIGCONT)

    def server(self, name: str = "broker", **changes: object) -> Server:
        """As a session is told of it."""
        settings: dict[str, object] = {"username": USER, "password": PASSWORD, **changes}
        return Server(name, "127.0.0.1", self.port, **settings)  # type: ignore[arg-type]

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


@contextmanager
def running(kind: str, folder: Path, port: int = 0) -> Iterator[Broker]:
    """A server that is gone afterwards whatever happens."""
    broker = Broker(kind, folder, port)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _distributor(folder: Path, port: int) -> list[str]:
    users = [{"username": USER, "password_hash": hash_password(PASSWORD, iterations=1000), "acl": ["RW #"]}]
    file = folder / "distributor.json"
    file.touch(0o600)
    file.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "users": users}))
    return [sys.executable, "-m", "redundancy.distributor", "--config", str(file)]


def _mosquitto(folder: Path, port: int) -> list[str]:
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    hashed = "$".join(["", "7", "101", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()])
    (folder / "users").write_text(f"{USER}:{hashed}\n")
    (folder / "users").chmod(0o600)
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {folder / 'users'}"]
    if os.getuid() == 0:
        lines.append("user root")  # or it drops to a user that can't read the test's folder
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    return [str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")]
