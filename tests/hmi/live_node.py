"""Fixtures: a node whose worker is the fake one, for the pages and the feed of the test's own process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from hmi.people.models import User
from hmi.plant import tutorial
from hmi.plant.layout import layout, node_file
from hmi.replication import documents
from redundancy import identity
from tests.hmi.fake_runtime import FakeRuntime, fill_primary, start_redis
from tests.hmi.web_node import PASSWORD, ROLES

PLANT = layout(18_000)
NODE = node_file(PLANT, PLANT.node("primary-master"), "00" * 32, "the pair's key")
OWN, OTHER = PLANT.node("primary-master").url, PLANT.node("primary-backup").url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        process = start_redis(Path(name))
        yield f"unix://{name}/redis.sock"
        process.kill()
        process.wait()


@pytest.fixture
def node(redis_url: str, settings: pytest.FixtureRequest) -> Iterator[FakeRuntime]:
    """The active master of the tutorial's primary pair, its worker fake."""
    node = identity.parse(NODE).node
    settings.NODE, settings.REDIS_URL = node, redis_url
    settings.NODE_URLS = settings.LIVE_ORIGINS = [OWN, OTHER]
    settings.SESSION_COOKIE_NAME = "tandem-test-session"
    runtime = FakeRuntime(redis_url, node).start()
    fill_primary(runtime)
    yield runtime
    runtime.stop()


@pytest.fixture
def people(db: None, settings: pytest.FixtureRequest) -> dict[str, User]:
    """One account of each role, by role. Their passwords are hashed the cheap way: tests make many."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    made = {}
    for name, role in ROLES.items():
        made[role] = User(username=name, role=role)
        made[role].set_password(PASSWORD)
        made[role].save()
    return made


@pytest.fixture
def boards(node: FakeRuntime, db: None) -> None:
    """The tutorial's configuration of the primary, with its dashboard."""
    brokers = dict.fromkeys(("Primary", "Edge 1", "Edge 2"), "a broker's password")
    mqtt = {name: {"username": name, "password": "a password"} for name in ("observer", "integrator")}
    documents.install(tutorial.config(PLANT, "Primary", brokers, mqtt))


def signed_in(user: User | None) -> Client:
    """A browser's session of this person; of nobody with None."""
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
