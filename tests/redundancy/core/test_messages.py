"""What comes off the wire is checked field by field."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.core.messages import MESSAGES, Heartbeat, Refuse, Release, Request, from_wire, to_wire
from redundancy.core.peer import config_order

REQUEST = {"kind": "request", "boot": "b1", "epoch": 3, "attempt": 1, "lease": 2.0}


@pytest.mark.parametrize(
    "message",
    [
        Heartbeat("b1", 4, "Master", "Active", 3, True, 1.5, True, "2.10-x", True, True, 2),
        Request("b1", 3, 1, 2.0),
        Refuse("b1", 3, 1, 4, "a", 0.5, True),
        Release("b1", 3, "a", "Ingrid Åse", "Übung ✓", "r1"),
    ],
)
def test_a_message_survives_the_wire(message: object) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(message)))) == message  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ([], "message"),
        (None, "message"),
        ({}, "kind"),
        ({"kind": ["request"]}, "kind"),
        ({"kind": "please"}, "kind"),
        ({"kind": "request"}, "boot"),
        ({**REQUEST, "epoch": "3"}, "epoch"),
        ({**REQUEST, "epoch": True}, "epoch"),
        ({**REQUEST, "epoch": 3.5}, "epoch"),
        ({**REQUEST, "epoch": -1}, "epoch"),
        ({**REQUEST, "epoch": 2**63}, "epoch"),
        ({**REQUEST, "lease": math.nan}, "lease"),
        ({**REQUEST, "lease": math.inf}, "lease"),
        ({**REQUEST, "lease": 10**400}, "lease"),
        ({**REQUEST, "boot": 1}, "boot"),
        ({**REQUEST, "boot": "x" * 513}, "boot"),
        ({**to_wire(Heartbeat("b", 1, "Master", "Active")), "active": 1}, "active"),
    ],
)
def test_a_wrong_field_is_named(raw: object, names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names}"):
        from_wire(raw)


def test_a_field_of_a_newer_node_is_left_aside() -> None:
    assert from_wire({**REQUEST, "colour": "red"}) == Request("b1", 3, 1, 2.0)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = sorted({name for kind in MESSAGES.values() for name in kind.__dataclass_fields__})


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON), st.sampled_from(sorted(MESSAGES)) | _JSON)
def test_nothing_but_a_value_error_comes_of_garbage(raw: dict[str, object], kind: object) -> None:
    with contextlib.suppress(ValueError):
        assert to_wire(from_wire({**raw, "kind": kind}))["kind"] == kind


@given(st.lists(st.text(alphabet="0123456789.-a٣²", max_size=30), min_size=3, max_size=3))
def test_any_two_configurations_can_be_ordered(versions: list[str]) -> None:
    low, middle, high = sorted(map(config_order, versions))
    assert low <= middle <= high
    assert low <= high


def test_numbers_in_a_version_count_as_numbers() -> None:
    assert config_order("") < config_order("1")
    assert config_order("2.9-fff") < config_order("2.10-000")
