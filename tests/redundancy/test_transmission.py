"""MQTT Transmission against real brokers: births, the window, failover of an edge pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redundancy.clock import Clock
from redundancy.config import Server, TransmissionConfig, Transmitter
from redundancy.edge import edge_link
from redundancy.edge.edge_link import EdgeLink
from redundancy.mqtt import Connection, Lost, Refused, Report
from redundancy.replication.ledger import Ledger
from redundancy.site import Farewells, Site, Troubles
from sparkplug import DataType, HostState, MessageType, Metric, Payload, Topic, decode, encode
from tests.ports import free_port
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.plant import (
    DEVICE,
    EDGE,
    PERIOD,
    STATE,
    Log,
    Node,
    Plant,
    Tags,
    Watcher,
    edge,
    host,
    servers,
    started,
)
from tests.waiting import until


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with running(request.param, tmp_path) as one:
        yield one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


async def edge_pair(plant: Plant, *set_: Server) -> tuple[Node, Node, Node]:
    """A single host, and an edge pair whose master is online at it."""
    receiver = plant.single(host(*set_)).start()
    master, backup = await started(plant.pair(edge(*set_)))
    await until(lambda: master.log.transmitters.get(EDGE), "edge online")
    await until(lambda: master.runtime.view().lag == 0, "records exchanged")
    return receiver, master, backup


async def all_arrived(receiver: Node, sender: Node, start: int, end: int) -> None:
    """Every sample that the sender made from `start` to before `end` (ms) reaches the receiver.

    A birth carries the latest value and goes first, so that one's arrival says nothing of the others.
    """

    def missing() -> list[int]:
        counters = receiver.log.counters()
        return [at for at in sender.tags.made if start <= at < end and at not in counters]

    with suppress(AssertionError):
        await until(lambda: not missing())
    assert missing() == []


def changes(observer: Watcher, name: str) -> list[Metric]:
    """Every value of the device's metric that was published after a birth, in order."""
    payloads = [decode(payload) for topic, payload, _ in observer.heard if "/DDATA/" in topic]
    return [metric for payload in payloads for metric in payload.metrics if metric.name == name]


def bd_seqs(plant: Plant) -> list[Any]:
    return [metrics["bdSeq"].value for metrics in plant.watchers[0].payloads("NBIRTH")]


async def test_an_edge_waits_for_its_host_and_then_sends_what_it_has_kept(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    sender = plant.single(edge(server)).start()
    await until(lambda: len(sender.tags.made) > 10)
    assert not sender.log.transmitters.get(EDGE)
    first = min(sender.tags.made)
    receiver = plant.single(host(server)).start()
    await until(lambda: receiver.log.online.get(EDGE), "edge online")
    await until(lambda: first in receiver.log.counters(), "the first sample")
    await all_arrived(receiver, sender, first, max(sender.tags.made))
    old = [metric for _, _, metric in receiver.log.samples if metric.timestamp == first]
    assert [metric.is_historical for metric in old] == [True]


async def test_samples_made_while_the_node_starts_are_sent_too(plant: Plant, broker: Broker) -> None:
    observer = plant.watch(*servers(broker))
    await until(lambda: observer.ready)
    sender, _ = plant.pair(edge(*servers(broker), host_id=None))
    sender.start()
    # One in every turn of the loop, so that none of the steps of the start goes without.
    made = range(1, 501)
    for at in made:
        sender.runtime.sample(EDGE, DEVICE, Metric("Level", DataType.Float, 1.0, at), stored=True)
        await asyncio.sleep(0)

    def heard() -> set[int | None]:
        return {metric.timestamp for metric in changes(observer, "Level")}

    await until(lambda: heard() >= set(made), "every sample")


async def test_a_lease_that_lapses_for_a_moment_costs_no_sample(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    lease = [True]
    clock, log = Clock(), Log()

    async def remember(provider: str, key: str, body: bytes, patience: float) -> bool:
        return True

    site = Site("edge1", clock, Ledger(remember), log, lambda: lease[0], Troubles(clock, log), Farewells())
    config = edge(server, host_id=None).transmission
    assert config is not None
    link = EdgeLink(config.transmitters[0], config, site, Tags(clock), lambda: None)
    link.act()
    try:
        await until(lambda: link.online)
        for number in range(1, 31):
            lease[0] = not 10 < number <= 20
            link.sample(DEVICE, Metric("Counter", DataType.Int64, number, number), True)
            await asyncio.sleep(0.005)
        link.act()  # as its owner does with the lease; if it has noticed the lapse, it has left

        def heard() -> set[Any]:
            return {one.value for one in changes(observer, "Counter")}

        await until(lambda: heard() >= set(range(1, 31)), "every sample")
        assert not link.resending
    finally:
        link.goodbye()
        await site.farewells.wait(5)


async def test_without_a_primary_host_births_go_out_at_once(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online")


async def test_samples_of_one_turn_of_the_loop_travel_in_one_message(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online")
    _, devices = sender.tags.births(EDGE)
    for metric in devices[DEVICE]:
        sender.runtime.sample(EDGE, DEVICE, metric, stored=False)
    await until(lambda: any(len(one) == 3 for one in observer.payloads("DDATA")), "one message of three")


async def test_a_killed_edge_is_replaced_and_no_sample_is_lost(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    receiver, master, backup = await edge_pair(plant, server)
    await until(lambda: len(receiver.log.counters()) > 20, "samples")
    start = min(at for at in receiver.log.counters() if at in backup.tags.made)
    await master.kill()
    await until(lambda: backup.log.transmitters.get(EDGE), "edge online from the backup")
    await until(lambda: not backup.runtime.view().troubles and backup.log.changeovers, "the report")
    now = max(backup.tags.made)
    await all_arrived(receiver, backup, start, now)
    counters = receiver.log.counters()
    assert all(value == at // PERIOD for at, value in counters.items()), "one value for each key"
    assert bd_seqs(plant) == list(range(len(bd_seqs(plant))))
    await until(lambda: all(one["finished"] for one in backup.log.changeovers.values()), "a full report")
    (report,) = backup.log.changeovers.values()
    assert (report["from"], report["to"], report["lost"]) == ("edge1-master", "edge1-backup", None)
    assert report["replayed"] > 0
    assert receiver.log.online[EDGE]
    assert observer.topics("NDEATH")


async def test_a_planned_switch_of_an_edge_says_goodbye_and_loses_nothing(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    receiver, master, backup = await edge_pair(plant, server)
    await until(lambda: len(receiver.log.counters()) > 10, "samples")
    start = min(receiver.log.counters())
    request = await master.moves_on("maintenance")
    await until(lambda: backup.log.transmitters.get(EDGE), "edge online from the backup")
    now = max(backup.tags.made)
    await all_arrived(receiver, backup, start, now)
    await until(lambda: len(observer.topics("NBIRTH")) == 2, "born again")
    assert len(observer.topics("NDEATH")) == 1
    await until(lambda: backup.log.changeovers.get(request, {}).get("edges_online_after_ms") is not None)
    assert await receiver.confirms(3)
    assert [metric.value for metric in backup.tags.commands] == [3]
    assert master.tags.commands == []


async def test_an_edge_pair_that_fails_over_while_nobody_listens_loses_nothing(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    changes = {"rolling_window": 1.0, "state_wait": 0.5}
    receiver = plant.single(host(server)).start()
    master, backup = await started(plant.pair(edge(server, **changes)))
    await until(lambda: master.log.transmitters.get(EDGE), "edge online")
    await until(lambda: len(receiver.log.counters()) > 5, "samples")
    await receiver.stop()
    await until(lambda: master.log.transmitters.get(EDGE) is False, "the edge has noticed")
    start = max(receiver.log.counters())
    # Longer than the rolling window: only because the standby knows that nobody listens, it keeps all.
    await asyncio.sleep(2.0)
    await master.kill()
    await until(lambda: backup.active)
    receiver.start()
    await until(lambda: backup.log.transmitters.get(EDGE), "edge online from the backup")
    now = max(backup.tags.made)
    await all_arrived(receiver, backup, start, now)


async def test_a_standby_edge_stays_off_the_brokers(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    _, master, backup = await edge_pair(plant, server)
    assert backup.runtime.view().modules == {"transmission": "Standby"}
    assert backup.runtime.view().edges["Group 1/Edge 1"].online is False
    assert not backup.log.transmitters.get(EDGE)
    await backup.kill()
    await asyncio.sleep(0.3)
    assert observer.topics("NDEATH") == []
    assert master.log.transmitters[EDGE]


async def test_an_edge_walks_past_a_dead_server(plant: Plant, broker: Broker) -> None:
    dead = Server("dead", "127.0.0.1", free_port(), keep_alive=3)
    sender = plant.single(edge(dead, *servers(broker))).start()
    plant.single(host(*servers(broker))).start()
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online at the second server")
    assert sender.runtime.view().servers == {"dead": False, "server 1": True}


async def test_a_host_that_goes_offline_sends_its_edges_to_the_next_server(
    plant: Plant, tmp_path: Path
) -> None:
    with running("distributor", tmp_path) as one, running("distributor", tmp_path) as two:
        set_ = servers(one, two)
        observer = plant.watch(set_[1])
        await until(lambda: observer.ready)
        sender = plant.single(edge(*set_)).start()
        receiver = plant.single(host(*set_)).start()
        await until(lambda: receiver.log.online.get(EDGE), "edge online")
        here = sender.runtime.view().edges["Group 1/Edge 1"].server
        intruder = plant.watch(set_[0 if here == "server 1" else 1], "intruder")
        await until(lambda: intruder.states())
        forged = HostState(False, intruder.states()[-1].timestamp)
        await intruder.say(STATE, forged.encode(), retain=True)
        await until(lambda: sender.log.transmitters[EDGE] is False, "the edge has left")
        await until(lambda: sender.log.transmitters[EDGE], "the edge is back")
        assert sender.runtime.view().edges["Group 1/Edge 1"].server != here


async def test_another_client_with_our_id_is_reported_and_not_fought_at_full_speed(
    plant: Plant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_link, "FOREIGN_DELAY", 1.5)
    (server,) = servers(broker)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online")
    thief = asyncio.create_task(steal(server, f"{EDGE.group}-{EDGE.edge}"))
    try:
        await until(lambda: sender.runtime.view().troubles.get("client-id"), "the trouble is named")
    finally:
        thief.cancel()
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online once the thief is gone")


async def steal(server: Server, client: str) -> None:
    """Connect under somebody's client id, again and again."""
    while True:
        gone = asyncio.Event()

        def report(_: Connection, what: Report, gone: asyncio.Event = gone) -> None:
            if isinstance(what, Lost | Refused):
                gone.set()

        Connection(asyncio.get_running_loop(), server, client, report).open()
        await gone.wait()
        await asyncio.sleep(0.2)


async def test_a_new_device_is_born_after_a_changed_configuration(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE) and observer.topics("NBIRTH"))
    sender.runtime.rebirth()
    await until(lambda: len(observer.topics("NBIRTH")) == 2, "born again")
    assert bd_seqs(plant)[0] == bd_seqs(plant)[1]
    config = edge(server, host_id=None)
    other = TransmissionConfig(None, (server,), (Transmitter("Group 1", "Edge 9", (DEVICE,)),))
    sender.runtime.reconfigure(type(config)("Edge 1", "2-b", transmission=other))
    await until(lambda: [one for one in observer.topics("NBIRTH") if one.edge.edge == "Edge 9"])
    assert [one.edge.edge for one in observer.topics("NDEATH")] == ["Edge 1"]


async def test_a_host_can_send_an_edge_node_to_the_next_server(plant: Plant, tmp_path: Path) -> None:
    with running("distributor", tmp_path) as one, running("distributor", tmp_path) as two:
        set_ = servers(one, two)
        observers = [plant.watch(server, f"observer {server.name}") for server in set_]
        await until(lambda: all(observer.ready for observer in observers))
        sender = plant.single(edge(*set_, host_id=None)).start()
        await until(lambda: sender.log.transmitters.get(EDGE), "edge online")
        wish = Metric("Node Control/Next Server", DataType.Boolean, True, 1)
        await observers[0].say(str(Topic(MessageType.NCMD, EDGE)), encode(Payload(1, (wish,))))
        await until(lambda: observers[1].topics("DBIRTH"), "born at the next server")
        assert [one.type for one in observers[0].topics("NBIRTH", "NDEATH")] == ["NBIRTH", "NDEATH"]
        assert observers[1].topics("NDEATH") == []
        numbers = [next(iter(one.payloads("NBIRTH")))["bdSeq"].value for one in observers]
        assert numbers == [0, 1]


async def test_after_a_start_an_edge_node_waits_its_part_of_the_delay(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    delayed = plant.single(edge(server, host_id=None, startup_delay=86_400.0))
    delayed.start()
    prompt = plant.single(replace(edge(server, host_id=None, startup_delay=0.0), name="Edge 2")).start()
    await until(lambda: prompt.log.transmitters.get(EDGE), "edge online without a delay")
    assert not delayed.log.transmitters.get(EDGE)
    await prompt.stop()
    await delayed.stop()


async def test_a_single_edge_node_that_stops_says_goodbye(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE) and observer.topics("DBIRTH"))
    await sender.stop()
    await until(lambda: observer.topics("NDEATH"), "its goodbye")
    (death,) = (decode(payload) for topic, payload, _ in observer.heard if "/NDEATH/" in topic)
    assert [(one.name, one.value) for one in death.metrics] == [("bdSeq", 0)]
    assert death.seq is None


async def test_a_device_that_goes_dies_and_one_that_comes_is_born_and_the_others_notice_nothing(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    receiver = plant.single(host(server)).start()
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: receiver.log.online.get(EDGE) and receiver.log.devices, "edge online")
    births, devices = len(receiver.log.born), sender.tags.births
    second = (Metric("Level 2", DataType.Float, 0.5, 1),)
    sender.tags.births = lambda edge: (devices(edge)[0], {**devices(edge)[1], "Device 2": second})  # type: ignore[method-assign]
    sender.runtime.rebirth()
    await until(lambda: (EDGE, "Device 2") in receiver.log.devices, "the second device is born")
    sender.tags.births = devices  # type: ignore[method-assign]
    sender.runtime.rebirth()
    await until(lambda: (EDGE, "Device 2") in receiver.log.stale_devices, "and dead")
    assert len(receiver.log.born) == births
    assert (EDGE, DEVICE) not in receiver.log.stale_devices
    assert await receiver.confirms(5)
