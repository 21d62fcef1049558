"""A node's web half as real processes: Redis and daphne, beside a fake runtime on a thread."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from hmi.node import schema
from hmi.plant.layout import Layout, node_file
from redundancy import identity
from tests.hmi.fake_runtime import FakeRuntime, start_redis

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class WebNode:
    """One node. Databases are the folder's own, or another node's through a link: a shared sign-in."""

    def __init__(self, folder: Path, plant: Layout, name: str, databases_of: WebNode | None = None) -> None:
        self.folder, self.plant, self.url = folder, plant, plant.node(name).url
        folder.mkdir(parents=True, exist_ok=True)
        raw = node_file(plant, plant.node(name), "00" * 32, "a key that both nodes of the pair share")
        self.identity = identity.save(folder, raw)
        if databases_of is None:
            schema.bring_up_to_date(folder)
        else:
            for name in ("config.db", "history.db"):
                (folder / name).symlink_to(databases_of.folder / name)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.runtime = FakeRuntime(f"unix://{folder / 'redis.sock'}", self.identity.node)

    def start(self) -> None:
        self._processes.append(start_redis(self.folder))
        self.runtime.start()
        self.start_web()

    def revive(self) -> None:
        """After a kill: the same node again, its worker as it was."""
        self._processes.append(start_redis(self.folder))
        self.start_web()

    @property
    def dead(self) -> bool:
        return not self._processes

    def start_web(self) -> None:
        host, port = self.url.removeprefix("http://").split(":")
        options = ("--websocket_timeout", "-1", "--ping-interval", "20", "--verbosity", "0")
        command = [sys.executable, "-m", "daphne", "-b", host, "-p", port, *options, "hmi.asgi:application"]
        log = (self.folder / "web.log").open("ab")
        self._processes.append(
            subprocess.Popen(command, cwd=BASE_DIR, env=self.environment, stdout=log, stderr=log)
        )
        log.close()
        self._wait_until_it_answers()

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "REDIS_URL"}
        return {**kept, "TANDEM_DIR": str(self.folder), "DJANGO_SETTINGS_MODULE": "hmi.settings"}

    def manage(self, script: str, **values: Any) -> str:
        """Run `script` in the node's project, with `values` at hand."""
        head = f"import django, json; django.setup(); values = json.loads({json.dumps(json.dumps(values))})\n"
        return subprocess.run(
            [sys.executable, "-c", head + script],
            check=True,
            cwd=BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def signal(self, number: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def kill(self) -> None:
        """Power loss: every process at once."""
        self.signal(signal.SIGKILL)
        for process in self._processes:
            process.wait(10)
        self._processes = []

    def stop(self) -> None:
        self.runtime.stop()
        self.signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + 110  # as for a plant
        while time.monotonic() < end:
            assert self._processes[-1].poll() is None, (self.folder / "web.log").read_text()
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"{self.url}/healthz"),
            ):
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.url} does not answer: {(self.folder / 'web.log').read_text()}")


SEED = """
from hmi.plant import tutorial
from hmi.plant.layout import layout
from hmi.replication import documents, people
brokers = dict.fromkeys(("Primary", "Edge 1", "Edge 2"), "a broker's password")
mqtt = {name: {"password": "a password"} for name in ("observer", "integrator")}
documents.install(tutorial.config(layout(values["offset"]), values["gateway"], brokers, mqtt))
users = [{"username": n, "role": r, "password": values["password"]} for n, r in values["people"].items()]
people.install({"users": users})
"""
PASSWORD = "a long enough password"
ROLES = {"victor": "viewer", "olga": "operator", "egon": "engineer", "anna": "administrator"}


def furnish(node: WebNode, offset: int) -> None:
    """Accounts of all four roles and the tutorial's configuration; `offset` is the plant's."""
    node.manage(SEED, gateway=node.identity.node.gateway, people=ROLES, password=PASSWORD, offset=offset)
