"""What makes a node unwell, and how often it says so."""

from __future__ import annotations

from redundancy.clock import Clock
from redundancy.core.events import Event, Healthy
from redundancy.health import SERVERS_PATIENCE, Health
from redundancy.site import Alarm, Troubles
from tests.redundancy.plant import Hand, Log
from tests.waiting import until


def test_a_node_is_well_only_when_everybody_says_so() -> None:
    heard: list[Event] = []
    health = Health(heard.append, 0.0)
    health.judge("node", False, "the disk is full")
    health.judge("servers", False, "no server")
    health.judge("node", True, "")
    health.judge("servers", True, "")
    assert heard == [
        Healthy(False, "the disk is full"),
        Healthy(False, "the disk is full; no server"),
        Healthy(False, "no server"),
        Healthy(True, ""),
    ]


def test_the_same_judgement_is_told_once_and_again_on_demand() -> None:
    heard: list[Event] = []
    health = Health(heard.append, 0.0)
    health.judge("node", True, "")
    assert heard == []
    health.judge("node", False, "why")
    health.judge("node", False, "why")
    health.tell()
    assert heard == [Healthy(False, "why")] * 2


def test_a_host_without_servers_is_unwell_only_while_a_peer_could_do_better() -> None:
    heard: list[Event] = []
    health = Health(heard.append, 0.0)
    health.servers(False, True, SERVERS_PATIENCE - 1)
    assert heard == []
    health.servers(False, True, SERVERS_PATIENCE + 1)
    assert heard[-1] == Healthy(False, "no MQTT server can be reached")
    health.servers(False, False, SERVERS_PATIENCE + 2)
    assert heard[-1] == Healthy(True, "")
    health.servers(True, True, SERVERS_PATIENCE + 3)
    assert len(heard) == 2


def test_troubles_are_all_counted_and_told_once_a_minute_for_each_kind() -> None:
    clock, log = Hand(), Log()
    troubles = Troubles(clock, log)
    for _ in range(1000):
        troubles("payload", "garbage")
    troubles("topic", "nonsense")
    assert [kind for kind, _ in log.troubles] == ["payload", "topic"]
    assert troubles.counts == {"payload": 1000, "topic": 1}
    clock.mono += 61
    troubles("payload", "garbage again")
    assert log.troubles[-1] == ("payload", "garbage again")


async def test_an_alarm_rings_for_its_last_setting_only() -> None:
    clock, rung = Clock(), list[float]()
    alarm = Alarm(clock, lambda: rung.append(clock.now().mono))
    due = clock.now().mono
    alarm.set(due + 60)
    alarm.set(due + 0.05)
    await until(lambda: rung)
    assert rung[0] >= due + 0.04
    alarm.set(due + 0.06)
    alarm.set(None)
    alarm.set(float("inf"))
    alarm.cancel()
    assert len(rung) == 1
