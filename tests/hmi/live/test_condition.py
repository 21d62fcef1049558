"""What the strip and the banner say of a node."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.live.condition import active_node, banner, look, silent, strip
from hmi.live.moment import milliseconds

URLS = ("http://127.0.0.1:8089", "http://127.0.0.1:8088")


def gateway(**changes: Any) -> dict[str, Any]:
    peer = {
        "node": "primary-master",
        "connected": True,
        "state": "Standby",
        "last_seen": "2026-11-21T01:00:00.000Z",
    }
    calm = {
        "gateway": "Primary",
        "node": "primary-backup",
        "role": "Backup",
        "state": "Active",
        "epoch": 13,
        "why": "",
        "peer": peer,
        "witness": {"connected": True, "granted": True, "last_seen": None},
        "modules": {"engine": "Running"},
        "warnings": [],
        "lag": 0,
    }
    return calm | changes


def test_with_everything_in_order_the_banner_is_empty_and_nothing_is_coloured() -> None:
    assert banner(gateway(), URLS) == []
    assert {field["look"] for name, field in strip(gateway()).items() if name != "state"} == {"calm"}


def test_a_lost_peer_is_an_alarm_with_the_time_since_when() -> None:
    lost = gateway(peer={**gateway()["peer"], "connected": False})
    assert strip(lost)["peer"] == {"text": "down", "look": "alarm", "since": 1795222800000}
    (said,) = banner(lost, URLS)
    assert said["level"] == "alarm"
    assert "primary-master is down" in said["text"]


def test_a_standby_says_so_calmly_and_links_to_the_acting_node() -> None:
    standby = gateway(state="Standby", peer={**gateway()["peer"], "state": "Active"})
    (said,) = banner(standby, URLS)
    assert said["level"] == "calm"
    assert said["href"] == "http://127.0.0.1:8088"
    assert "primary-master" in said["link"]
    assert active_node(standby) == "primary-master"


@pytest.mark.parametrize(
    ("changes", "words", "level"),
    [
        ({"witness": {"connected": False, "granted": False, "last_seen": None}}, "witness", "attention"),
        ({"modules": {"engine": "Faulted: no server"}}, "Engine: Faulted", "alarm"),
        ({"switch_pending": True}, "handed over", "attention"),
        ({"warnings": ["the clocks differ"]}, "the clocks differ", "attention"),
        ({"state": "Fenced", "why": "The lease ran out."}, "The lease ran out.", "alarm"),
        ({"state": "Candidate", "why": "It asks for votes."}, "It asks for votes.", "attention"),
        ({"state": "no such state"}, "no such state", "alarm"),
    ],
)
def test_what_is_abnormal_is_said_in_a_sentence(changes: dict[str, Any], words: str, level: str) -> None:
    said = banner(gateway(**changes), URLS)
    assert any(words in each["text"] and each["level"] == level for each in said), said


def test_the_worst_comes_first() -> None:
    down = {**gateway()["peer"], "connected": False}
    levels = [
        each["level"]
        for each in banner(gateway(warnings=["something"], peer=down, switch_pending=True), URLS)
    ]
    assert levels == sorted(levels, key=("alarm", "attention", "calm").index)


def test_of_a_silent_node_nothing_is_claimed() -> None:
    said = silent(gateway())
    assert said["state"] == "Starting"
    assert strip(said)["peer"]["text"] == "–"
    assert active_node(said) == ""


def test_an_empty_answer_can_be_shown() -> None:
    assert strip({})["state"]["look"] == "down"
    assert banner({})


def test_active_is_the_only_solid_chip() -> None:
    states = ["Starting", "Syncing", "Standby", "Candidate", "Draining", "Fenced", "Maintenance", "Conflict"]
    assert look("Active") == "active"
    assert "active" not in {look(state) for state in states}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026-11-21T01:00:00.001Z", 1795222800001),
        (1795222800001, 1795222800001),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("2026-11-21T01:00:00", None),
        (True, None),
        ([], None),
        (0, None),
    ],
)
def test_times_are_read_in_both_spellings(raw: Any, expected: int | None) -> None:
    assert milliseconds(raw) == expected
