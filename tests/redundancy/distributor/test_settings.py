"""The file, the passwords, the rights and the timers: what is refused, and in which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.config import ConfigError
from redundancy.distributor.access import Patterns, Rights
from redundancy.distributor.config import load, parse
from redundancy.distributor.passwords import Verified, fault, hash_password, verify
from redundancy.distributor.timers import Timers
from tests.redundancy.distributor.conftest import own_config, user

BAD = [
    ("config", []),
    ("colour", own_config(colour="red")),
    ("listen", own_config(listen="1883")),
    ("listen", own_config(listen="127.0.0.1:99999")),
    ("listen", own_config(listen=None)),
    ("users", own_config(users={"a": "b"})),
    ("users[0]", own_config(users=["admin"])),
    ("users[0].username", own_config(users=[{}])),
    ("users[1].username", own_config(users=[user("a", []), user("a", [])])),
    ("users[0].password_hash", own_config(users=[{"username": "a"}])),
    ("users[0].password_hash", own_config(users=[{"username": "a", "password_hash": "md5$1$x$y"}])),
    ("users[0].acl", own_config(users=[user("a", ["X #"])])),
    ("users[0].acl", own_config(users=[user("a", ["R a/#/b"])])),
    ("users[0].acl", own_config(users=[user("a", ["RW"])])),
    ("users[0].client_ids", own_config(users=[user("a", [], client_ids=[1])])),
    ("reserved_client_ids", own_config(reserved_client_ids="Primary-*")),
    ("lease", own_config(lease=0)),
    ("lease", own_config(lease=True)),
    ("limits", own_config(limits=[])),
    ("limits.beer", own_config(limits={"beer": 1})),
    ("limits.connections", own_config(limits={"connections": 0})),
    ("limits.connections", own_config(limits={"connections": 1.5})),
    ("limits.packet", own_config(limits={"packet": 10**9})),
    ("limits.queue_bytes", own_config(limits={"queue_bytes": 5})),
]


@pytest.mark.parametrize(("field", "raw"), BAD, ids=[f"{n}-{field}" for n, (field, _) in enumerate(BAD)])
def test_a_wrong_setting_is_named(field: str, raw: object):
    with pytest.raises(ConfigError) as caught:
        parse(json.loads(json.dumps(raw)))
    assert caught.value.field == field
    assert caught.value.reason


def test_a_file_that_is_missing_or_not_json_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none")
    for text in ("{", "[" * 100_000, ""):
        (tmp_path / "c").write_text(text)
        with pytest.raises(ConfigError, match="not JSON"):
            load(tmp_path / "c")


def test_an_address_of_version_6_is_understood():
    assert parse(own_config(listen="[::1]:1883")).host == "::1"


def test_a_password_is_verified_and_remembered_by_its_hash_only():
    hashed = hash_password("secret", iterations=10)
    assert hashed != hash_password("secret", iterations=10), "salted"
    assert fault(hashed) is None
    assert verify(hashed, b"secret")
    assert not verify(hashed, b"Secret")
    known = Verified()
    assert not known.knows(hashed, b"secret")
    known.remember(hashed, b"secret")
    assert known.knows(hashed, b"secret")
    assert not known.knows(hashed, b"other")
    known.keep_only(set())
    assert not known.knows(hashed, b"secret")


NO_HASHES = [
    "", "plain", "pbkdf2_sha256$0$s$", "pbkdf2_sha256$9999999$s$eA==", "pbkdf2_sha256$1$s$!",
    "pbkdf2_sha256$1$s$eA==", "pbkdf2_sha256$²$s$eA==",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_HASHES)
def test_what_is_no_hash_is_never_verified(text: str):
    assert fault(text)
    assert not verify(text, b"")


def test_rights_are_read_as_ignition_writes_them():
    rights = Rights(
        ["W device_one/temp/#", "R state/#", "RW x", "-W device_one/temp/secret", "-R state/hidden/#"]
    )
    assert rights.may_write("device_one/temp/a")
    assert not rights.may_write("device_one/temp/secret")
    assert not rights.may_read("device_one/temp/a")
    assert rights.may_read("state/Host 1")
    assert not rights.may_read("state/hidden/a")
    assert rights.may_read("x")
    assert rights.may_write("x")
    assert rights.may_subscribe("state/+")
    assert rights.may_subscribe("#")
    assert not rights.may_subscribe("state/hidden/+")
    assert not rights.may_subscribe("device_one/#")


def test_only_the_star_is_special_in_client_ids():
    patterns = Patterns(["Primary-*", "edge[1].x"])
    assert patterns.match("Primary-cmd")
    assert patterns.match("Primary-")
    assert not patterns.match("primary-cmd")
    assert not patterns.match("My Primary-cmd")
    assert patterns.match("edge[1].x")
    assert not patterns.match("edge1.x")
    assert not patterns.match("edge[1]-x")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 100), st.floats(0, 10))))
def test_timers_fire_once_at_their_last_time_and_never_early(steps):
    timers: Timers[str] = Timers()
    wanted: dict[str, float] = {}
    now = 0.0
    for key, delay, pause in steps:
        if delay is None:
            timers.cancel(key)
            wanted.pop(key, None)
        else:
            timers.set(key, now + delay)
            wanted[key] = now + delay
        assert timers.next() <= min(wanted.values(), default=float("inf"))
        now += pause
        fired = timers.expired(now)
        assert sorted(fired) == sorted(key for key, due in wanted.items() if due <= now)
        for key in fired:
            del wanted[key]


def test_timers_forget_what_was_cancelled():
    timers: Timers[int] = Timers()
    for key in range(10_000):
        timers.set(key, 1e6)
        timers.cancel(key)
    assert len(timers._heap) < 200
