"""STATE as it was before 3.0, on both sides, against real brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redundancy.clock import Clock
from redundancy.config import EngineConfig, Server
from redundancy.host.engine import Engine
from redundancy.host.kept_session import OnReport
from redundancy.host.legacy_state import LegacyState
from redundancy.mqtt import Connection, Message, Opened, Report, Subscribed
from redundancy.replication.ledger import Ledger
from redundancy.site import Farewells, Site, Troubles
from tests.redundancy.brokers import KINDS, Broker, running
from tests.redundancy.plant import EDGE, Log, Plant, edge, host, servers, started
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


class Texts:
    """Whoever listens to the old form of STATE."""

    def __init__(self, server: Server, client: str) -> None:
        self.heard: list[bytes] = []
        self.ready = False
        self.connection = Connection(asyncio.get_running_loop(), server, client, self._report)
        self.connection.open()

    def _report(self, connection: Connection, report: Report) -> None:
        match report:
            case Opened():
                connection.subscribe((("STATE/#", 1),))
            case Subscribed():
                self.ready = True
            case Message(_, payload):
                self.heard.append(payload)


async def test_the_old_form_of_state_is_said_beside_the_new_one_and_defended(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    texts = Texts(server, "old edge")
    observer = plant.watch(server)
    await until(lambda: texts.ready and observer.ready)
    receiver = plant.single(host(server, legacy_state=True)).start()
    await until(lambda: texts.heard, "a word")
    assert texts.heard == [b"ONLINE"]
    await until(lambda: observer.states() and observer.states()[-1].online, "the new one")
    await observer.say("STATE/Primary", b"OFFLINE", retain=True)
    await until(lambda: texts.heard[:3] == [b"ONLINE", b"OFFLINE", b"ONLINE"], "answered")
    await receiver.stop()
    await until(lambda: texts.heard[-1] == b"OFFLINE", "goodbye")
    receiver.start()
    await until(lambda: texts.heard[-1] == b"ONLINE", "back")
    await receiver.kill()
    await until(lambda: texts.heard[-1] == b"OFFLINE", "the Will")
    texts.connection.close()


async def test_a_switch_of_the_pair_leaves_both_forms_of_state_online(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    texts, observer = Texts(server, "old edge"), plant.watch(server)
    await until(lambda: texts.ready and observer.ready)
    master, backup = await started(plant.pair(host(server, legacy_state=True)))
    await until(lambda: texts.heard and observer.states())
    await master.moves_on("maintenance")
    await until(lambda: backup.active and len(texts.heard) >= 2, "the other node has spoken")
    await until(lambda: master.state == "Standby")
    assert set(texts.heard) == {b"ONLINE"}
    assert all(state.online for state in observer.states())
    await backup.stop()
    await until(lambda: master.active, "the role goes back when a node stops for good")
    await master.stop()
    await until(lambda: texts.heard[-1] == b"OFFLINE" and not observer.states()[-1].online, "the last one")
    texts.connection.close()


async def test_whoever_hands_over_stays_until_its_heir_has_said_the_old_form_too(
    plant: Plant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, connect = True, LegacyState._connect

    def not_yet(self: LegacyState, report: OnReport) -> Connection | None:
        waits = held and self._site.node == "primary-backup"
        return None if waits else connect(self, report)

    monkeypatch.setattr(LegacyState, "_connect", not_yet)
    (server,) = servers(broker)
    texts, observer = Texts(server, "old edge"), plant.watch(server)
    await until(lambda: texts.ready and observer.ready)
    master, backup = await started(plant.pair(host(server, legacy_state=True)))
    await until(lambda: texts.heard and observer.states())
    spoken = len(observer.states())
    await master.moves_on("maintenance")
    await until(lambda: backup.active and len(observer.states()) > spoken, "the heir says the new form")
    await asyncio.sleep(0.3)  # for nothing to happen in
    await master.kill()
    await until(lambda: texts.heard[-1] == b"OFFLINE", "it was still there, and its Will speaks")
    held = False
    await until(lambda: texts.heard[-1] == b"ONLINE", "the heir")
    texts.connection.close()


async def test_without_the_option_nothing_is_said_in_the_old_form(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    texts = Texts(server, "old edge")
    await until(lambda: texts.ready)
    receiver = plant.single(host(server)).start()
    await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
    await receiver.stop()
    assert texts.heard == []
    texts.connection.close()


async def test_an_edge_node_follows_a_host_that_is_older_than_3_0(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    old_host = plant.watch(server)
    sender = plant.single(edge(server, legacy_state=True, state_wait=30.0)).start()
    await until(lambda: old_host.ready)
    await old_host.say("STATE/Primary", b"ONLINE", retain=True)
    await until(lambda: sender.log.transmitters.get(EDGE), "edge online")
    await old_host.say("STATE/Primary", b"OFFLINE", retain=True)
    await until(lambda: sender.log.transmitters[EDGE] is False, "the edge has left")
    await until(lambda: old_host.topics("NDEATH"), "with a word")
    await old_host.say("STATE/Primary", b"ONLINE", retain=True)
    await until(lambda: sender.log.transmitters[EDGE], "and is back")


async def test_an_edge_node_that_was_not_told_to_ignores_the_old_form(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    old_host = plant.watch(server)
    await until(lambda: old_host.ready)
    await old_host.say("STATE/Primary", b"ONLINE", retain=True)
    sender = plant.single(edge(server, state_wait=0.3)).start()
    await until(lambda: len(old_host.topics("NDEATH")) == 2, "it has looked in vain, twice")
    assert not sender.log.transmitters.get(EDGE)
    assert old_host.topics("NBIRTH") == []


async def test_a_switch_that_is_called_off_leaves_the_old_form_defended(plant: Plant, broker: Broker) -> None:
    (server,) = servers(broker)
    texts, observer = Texts(server, "old edge"), plant.watch(server)
    await until(lambda: texts.ready and observer.ready)
    clock, log = Clock(), Log()

    async def remember(provider: str, key: str, body: bytes, patience: float) -> bool:
        return True

    site = Site("one", clock, Ledger(remember), log, lambda: True, Troubles(clock, log), Farewells())
    engine = Engine(EngineConfig("Primary", (server,), legacy_state=True), site, lambda: None)
    try:
        engine.act()
        await until(lambda: texts.heard == [b"ONLINE"])
        engine.hold()
        engine.act()
        await until(lambda: engine.confirmed)
        await observer.say("STATE/Primary", b"OFFLINE", retain=True)
        await until(lambda: texts.heard[:3] == [b"ONLINE", b"OFFLINE", b"ONLINE"], "answered")
    finally:
        engine.shut()
        await site.farewells.wait(5)
        texts.connection.close()
