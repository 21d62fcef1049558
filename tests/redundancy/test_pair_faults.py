"""What may happen to a pair: its link is cut, it is set up wrongly, its master comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redundancy.config import Recovery, Role
from tests.redundancy.brokers import Broker, running
from tests.redundancy.cable import Cable
from tests.redundancy.plant import Node, Plant, host, servers, started
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


async def cabled(nodes: tuple[Node, Node]) -> list[Cable]:
    """Both directions of the pair link go through a cable; the witness is reached directly."""
    cables = []
    for node in nodes:
        assert node.config.peer is not None
        cable = Cable(node.config.peer.link)
        await cable.start()
        cables.append(cable)
        node.config = replace(node.config, peer=replace(node.config.peer, link=cable.here))
        node.runtime = node._made()
    return cables


async def test_with_the_link_cut_and_the_witness_alive_exactly_one_node_acts(
    plant: Plant, broker: Broker
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    cables = await cabled((master, backup))
    await started((master, backup))
    epoch = master.runtime.view().epoch
    for cable in cables:
        cable.cut()
    end = asyncio.get_running_loop().time() + 2 * plant.lease
    while asyncio.get_running_loop().time() < end:
        assert master.active
        assert not backup.active
        await asyncio.sleep(0.01)
    view = backup.runtime.view()
    assert view.peer is not None
    assert not view.peer.connected
    assert master.runtime.view().warnings
    for cable in cables:
        cable.mend()
    await until(lambda: (peer := backup.runtime.view().peer) is not None and peer.connected, "healed")
    await until(lambda: backup.state == "Standby", "the backup stands by")
    assert master.active
    assert master.runtime.view().epoch == epoch, "the cut changed nothing"
    for cable in cables:
        await cable.close()


async def test_a_returned_master_takes_the_role_back_only_in_recovery_mode_automatic(
    plant: Plant, broker: Broker
) -> None:
    for recovery in (Recovery.MANUAL, Recovery.AUTOMATIC):
        master, backup = plant.pair(host(*servers(broker)))
        for node in (master, backup):
            settings = replace(node.config.redundancy, recovery=recovery, dwell=0.5)
            node.config = replace(node.config, gateway=f"Primary {recovery}", redundancy=settings)
            node.runtime = node._made()
        await started((master, backup))
        await master.kill()
        await until(lambda backup=backup: backup.active, "the backup took over")
        master.start()
        if recovery is Recovery.AUTOMATIC:
            await until(lambda master=master: master.active, "the master has its role back")
            await until(lambda backup=backup: backup.state == "Standby", "the backup stands by")
        else:
            await until(lambda master=master: master.state == "Standby", "the master stands by")
            await asyncio.sleep(2)
            assert backup.active
            assert not master.active
        for node in (master, backup):
            await node.kill()


async def test_two_masters_say_so_and_do_not_act(plant: Plant, broker: Broker) -> None:
    master, other = plant.pair(host(*servers(broker)))
    other.config = replace(other.config, role=Role.MASTER)
    other.runtime = other._made()
    master.start()
    other.start()
    await until(lambda: "Conflict" in (master.state, other.state), "the mix-up is noticed")
    await until(lambda: "Conflict" in other.state or "Conflict" in master.state)
    said = " ".join(node.runtime.view().why for node in (master, other) if node.state == "Conflict")
    assert "Master" in said
    await asyncio.sleep(1.5 * plant.lease)
    assert sum(node.active for node in (master, other)) <= 1


async def test_a_node_with_a_wrong_key_never_acts_and_says_why(plant: Plant, broker: Broker) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    backup.config = replace(backup.config, plant_key=b"some other plant's key")
    backup.runtime = backup._made()
    master.start()
    backup.start()
    await until(lambda: master.active, "the master acts with the witness")
    await asyncio.sleep(1.5 * plant.lease)
    assert not backup.active
    said = [detail for _, detail in backup.log.troubles] + [backup.runtime.view().why]
    assert any("key" in one for one in said), said
