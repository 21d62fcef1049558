from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import HostState, StateError


@given(st.booleans(), st.integers(0, 2**63 - 1))
def test_state_reads_back_as_what_was_written(online, timestamp):
    assert HostState.decode(HostState(online, timestamp).encode()) == HostState(online, timestamp)


def test_state_is_the_json_of_the_specification():
    assert json.loads(HostState(True, 5).encode()) == {"online": True, "timestamp": 5}


def test_members_of_later_versions_are_ignored():
    assert HostState.decode(b'{"online": false, "timestamp": 7, "more": [1]}') == HostState(False, 7)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ONLINE",
        b"OFFLINE",
        b"null",
        b"[true, 5]",
        b"{}",
        b'{"online": true}',
        b'{"timestamp": 5}',
        b'{"online": 1, "timestamp": 5}',
        b'{"online": "true", "timestamp": 5}',
        b'{"online": true, "timestamp": true}',
        b'{"online": true, "timestamp": "5"}',
        b'{"online": true, "timestamp": 5.5}',
        b'{"online": true, "timestamp": -1}',
        b'{"online": true, "timestamp": 1e400}',
        b'{"online": true, "timestamp": NaN}',
        b'{"online": true, "timestamp": 99999999999999999999}',
        b"\xff\xfe",
        b"[" * 4000,
        b'{"online": true, "timestamp": ' + b"9" * 5000 + b"}",
    ],
)
def test_anything_else_is_the_senders_fault(data):
    with pytest.raises(StateError):
        HostState.decode(data)
