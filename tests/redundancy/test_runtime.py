"""A pair of runtimes with a witness and a real broker: who acts, and what others see of a change."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redundancy import promise
from redundancy.config import Standby
from redundancy.core.actions import Promise
from redundancy.ports import Answer, Refused
from tests.redundancy.brokers import Broker, running
from tests.redundancy.bystanders import Elsewhere
from tests.redundancy.plant import DEVICE, EDGE, Node, Plant, edge, host, servers, started
from tests.waiting import until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as one:
        yield one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


async def together(pair: tuple[Node, Node]) -> tuple[Node, Node]:
    """Both run, and each has what the other one remembers."""
    master, backup = await started(pair)
    await until(lambda: master.runtime.view().lag == 0, "records exchanged")
    return master, backup


async def test_the_master_acts_and_the_backup_stands_by_and_says_why(plant: Plant, broker: Broker) -> None:
    master, backup = await together(plant.pair(host(*servers(broker))))
    await until(lambda: master.runtime.view().modules == {"engine": "Running"})
    view = backup.runtime.view()
    assert (view.gateway, view.role, view.config_version) == ("Primary", "Backup", "1-a")
    assert view.modules == {"engine": "Standby"}
    assert "primary-master is active" in view.why
    assert view.peer is not None
    assert view.peer.connected
    assert view.lease_until == 0.0 < master.runtime.view().lease_until
    assert any("Active" in one.state for one in master.log.views)
    assert master.log.changeovers == {}


async def test_a_killed_master_is_replaced_within_a_lease_and_a_bit(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    node = plant.single(edge(*set_)).start()
    master, backup = await together(plant.pair(host(*set_)))
    await until(lambda: backup.log.online.get(EDGE) and node.log.transmitters.get(EDGE), "edge online")
    last = observer.states()[-1]
    await master.kill()
    await until(lambda: backup.active, "backup active")
    await until(lambda: observer.states()[-1].online and observer.states()[-1].timestamp > last.timestamp)
    await until(lambda: any(one["edges_online_after_ms"] for one in backup.log.changeovers.values()))
    (report,) = backup.log.changeovers.values()
    assert (report["from"], report["to"]) == ("primary-master", "primary-backup")
    assert plant.lease / 2 <= report["active_after_ms"] / 1000 <= 3 * plant.lease
    assert report["active_after_ms"] <= report["mqtt_after_ms"] <= report["edges_online_after_ms"]
    assert report["epoch"] == backup.runtime.view().epoch
    await until(lambda: backup.log.online.get(EDGE), "edge online at the backup")
    assert await backup.confirms(42)


async def test_nobody_notices_a_planned_switch(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    plant.single(edge(*set_)).start()
    master, backup = await together(plant.pair(host(*set_)))
    await until(lambda: master.log.online.get(EDGE) and backup.log.online.get(EDGE), "edge online")
    await until(lambda: observer.topics("DBIRTH") and observer.states(), "the observer is up to date")
    heard = len(observer.heard)
    request = await backup.moves_on("maintenance")
    await until(lambda: backup.active and master.state == "Standby", "the roles have changed")
    await until(lambda: backup.log.changeovers.get(request, {}).get("edges_online_after_ms") is not None)
    await until(lambda: request in master.log.changeovers, "the report is on both nodes")
    del observer.heard[:heard]
    states = observer.states()
    assert states
    assert all(state.online for state in states)
    assert observer.topics("NDEATH", "NBIRTH") == []
    assert await backup.confirms(5)
    report = backup.log.changeovers[request]
    assert report["mqtt_after_ms"] < 2000
    assert any("gives up epoch" in note and "tester: maintenance" in note for note in master.log.notes)
    assert any(f"acts with epoch {report['epoch']}" in note for note in backup.log.notes)
    # The old holder has really let go: its own STATE session is no longer there to die.
    await master.kill()
    assert await backup.confirms(6)
    assert all(state.online for state in observer.states())


async def test_the_role_goes_back_and_forth_without_an_edge_noticing(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    plant.single(edge(*set_)).start()
    master, backup = await together(plant.pair(host(*set_)))
    await until(lambda: master.log.online.get(EDGE) and backup.log.online.get(EDGE), "edge online")
    for old, new in ((master, backup), (backup, master), (master, backup)):
        await until(lambda old=old: (peer := old.runtime.view().peer) is not None and peer.state == "Standby")
        await old.moves_on("drill")
        await until(lambda new=new: new.runtime.view().modules == {"engine": "Running"}, "new one runs")
        await until(lambda old=old: old.state == "Standby")
    assert observer.topics("NDEATH") == []
    stamps = [state.timestamp for state in observer.states()]
    assert stamps == sorted(stamps)
    assert all(state.online for state in observer.states())


async def test_a_switch_without_an_able_peer_is_refused_with_the_reason(plant: Plant, broker: Broker) -> None:
    single = plant.single(host(*servers(broker))).start()
    await until(lambda: single.active)
    with pytest.raises(Refused, match="Independent") as refusal:
        await single.runtime.failover("why not", "operator")
    assert refusal.value.active_node == single.config.node


async def test_sigterm_hands_the_role_over_first(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    master, backup = await together(plant.pair(host(*set_)))
    await until(lambda: master.runtime.view().modules == {"engine": "Running"})
    await master.stop()
    await until(lambda: backup.runtime.view().modules == {"engine": "Running"}, "backup runs")
    assert all(state.online for state in observer.states())


async def test_the_last_node_says_goodbye_to_the_letter(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    node = plant.single(edge(*set_)).start()
    single = plant.single(host(*set_)).start()
    await until(lambda: single.log.online.get(EDGE), "edge online")
    online = observer.states()[-1]
    await single.stop()
    await until(lambda: not observer.states()[-1].online, "STATE offline")
    assert observer.states()[-1].timestamp >= online.timestamp
    await until(lambda: node.log.transmitters.get(EDGE) is False, "the edge node left")
    await node.stop()
    assert observer.topics("NDEATH")


async def test_a_node_whose_disk_refuses_its_promise_never_acts(plant: Plant, broker: Broker) -> None:
    single = plant.single(host(*servers(broker)))
    single.start()
    shutil.rmtree(single.folder)
    await asyncio.sleep(0.5)
    assert not single.active
    assert not single.runtime.holds()
    single.folder.mkdir()
    await until(lambda: single.active, "active once the disk is back")


async def test_a_node_may_act_only_once_its_promise_is_on_disk(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Found by random schedules of real processes: killed while it wrote, a node came back with the same term.
    written: list[int] = []
    save = promise.save

    def slowly(path: Path, made: Promise) -> None:
        time.sleep(0.2)
        save(path, made)
        written.append(made.last_own)

    monkeypatch.setattr(promise, "save", slowly)
    plant = Plant(tmp_path, lease=2.0)
    await plant.start_witness()
    master, _ = plant.pair(host(*servers(broker)))
    master.start()
    allowed: list[int] = []

    def acts() -> bool:
        if master.runtime.holds():
            allowed.append(master.runtime.view().epoch)
            assert allowed[-1] in written
        return master.active

    await until(acts, "the master acts")
    assert allowed
    await plant.close()


async def test_a_standby_that_missed_the_births_has_them_from_its_peer(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    master, backup = plant.pair(host(*set_))
    # Each node has its own names for the servers of the set; only their addresses mean the same.
    backup.rename({"server 1": "the other node's"})
    master.start()
    plant.single(edge(*set_)).start()
    await until(lambda: master.log.devices, "edge online at the master")
    await until(lambda: observer.topics("DBIRTH"), "the birth at the observer")
    births = len(observer.topics("NBIRTH"))
    backup.start()
    await until(lambda: (EDGE, DEVICE) in backup.log.devices, "the backup knows the edge node")
    await until(lambda: len(backup.log.counters()) > 10, "values at the backup")
    assert len(observer.topics("NBIRTH")) == births
    assert observer.topics("NCMD") == []


async def test_a_standby_that_lost_its_broker_for_a_moment_sees_again_although_no_edge_was_born_anew(
    plant: Plant, broker: Broker
) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    _, backup = await together(plant.pair(host(*set_)))
    plant.single(edge(*set_)).start()
    await until(lambda: len(backup.log.counters()) > 3, "values at the backup")
    births = len(observer.topics("NBIRTH"))
    thief = plant.watch(set_[0], f"Primary-{backup.config.node}")
    await until(lambda: backup.log.stale, "the broker has thrown the backup off")
    thief.connection.close()
    seen = len(backup.log.counters())
    await until(lambda: len(backup.log.counters()) > seen + 10, "values at the backup again")
    assert len(observer.topics("NBIRTH")) == births
    assert observer.topics("NCMD") == []


async def test_a_node_that_was_away_learns_which_edges_have_died(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    master, backup = await together(plant.pair(host(*set_)))
    sender = plant.single(edge(*set_)).start()
    await until(lambda: backup.log.devices and master.log.devices, "edge online at both")
    await until(lambda: master.runtime.view().lag == 0 and backup.runtime.view().lag == 0)
    await backup.kill()
    await sender.stop()
    await until(lambda: master.log.online[EDGE] is False, "the master sees the death")
    backup.log.online.clear()
    backup.start()
    await until(lambda: backup.runtime.view().lag == 0 and master.runtime.view().lag == 0, "records")
    await until(lambda: backup.log.online.get(EDGE) is not True)
    await asyncio.sleep(0.5)
    assert not backup.log.online.get(EDGE)
    assert not any(view.online for view in backup.runtime.view().edges.values())


async def test_an_unwell_node_hands_over_to_a_well_one(plant: Plant, broker: Broker) -> None:
    master, backup = await together(plant.pair(host(*servers(broker))))
    master.runtime.healthy(False, "the disk is full")
    await until(lambda: backup.active and master.state == "Standby", "the backup acts")
    (report,) = backup.log.changeovers.values()
    assert report["from"] == "primary-master"
    assert any("the disk is full" in warning for warning in master.runtime.view().warnings)


async def test_a_holder_that_wakes_up_from_a_pause_says_nothing(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    observer = plant.watch(set_[0])
    sender = plant.single(edge(*set_)).start()
    master, backup = plant.pair(host(*set_))
    with Elsewhere() as elsewhere:
        await elsewhere.run(master.start)
        await until(lambda: master.active, "the master acts")
        backup.start()
        await until(lambda: master.log.online.get(EDGE) and backup.state == "Standby", "edge online")
        elsewhere.pause(2 * plant.lease)
        # Queued up behind the pause: what a browser or a timer would still want from the sleeper.
        late = [elsewhere.soon(master.runtime.write(EDGE, DEVICE, "Tag 1", 666)) for _ in range(5)]
        await until(lambda: backup.active, "backup active")
        await until(lambda: backup.runtime.view().modules == {"engine": "Running"})
        outcomes = [await asyncio.wrap_future(one) for one in late]
        assert {one.outcome for one in outcomes} == {Answer.REFUSED}
        await until(lambda: master.state == "Standby", "the sleeper stands by")
        await asyncio.sleep(0.5)
        assert 666 not in [metric.value for metric in sender.tags.commands]
        assert observer.states()[-1].online
        stamps = [state.timestamp for state in observer.states() if state.online]
        assert stamps == sorted(stamps)
        await elsewhere.run(master.kill)


async def test_a_restarted_node_goes_on_with_the_next_epoch(plant: Plant, broker: Broker) -> None:
    single = plant.single(host(*servers(broker))).start()
    # It acts once its promise is on disk; before that a crash takes nothing back that anybody has relied on.
    await until(lambda: single.runtime.view().modules == {"engine": "Running"})
    first = single.runtime.view().epoch
    await single.kill()
    single.start()
    await until(lambda: single.active)
    assert single.runtime.view().epoch > first


async def test_a_cold_standby_connects_to_nothing_and_still_takes_over(plant: Plant, broker: Broker) -> None:
    set_ = servers(broker)
    plant.single(edge(*set_)).start()
    master, backup = await together(plant.pair(host(*set_), Standby.COLD))
    await until(lambda: master.log.online.get(EDGE), "edge online at the master")
    assert backup.runtime.view().servers == {"server 1": False}
    assert backup.log.samples == []
    await master.kill()
    await until(lambda: backup.log.online.get(EDGE), "edge online at the backup")


async def test_what_one_node_remembers_the_other_one_has(plant: Plant, broker: Broker) -> None:
    master, backup = await together(plant.pair(host(*servers(broker))))
    assert await master.runtime.remember("tag-value", "[default]A", b"1")
    assert [record.body for record in backup.log.records if record.provider == "tag-value"] == [b"1"]
    await backup.kill()
    await until(lambda: master.runtime.view().lag is None, "the peer is gone")
    assert not await master.runtime.remember("tag-value", "[default]A", b"2")


async def test_a_changed_configuration_is_followed_without_a_restart(
    plant: Plant, broker: Broker, tmp_path: Path
) -> None:
    single = plant.single(host(*servers(broker))).start()
    await until(lambda: single.runtime.view().modules == {"engine": "Running"})
    with running("distributor", tmp_path) as second:
        single.runtime.reconfigure(host(*servers(broker, second)))
        await until(lambda: single.runtime.view().servers == {"server 1": True, "server 2": True})
        observer = plant.watch(second.server(), "second")
        await until(lambda: observer.states() and observer.states()[-1].online, "STATE on the new one")
        single.runtime.reconfigure(host(*servers(broker)))
        assert single.runtime.view().servers == {"server 1": True}
