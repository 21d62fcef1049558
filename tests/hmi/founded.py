"""A gateway with a whole configuration and its people: what most of these tests begin with.

Alice is an engineer, Bob an operator, Victor a viewer, Ada the administrator. Charlie has no account.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from django.test import Client

from hmi import desk
from hmi.people.models import User
from hmi.replication import documents, people
from redundancy.distributor.passwords import hash_password
from redundancy.replication.records import Record
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.live_node import OTHER, OWN, node, redis_url
from tests.waiting import PATIENCE

__all__ = ["OTHER", "OWN", "cheap", "config", "founded", "node", "redis_url", "roster", "users"]

PASSWORD = "a long enough password"
ROLES = {"ada": "administrator", "alice": "engineer", "bob": "operator", "victor": "viewer"}
HASH = hash_password("a broker's password", iterations=1, salt="salt")
TAG_1 = "[default]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"
_NODES = {
    "primary-master": {"role": "Master", "http": 26088, "link": 26060, "mqtt": 19883},
    "primary-backup": {"role": "Backup", "http": 26089, "link": 26061, "mqtt": 19884},
}


def config(**parts: Any) -> dict[str, Any]:
    """A configuration with everything in it once; `parts` replace its parts."""
    nodes = [
        {
            "name": name,
            "role": each["role"],
            "link": f"127.0.0.1:{each['link']}",
            "http": f"127.0.0.1:{each['http']}",
            "url": f"http://127.0.0.1:{each['http']}",
            "mqtt": f"127.0.0.1:{each['mqtt']}",
            "witness": "127.0.0.1:26070",
        }
        for name, each in _NODES.items()
    ]
    document: dict[str, Any] = {
        "gateway": {"name": "Primary"},
        "nodes": nodes,
        "server_sets": [
            {
                "name": "Brokers",
                "servers": [
                    {"name": "Chariot SCADA", "target": "own", "username": "Primary", "password": "secret 1"},
                    {"name": "Chariot SCADA Peer", "target": "peer", "password": "secret 2"},
                ],
            },
            {"name": "Far", "servers": [{"name": "Far away", "host": "broker.example", "port": 1883}]},
        ],
        "engine": {"host_id": "Primary", "server_set": "Brokers"},
        "transmission": {
            "host_id": "Primary",
            "server_set": "Far",
            "transmitters": [{"group": "Group 1", "edge": "Edge 1", "devices": ["Device 1"]}],
        },
        "broker_users": [
            {"username": "Primary", "password_hash": HASH, "acl": ["RW #"], "client_ids": ["Primary-*"]},
            {"username": "observer", "password_hash": HASH, "acl": ["R #"]},
        ],
        "tags": [{"path": TAG_1, "datatype": "Int32", "initial": 10, "writable": True, "stored": True}],
        "dashboards": [
            {
                "slug": "primary",
                "title": "Primary",
                "widgets": [{"kind": "value", "label": "1", "path": TAG_1}],
            }
        ],
    }
    return copy.deepcopy(document | parts)


def roster() -> dict[str, Any]:
    """The four accounts; each has a token that is its name spelled backwards."""
    return {
        "users": [
            {
                "username": name,
                "role": role,
                "password": PASSWORD,
                "tokens": [{"name": "panel", "token": name[::-1]}],
            }
            for name, role in ROLES.items()
        ]
    }


def browser(user: User | None, **options: Any) -> Client:
    """A signed-in browser; of nobody with None."""
    client = Client(**options)
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def record_of(provider: str, key: str, body: bytes, clock: int = 1000, epoch: int = 0) -> Record:
    """A record as the other node would send it."""
    return Record(provider, key, epoch, clock, "the-other-node", body)


def become(
    runtime: FakeRuntime, state: str, peer: str = "Standby", shown: str | None = None, **view: Any
) -> None:
    """Turn the node's state and wait until the web process sees it, as `shown` where it judges itself."""
    runtime.become(state, 13, peer)
    if view:
        runtime.view(**view)
    end = time.monotonic() + PATIENCE
    while (seen := desk.gateway())["state"] != (shown or state) or (seen["peer"] or {}).get("state") != peer:
        assert time.monotonic() < end, seen
        time.sleep(0.01)


@pytest.fixture
def cheap(settings: pytest.FixtureRequest) -> None:
    """Passwords hashed the cheap way: tests make many."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def users(node: FakeRuntime, cheap: None, db: None) -> dict[str, User]:
    """The accounts, installed as a plant's first start does it, by name."""
    people.install(roster())
    return {user.username: user for user in User.objects.all()}


@pytest.fixture
def founded(node: FakeRuntime, db: None) -> FakeRuntime:
    """The active master of the pair, with the configuration installed; answers its fake worker."""
    documents.install(config())
    return node
