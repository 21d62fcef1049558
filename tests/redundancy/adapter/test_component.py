"""A component before real servers: what reaches the sink, and what is told of the servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redundancy.adapter.component import MqttComponent
from redundancy.adapter.config import ComponentConfig, FailoverSettings, Mode, ServerConfig
from redundancy.adapter.ground import Ground
from redundancy.adapter.reports import Arrival, ComponentStatus, Condition, NotTaken
from redundancy.clock import Clock
from redundancy.mqtt import Acked
from sparkplug import EdgeNodeId, Metric
from tests.failover.trial import SETTINGS, Fault, trial
from tests.ports import free_port
from tests.redundancy.brokers import KINDS, PASSWORD, Broker, running
from tests.redundancy.test_mqtt import connected
from tests.waiting import until

PLAIN = FailoverSettings(connect_timeout=2.0, failback=0.5, first_pause=0.1, longest_pause=1.0)


class Sink:
    """Keeps everything, unless it is full."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.statuses: list[ComponentStatus] = []
        self.troubles: list[str] = []
        self.full = False

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        if self.full:
            raise NotTaken("full")
        self.arrivals += arrivals

    def metrics(
        self, component: str, edge: EdgeNodeId, device: str | None, metrics: tuple[Metric, ...], at: int
    ) -> None: ...

    def stale(self, component: str, edge: EdgeNodeId, device: str | None, at: int, why: str) -> None: ...

    def component(self, status: ComponentStatus) -> None:
        self.statuses.append(status)

    @property
    def payloads(self) -> list[bytes]:
        return [arrival.payload for arrival in self.arrivals]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Broker]]:
    folder = tmp_path_factory.mktemp("brokers")
    with running(KINDS[-1], folder) as one, running(KINDS[0], folder) as other:
        yield [one, other]


def config(brokers: Sequence[Broker], name: str, **changes: Any) -> ComponentConfig:
    servers = tuple(
        ServerConfig(f"s{n}", broker.server(f"s{n}", keep_alive=4)) for n, broker in enumerate(brokers)
    )
    settings = {"filters": ((f"{name}/#", 1),), "failover": PLAIN, **changes}
    return ComponentConfig(name, servers=servers, client_id=name, **settings)


@asynccontextmanager
async def acting(made: ComponentConfig, sink: Sink, *, target: bool = True) -> AsyncIterator[MqttComponent]:
    trouble = lambda _, detail: sink.troubles.append(detail)  # noqa: E731
    component = MqttComponent(made, Ground("node", Clock(), sink, lambda: True, trouble))
    component.act()
    try:
        if target:
            await until(lambda: component.status().condition is Condition.RUNNING)
        yield component
    finally:
        component.shut()
        await asyncio.sleep(0.05)


async def publish(broker: Broker, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
    async with connected(broker.server(), f"author of {topic}") as (writer, said):
        for payload in payloads:
            writer.publish(topic, payload, qos, retain)
        await until(lambda: len(said.of(Acked)) == len(payloads))


async def test_messages_arrive_with_all_that_is_known_of_them(brokers: list[Broker]) -> None:
    sink = Sink()
    async with acting(config(brokers, "plain"), sink) as component:
        await publish(brokers[0], "plain/a", b"1")
        await until(lambda: sink.arrivals)
        arrival = sink.arrivals[0]
        assert arrival == Arrival("plain", "s0", "plain/a", b"1", 1, False, arrival.at)
        await until(lambda: component.status().servers[1].connected, "the standby has a probe")
        first, second = component.status().servers
        assert (first.target, first.messages, second.target, second.messages) == (True, 1, False, 0)
        await until(lambda: sink.statuses[-1].servers[0].messages == 1, "and it is told")


async def test_what_is_published_at_a_standby_is_taken_on_the_next_visit_or_the_failover(
    brokers: list[Broker],
) -> None:
    sink = Sink()
    async with acting(config(brokers, "visited"), sink) as component:
        await until(lambda: component._sessions["s1"]._there, "the first visit")
        await until(lambda: component._sessions["s1"]._data is None, "and its end")
        await publish(brokers[1], "visited/a", b"1", b"2")
        component._perform(
            component._cores["s0"], component._cores["s0"].ended("s0", "lost", component._now())
        )
        await until(lambda: sink.payloads == [b"1", b"2"])


async def test_filters_change_without_a_reconnect(brokers: list[Broker]) -> None:
    sink = Sink()
    made = config(brokers[:1], "filters")
    async with acting(made, sink) as component:
        since = component.status().servers[0].since
        component.configure(replace(made, filters=(("other/#", 1),)))
        await until(lambda: not component._sessions["s0"]._awaited)
        await publish(brokers[0], "filters/a", b"old")
        await publish(brokers[0], "other/a", b"new")
        await until(lambda: sink.payloads == [b"new"])
        assert component.status().servers[0].since == since


async def test_a_server_that_is_added_or_goes_does_not_disturb_the_others(brokers: list[Broker]) -> None:
    sink = Sink()
    made = config(brokers, "servers")
    async with acting(replace(made, servers=made.servers[:1]), sink) as component:
        since = component.status().servers[0].since
        component.configure(made)
        await until(lambda: component.status().servers[1].connected)
        component.configure(replace(made, servers=made.servers[:1]))
        await publish(brokers[0], "servers/a", b"1")
        await until(lambda: sink.payloads == [b"1"])
        assert component.status().servers[0].since == since
        component.configure(replace(made, servers=made.servers[1:]))
        await until(lambda: component.status().servers[0].target)
        assert component.status().servers[0].id == "s1"


async def test_what_the_sink_has_not_taken_goes_to_the_other_node(brokers: list[Broker]) -> None:
    full, sink = Sink(), Sink()
    full.full = True
    made = config(brokers[:1], "pair", filters=(("pair/1", 1), ("pair/2", 2)))
    async with acting(made, full) as first:
        await publish(brokers[0], "pair/1", *(b"%d" % number for number in range(10)))
        await publish(brokers[0], "pair/2", *(b"%d" % number for number in range(10, 20)), qos=2)
        await until(lambda: first.status().waiting == 20)
        assert first.status().waiting == 20
        async with acting(made, sink):
            first.stand_down("the other node acts")
            assert first.status().condition is Condition.STANDBY
            await until(lambda: sorted(sink.payloads, key=int) == [b"%d" % number for number in range(20)])
    assert full.arrivals == []


async def test_in_mode_all_each_message_arrives_once(brokers: list[Broker]) -> None:
    sink = Sink()
    made = config(brokers, "mirror", failover=replace(PLAIN, mode=Mode.ALL))
    async with acting(made, sink) as component:
        await until(lambda: all(server.target for server in component.status().servers))
        for broker in brokers:
            await publish(broker, "mirror/a", b"1", b"1", b"2")
        await until(lambda: component.status().duplicates == 3)
        assert sink.payloads == [b"1", b"1", b"2"]


async def test_who_is_not_let_in_is_told_why_without_a_password(brokers: list[Broker]) -> None:
    sink = Sink()
    made = config(brokers[:1], "stranger")
    wrong = replace(made.servers[0].server, password="sesame opens")
    made = replace(made, servers=(ServerConfig("s0", wrong),))
    async with acting(made, sink, target=False) as component:
        await until(lambda: component.status().servers[0].last_error)
        status = component.status()
        assert status.condition is Condition.FAULTED
        assert "not authori" in status.servers[0].last_error
        assert status.why.startswith("s0 can't be used")
        assert "sesame" not in repr(status) + repr(made)
        assert PASSWORD not in repr(sink.statuses)


async def test_a_component_that_is_stopped_or_has_no_server_says_so(brokers: list[Broker]) -> None:
    sink = Sink()
    made = config(brokers[:1], "stopped")
    async with acting(made, sink) as component:
        component.configure(replace(made, running=False))
        assert component.status().condition is Condition.STOPPED
        component.configure(made)
        await until(lambda: component.status().condition is Condition.RUNNING)
        component.configure(replace(made, servers=()))
        assert component.status().condition is Condition.NOT_CONFIGURED
        component.configure(made)
        await until(lambda: component.status().condition is Condition.RUNNING)


async def test_no_server_at_all_is_a_reason_and_not_an_end(tmp_path: Path) -> None:
    sink = Sink()
    broker = Broker("distributor", tmp_path, free_port())
    async with acting(config([broker], "early"), sink, target=False) as component:
        await until(lambda: component.status().servers[0].last_error == "connection refused")
        try:
            await asyncio.to_thread(broker.start)
            await until(lambda: component.status().condition is Condition.RUNNING)
            assert component.status().why == "s0 is the first that answered"
        finally:
            broker.kill()


async def test_a_killed_and_a_frozen_server_stop_the_data_for_no_longer_than_they_may(tmp_path: Path) -> None:
    kinds = (KINDS[-1], KINDS[0])
    async with trial(kinds, tmp_path, replace(SETTINGS, longest_pause=0.5), keep_alive=2) as plant:
        killed = await plant.turn(Fault.KILLED)
        frozen = await plant.turn(Fault.FROZEN)
        # Three times the bounds, as everywhere in these tests; tests.failover holds them to the letter.
        assert killed.gap <= 3 * 1.0
        assert frozen.gap <= 3 * (1.5 * 2 + 1)
        assert plant.switches == 4
        losses = await plant.counted()
        assert (losses.lost[1], losses.lost[2]) == (0, 0)
        assert losses.doubled[2] == 0
