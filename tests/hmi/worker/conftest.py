"""A real Redis-protocol server on a unix socket of its own."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

from hmi import desk
from hmi.node import redis_server
from tests.waiting import PATIENCE


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder / redis_server.SOCKET}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(redis_server.command(self.folder), stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < until, "the Redis-protocol server did not start"
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_node(settings, monkeypatch):
    """The server of the node that these tests are; the web's side of the desk finds it in the settings, and
    has the patience that a busy machine asks for."""
    monkeypatch.setattr(desk, "PATIENCE", PATIENCE)
    monkeypatch.setattr(desk, "_CONNECT", PATIENCE)
    # A socket's path may not be long, and pytest's own folders are.
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    server = RedisServer(folder)
    server.start()
    settings.REDIS_URL = server.url
    yield server
    server.kill()
    shutil.rmtree(folder)
