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
from redundancy import identity
from tests.hmi.fake_runtime import FakeRuntime, start_redis

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def node_file(
    name: str, role: str, http: int, peer: str, peer_http: int, gateway: str = "Primary"
) -> dict[str, Any]:
    """A node.json; link ports are never listened on here."""
    return {
        "gateway": gateway,
        "node": name,
        "role": role,
        "link": f"127.0.0.1:{http + 400}",
        "http": f"127.0.0.1:{http}",
        "url": f"http://127.0.0.1:{http}",
        "mqtt": f"127.0.0.1:{http + 500}",
        "witness": "127.0.0.1:26999",
        "peer": {
            "node": peer,
            "link": f"127.0.0.1:{peer_http + 400}",
            "url": f"http://127.0.0.1:{peer_http}",
        },
        "plant_key": "00" * 32,
        "secret_key": "a key that both nodes of the test's pair share",
    }


class WebNode:
    """One node. Databases are the folder's own, or another node's through a link: a shared sign-in."""

    def __init__(self, folder: Path, raw: dict[str, Any], databases_of: WebNode | None = None) -> None:
        self.folder, self.url = folder, str(raw["url"])
        folder.mkdir(parents=True, exist_ok=True)
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
        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self._processes[-1].poll() is None, (self.folder / "web.log").read_text()
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"{self.url}/healthz"),
            ):
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.url} does not answer: {(self.folder / 'web.log').read_text()}")


PEOPLE = """
from hmi.people.models import User
from hmi.dashboards.models import Dashboard, Widget
from hmi.gateways.models import Gateway, Server, ServerSet
Gateway.objects.get_or_create(id=1, defaults={"name": values["gateway"]})
servers, _ = ServerSet.objects.get_or_create(name="Default")
for order, (name, target) in enumerate(values["servers"].items()):
    chosen = {"server_set": servers, "order": order, "target": target}
    Server.objects.get_or_create(name=name, defaults=chosen)
for name, role in values["people"].items():
    user = User(username=name, role=role)
    user.set_password(values["password"])
    user.save()
for order, board in enumerate(values["dashboards"]):
    row = Dashboard.objects.create(slug=board["slug"], title=board["title"], order=order)
    for number, widget in enumerate(board["widgets"]):
        Widget.objects.create(dashboard=row, order=number, **widget)
"""
PASSWORD = "a long enough password"
ROLES = {"victor": "viewer", "olga": "operator", "egon": "engineer", "anna": "administrator"}


def furnish(node: WebNode, dashboards: list[dict[str, Any]], servers: dict[str, str]) -> None:
    """Accounts of all four roles, the dashboards and the servers, straight into the database."""
    node.manage(
        PEOPLE,
        gateway=node.identity.node.gateway,
        people=ROLES,
        password=PASSWORD,
        dashboards=dashboards,
        servers=servers,
    )
