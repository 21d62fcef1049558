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
from typing import Any

from redundancy.config import Server
from redundancy.distributor.passwords import hash_password
from tests.ports import free_port
from tests.redundancy.certificates import Pem

USER, PASSWORD = "plant", "secret of the plant"
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
WIRES = ("tcp", "tls", "ws", "wss")
SECURE = ("tls", "wss")
KINDS = ("distributor", "mosquitto") if MOSQUITTO else ("distributor",)


class Broker:
    """One server process on 127.0.0.1; `USER` may read and write everything, nobody else gets in.

    With `tls` it listens on every wire that there is: "tcp", "tls", "ws", "wss"; `client_ca` makes those with
    TLS ask for the client's certificate. `keeps`: sessions outlive a stop, as a Distributor's always do.
    `password` can be changed between two starts.
    """

    def __init__(
        self,
        kind: str,
        folder: Path,
        port: int = 0,
        tls: Pem | None = None,
        client_ca: str = "",
        keeps: bool = False,
    ) -> None:
        self.password = PASSWORD
        self.keeps = keeps or kind == "distributor"
        self.kind = kind
        self.folder = folder
        self.port = port or free_port()
        self.tls, self.client_ca = tls, client_ca
        self.ports = {"tcp": self.port} | ({wire: free_port() for wire in WIRES[1:]} if tls else {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers, at most a minute."""
        folder = self.folder / f"{self.kind}-{self.port}"
        folder.mkdir(exist_ok=True)
        command = _mosquitto(self, folder) if self.kind == "mosquitto" else _distributor(self, folder)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not all(map(_answers, self.ports.values())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind} did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Power loss."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
        self.process = None

    def stop(self) -> None:
        """As an administrator does it: SIGTERM, and it ends in its own time, 10 s at most."""
        self._signal(signal.SIGTERM)
        if self.process is not None:
            self.process.wait(10)
        self.process = None

    def pause(self) -> None:
        """Frozen: the sockets stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on."""
        self._signal(signal.SIGCONT)

    def server(self, name: str = "broker", wire: str = "tcp", **changes: object) -> Server:
        """As a session is told of it."""
        settings: dict[str, object] = {"username": USER, "password": PASSWORD, **changes}
        if wire in ("ws", "wss"):
            settings["path"] = "/mqtt"
        return Server(name, "127.0.0.1", self.ports[wire], **settings)  # type: ignore[arg-type]

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


@contextmanager
def running(kind: str, folder: Path, port: int = 0, **more: Any) -> Iterator[Broker]:
    """A server that is gone afterwards whatever happens."""
    broker = Broker(kind, folder, port, **more)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _distributor(broker: Broker, folder: Path) -> list[str]:
    users = [
        {"username": USER, "password_hash": hash_password(broker.password, iterations=1000), "acl": ["RW #"]}
    ]
    file = folder / "distributor.json"
    file.touch(0o600)
    listeners = []
    for wire, port in broker.ports.items():
        if wire != "tcp":
            files = _files(broker) if wire in SECURE else {}
            listeners.append({"listen": f"127.0.0.1:{port}", "websocket": wire in ("ws", "wss"), **files})
    settings = {"listen": f"127.0.0.1:{broker.port}", "users": users, "listeners": listeners}
    file.write_text(json.dumps(settings))
    return [sys.executable, "-m", "redundancy.distributor", "--config", str(file)]


def _files(broker: Broker) -> dict[str, str]:
    assert broker.tls is not None
    mutual = {"client_ca": broker.client_ca} if broker.client_ca else {}
    return {"certificate": broker.tls.certificate, "key": broker.tls.key, **mutual}


def _mosquitto(broker: Broker, folder: Path) -> list[str]:
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", broker.password.encode(), salt, 101)
    hashed = "$".join(["", "7", "101", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()])
    (folder / "users").write_text(f"{USER}:{hashed}\n")
    (folder / "users").chmod(0o600)
    lines = ["allow_anonymous false", f"password_file {folder / 'users'}"]
    if broker.keeps:
        lines += ["persistence true", f"persistence_location {folder}/", "max_queued_messages 0"]
    for wire, port in broker.ports.items():
        lines.append(f"listener {port} 127.0.0.1")
        if wire in ("ws", "wss"):
            lines.append("protocol websockets")
        if wire in SECURE and broker.tls is not None:
            lines += [f"certfile {broker.tls.certificate}", f"keyfile {broker.tls.key}"]
            if broker.client_ca:
                lines += [f"cafile {broker.client_ca}", "require_certificate true"]
    if os.getuid() == 0:
        lines.append("user root")  # or it drops to a user that can't read the test's folder
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    return [str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")]
