"""MQTT Engine against real brokers: commands and their echo, STATE and its forgers, a standby's silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redundancy.config import Server
from redundancy.ports import Answer
from sparkplug import DataType, HostState, MessageType, Metric, Payload, Topic, encode
from tests.ports import free_port
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.bystanders import Watcher
from tests.redundancy.plant import DEVICE, EDGE, STATE, Node, Plant, edge, host, servers, started
from tests.waiting import PATIENCE, until

GHOST = "spBv1.0/Group 1/NDATA/Ghost"


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


async def with_an_edge(plant: Plant, *set_: Server) -> tuple[Node, Node]:
    """A single host and a single edge node that is online at it."""
    sender = plant.single(edge(*set_)).start()
    receiver = plant.single(host(*set_)).start()
    await until(lambda: receiver.log.online.get(EDGE) and receiver.log.devices, "edge online")
    return receiver, sender


async def heard(speaker: Watcher, *nodes: Node) -> None:
    """Until all of them listen at the speaker's broker, and so does it: a session alone is not enough."""
    async with asyncio.timeout(PATIENCE):
        while not all(node.runtime.view().troubles.get("topic") for node in nodes) or not speaker.ready:
            if speaker.ready:
                await speaker.say("spBv1.0/Group 1/NONSENSE/Edge 1", b"")
            await asyncio.sleep(0.05)


async def test_births_and_values_reach_the_sink(plant: Plant, broker: Broker) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    await until(lambda: len(receiver.log.counters()) > 10, "values")
    assert (EDGE, "server 1") in receiver.log.born
    assert (EDGE, DEVICE) in receiver.log.devices
    assert receiver.log.servers == {"server 1": True}
    view = receiver.runtime.view().edges["Group 1/Edge 1"]
    assert (view.online, view.server, view.devices) == (True, "server 1", {DEVICE: True})
    await sender.stop()
    await until(lambda: receiver.log.online[EDGE] is False, "edge offline")
    assert receiver.log.stale


async def test_a_write_is_confirmed_by_its_echo_and_by_nothing_else(plant: Plant, broker: Broker) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    write = receiver.runtime.write
    assert (await write(EDGE, DEVICE, "Tag 1", 42)).outcome is Answer.CONFIRMED
    assert [(metric.name, metric.value) for metric in sender.tags.commands] == [("Tag 1", 42)]
    assert (await write(EDGE, DEVICE, "Level", 0.1)).outcome is Answer.CONFIRMED
    sender.tags.deaf = True
    outcome = await write(EDGE, DEVICE, "Tag 1", 43, 0.3)
    assert (outcome.outcome, outcome.detail) == (Answer.UNKNOWN, "no echo within 0.3 s")


async def test_a_write_that_cannot_be_meant_fails_with_the_reason(plant: Plant, broker: Broker) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    write = receiver.runtime.write
    for name, value, reason in (
        ("Tag 1", "ten", "Int32 cannot hold text"),
        ("Tag 1", 2**31, "out of range"),
        ("Tag 1", None, "needs a value"),
        ("Tag 9", 1, "no metric 'Tag 9'"),
    ):
        outcome = await write(EDGE, DEVICE, name, value)
        assert outcome.outcome is Answer.FAILED
        assert reason in outcome.detail
    assert (await write(EDGE, "Device 9", "Tag 1", 1)).detail == "Group 1/Edge 1/Device 9 is offline"
    assert sender.tags.commands == []
    await sender.stop()
    await until(lambda: receiver.log.online[EDGE] is False)
    assert (await write(EDGE, DEVICE, "Tag 1", 1)).detail == "Group 1/Edge 1 is offline"


async def test_an_edge_that_dies_before_its_echo_leaves_the_write_unknown(
    plant: Plant, broker: Broker
) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    sender.tags.deaf = True
    pending = asyncio.create_task(receiver.runtime.write(EDGE, DEVICE, "Tag 1", 42, 20))
    await until(lambda: sender.tags.commands, "the command has arrived")
    await sender.kill()
    assert (await pending).outcome is Answer.UNKNOWN


async def test_a_rebirth_is_sent_and_answered_by_a_birth(plant: Plant, broker: Broker) -> None:
    receiver, _ = await with_an_edge(plant, *servers(broker))
    births = len(receiver.log.born)
    outcome = await receiver.runtime.write(EDGE, None, "Node Control/Rebirth", True)
    assert outcome.outcome is Answer.SENT
    await until(lambda: len(receiver.log.born) > births, "born again")


async def test_blocked_commands_are_refused(plant: Plant, broker: Broker) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    receiver.runtime.reconfigure(host(*servers(broker), block_commands=True))
    assert (await receiver.runtime.write(EDGE, DEVICE, "Tag 1", 1)).outcome is Answer.REFUSED
    assert sender.tags.commands == []


async def test_a_forged_state_offline_is_answered_and_a_second_one_outranked(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    receiver, _ = await with_an_edge(plant, server)
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
    ours = observer.states()[-1]
    await observer.say(STATE, HostState(False, ours.timestamp).encode(), retain=True)
    await until(lambda: observer.states()[-2:] == [HostState(False, ours.timestamp), ours], "answered")
    await observer.say(STATE, b"", retain=True)
    await until(lambda: [kind for kind, _ in receiver.log.troubles if kind == "state-forged"])
    observer.heard = [one for one in observer.heard if one[1]]
    await until(lambda: observer.states()[-1].online and observer.states()[-1].timestamp > ours.timestamp)
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
    assert (await receiver.runtime.write(EDGE, DEVICE, "Tag 1", 7, 10)).outcome in (
        Answer.CONFIRMED,
        Answer.FAILED,  # the edge node may have left for a moment, as the forger wanted
    )


async def test_a_state_from_the_future_is_outranked_before_edges_are_stranded(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    future = 4_000_000_000_000
    await observer.say(STATE, HostState(True, future).encode(), retain=True)
    receiver = plant.single(host(server)).start()
    await until(lambda: observer.states()[-1].timestamp > future, "a higher timestamp")
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
    await receiver.kill()
    observer.heard.clear()
    receiver.start()
    await until(lambda: [state for state in observer.states() if state.online], "STATE after a restart")
    assert min(state.timestamp for state in observer.states()) > future


async def test_every_server_carries_the_same_timestamp_and_follows_when_one_is_outranked(
    plant: Plant, broker: Broker, tmp_path: Path
) -> None:
    with running("distributor", tmp_path) as second:
        set_ = servers(broker, second)
        observers = [plant.watch(server, f"observer {server.name}") for server in set_]
        receiver = plant.single(host(*set_)).start()
        await until(lambda: all(one.states() for one in observers), "STATE on both servers")
        assert observers[0].states()[-1] == observers[1].states()[-1]
        future = observers[0].states()[-1].timestamp + 100_000
        await observers[1].say(STATE, HostState(False, future).encode(), retain=True)
        await until(
            lambda: all(one.states()[-1].timestamp > future for one in observers), what="both outrank"
        )
        await until(lambda: observers[0].states()[-1] == observers[1].states()[-1])
        assert all(state.online for state in observers[0].states()), (
            "the other server's edges noticed nothing"
        )
        assert receiver.active


async def test_garbage_is_counted_and_changes_nothing(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    receiver, _ = await with_an_edge(plant, server)
    await observer.say("spBv1.0/Group 1/DDATA/Edge 1/Device 1", b"\xff\xff garbage")
    await observer.say("spBv1.0/Group 1/NONSENSE/Edge 1", b"")
    await observer.say("spBv1.0/Group 1", b"")
    await observer.say("spBv1.0/STATE/Primary/too/deep", b"x")
    await until(lambda: receiver.runtime.view().troubles.get("payload", 0) >= 1)
    await until(lambda: receiver.runtime.view().troubles.get("topic", 0) >= 3)
    assert await receiver.confirms(8)


async def test_a_standby_emits_neither_state_nor_commands(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    master, backup = await started(plant.pair(host(server)))
    await heard(observer, master, backup)
    outcome = await backup.runtime.write(EDGE, DEVICE, "Tag 1", 1)
    assert outcome.outcome is Answer.REFUSED
    ghost = encode(Payload(1, (Metric("x", DataType.Int32, 1, 1),), 3))
    await observer.say(GHOST, ghost)
    await until(
        lambda: backup.runtime.view().troubles.get("rebirth"), what="the standby wants a rebirth, too"
    )
    await until(lambda: observer.topics("NCMD"), "the active node asks for it")
    await asyncio.sleep(0.3)
    assert len(observer.topics("NCMD")) == 1
    await until(lambda: observer.states())
    assert len({state.timestamp for state in observer.states()}) == 1


async def test_a_node_taking_over_asks_for_the_births_that_are_still_missing(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    master, backup = await started(plant.pair(host(server)))
    await heard(observer, master, backup)
    ghost = encode(Payload(1, (Metric("x", DataType.Int32, 1, 1),), 3))
    await observer.say(GHOST, ghost)
    await until(lambda: observer.topics("NCMD"))
    observer.heard.clear()
    await master.kill()
    await until(lambda: backup.active)
    await until(lambda: observer.topics("NCMD"), "the new holder asks at once")


async def test_a_dead_broker_delays_nothing(plant: Plant, broker: Broker) -> None:
    dead = Server("dead", "127.0.0.1", free_port(), keep_alive=3)
    receiver, _ = await with_an_edge(plant, *servers(broker), dead)
    assert receiver.runtime.view().servers == {"server 1": True, "dead": False}
    assert receiver.runtime.view().modules == {"engine": "Running"}
    assert await receiver.confirms(9)


async def test_a_write_while_the_edge_is_born_again_is_confirmed_all_the_same(
    plant: Plant, broker: Broker
) -> None:
    receiver, sender = await with_an_edge(plant, *servers(broker))
    births = len(receiver.log.born)
    for value in range(20, 30):
        # The rebirth overtakes the echo, so that only the birth can tell.
        write = asyncio.create_task(receiver.runtime.write(EDGE, DEVICE, "Tag 1", value))
        await asyncio.sleep(0)
        sender.runtime.rebirth()
        assert (await write).outcome is Answer.CONFIRMED
        await until(lambda: receiver.log.born and receiver.runtime.view().edges[str(EDGE)].devices[DEVICE])
    assert len(receiver.log.born) > births


async def test_a_broker_that_comes_back_is_taken_up_again(
    plant: Plant, broker: Broker, tmp_path: Path
) -> None:
    receiver, _ = await with_an_edge(plant, *servers(broker))
    broker.kill()
    await until(lambda: receiver.log.servers["server 1"] is False, "the loss is noticed")
    assert receiver.log.online[EDGE] is False
    assert (await receiver.runtime.write(EDGE, DEVICE, "Tag 1", 1)).outcome is Answer.FAILED
    broker.start()
    devices = len(receiver.log.devices)
    await until(lambda: len(receiver.log.devices) > devices, "device online again")
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
    assert await receiver.confirms(2)


async def test_a_wrong_client_does_not_cost_one_good_message(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    wrong, good = plant.watch(server, "wrong"), plant.watch(server, "good")
    receiver = plant.single(host(server)).start()
    await until(lambda: wrong.ready and good.ready and receiver.log.servers.get("server 1"))
    metric = Metric("x", DataType.Int64, 0, 1)
    nbirth = Payload(1, (Metric("bdSeq", DataType.Int64, 0, 1), metric), 0)
    async with asyncio.timeout(PATIENCE):
        while not receiver.log.online.get(EDGE):  # connected is not yet subscribed
            await good.say(str(Topic(MessageType.NBIRTH, EDGE)), encode(nbirth))
            await asyncio.sleep(0.05)
    await wrong.say(str(Topic(MessageType.NDATA, EDGE)), b"\xff\xfe no payload at all")
    await wrong.say(GHOST, encode(Payload(1, (Metric(None, DataType.Int64, 5, 1, alias=7),), 1)))
    for number in range(200):
        data = Payload(2, (metric._replace(value=number, timestamp=2 + number),), (number + 1) % 256)
        good.connection.publish(str(Topic(MessageType.NDATA, EDGE)), encode(data, datatypes=False))

    def arrived() -> list[object]:
        return [one.value for edge, _, one in receiver.log.samples if edge == EDGE and one.name == "x"]

    await until(lambda: len(arrived()) >= 200, "all of them")
    assert arrived() == list(range(200))
    assert {"payload", "unborn"} <= set(receiver.runtime.view().troubles)


async def test_a_flood_of_forged_states_is_answered_at_our_pace_and_the_truth_remains(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer, forger = plant.watch(server), plant.watch(server, "forger")
    receiver = plant.single(host(server)).start()
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"} and forger.ready)
    await until(lambda: observer.states(), "our STATE")
    ours = observer.states()[-1]
    forged = [HostState(False, ours.timestamp - 5).encode(), HostState(False, ours.timestamp).encode(), b""]
    began = time.monotonic()
    for number in range(60):
        await forger.say(STATE, forged[number % 3], retain=True)
    await until(lambda: "state-forged" in {kind for kind, _ in receiver.log.troubles}, "the alarm")
    await until(lambda: observer.heard[-1][1] not in forged, "the last word is ours")
    said = [state for state in states_in(observer) if state.online]
    assert len(said) <= 4 + 2 * (time.monotonic() - began) + 2, "two answers a second, and new sessions"
    late = plant.watch(server, "late")
    await until(lambda: late.states() and late.states()[0].online, "what is retained is the truth")
    assert late.states()[0].timestamp >= ours.timestamp


def states_in(observer: Watcher) -> list[HostState]:
    """STATE messages that can be read."""
    return [HostState.decode(payload) for topic, payload, _ in observer.heard if topic == STATE and payload]


async def test_no_command_leaves_before_state_online(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    ghosts = asyncio.create_task(haunt(observer))
    try:
        for _ in range(3):
            observer.heard.clear()
            receiver = plant.single(host(server)).start()
            await until(lambda: observer.topics("NCMD"), "a request for a birth")
            ours = [topic for topic, _, _ in observer.heard if topic == STATE or "/NCMD/" in topic]
            assert ours[0] == STATE
            await receiver.kill()
            plant.nodes.remove(receiver)
            await until(lambda: not observer.states()[-1].online, "its Will")
    finally:
        ghosts.cancel()


async def haunt(observer: Watcher) -> None:
    """Data of a node that was never born, again and again."""
    data = encode(Payload(1, (Metric("x", DataType.Int32, 1, 1),), 3))
    while True:
        await observer.say(GHOST, data)
        await asyncio.sleep(0.01)


async def test_a_server_that_leaves_the_set_hears_state_offline_and_its_edges_move_on(
    plant: Plant, broker: Broker, tmp_path: Path
) -> None:
    with running("distributor", tmp_path) as second:
        set_ = servers(broker, second)
        observer = plant.watch(set_[0])
        receiver, _ = await with_an_edge(plant, *set_)
        await until(lambda: receiver.runtime.view().modules == {"engine": "Running"} and observer.states())
        assert receiver.runtime.view().edges[str(EDGE)].server == "server 1"
        receiver.runtime.reconfigure(host(set_[1]))
        await until(lambda: not observer.states()[-1].online, "STATE offline at the server that was left")
        await until(lambda: receiver.log.born[-1] == (EDGE, "server 2"), "born at the other one")
        await until(lambda: receiver.runtime.view().edges[str(EDGE)].devices.get(DEVICE))
        assert await receiver.confirms(4)
