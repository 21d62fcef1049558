"""What people ask of a pair of real runtimes: maintenance, and a role taken from a silent peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redundancy.ports import Refused
from tests.redundancy.brokers import Broker, running
from tests.redundancy.plant import Node, Plant, edge, host, servers, started
from tests.waiting import PATIENCE, until


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


async def ready(plant: Plant, broker: Broker) -> tuple[Node, Node]:
    plant.single(edge(*servers(broker))).start()
    master, backup = await started(plant.pair(host(*servers(broker))))
    await until(lambda: master.runtime.view().lag == 0, "records exchanged")
    return master, backup


async def forced(node: Node) -> str:
    """Asked for until the silence has lasted long enough."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await node.runtime.failover("the master burns", "root", even_if_silent=True)
            except Refused as refusal:
                if "is not silent" not in refusal.reason:
                    raise
                await asyncio.sleep(0.05)


async def test_maintenance_hands_over_lasts_over_a_restart_and_ends_when_told(
    plant: Plant, broker: Broker
) -> None:
    master, backup = await ready(plant, broker)

    master.runtime.maintenance(True, "engineer", "a new disk")
    await until(lambda: backup.active and master.state == "Maintenance", "handed over")
    assert "engineer: a new disk" in master.runtime.view().why
    await master.stop()
    master.start()
    await until(lambda: master.state == "Maintenance", "still in maintenance")
    await backup.kill()
    await until(lambda: not master.runtime.view().peer.connected, "the backup is gone")  # type: ignore[union-attr]
    assert not master.active

    master.runtime.maintenance(False, "engineer")
    await until(lambda: master.active, "takes part again")


async def test_an_independent_node_has_nobody_to_leave_the_role_to(plant: Plant, broker: Broker) -> None:
    single = plant.single(host(*servers(broker))).start()
    await until(lambda: single.active)

    with pytest.raises(Refused, match="Independent"):
        single.runtime.maintenance(True, "engineer")


async def test_a_standby_that_lost_peer_and_witness_acts_on_a_persons_word_only(
    plant: Plant, broker: Broker
) -> None:
    master, backup = await ready(plant, broker)
    await plant.stop_witness()
    await until(lambda: not backup.runtime.view().witness.connected, "witness lost")  # type: ignore[union-attr]
    await master.kill()
    await until(lambda: backup.state == "Candidate", "asks in vain")

    with pytest.raises(Refused):
        await backup.runtime.failover("the master burns", "root")
    assert not backup.active
    request = await forced(backup)
    await until(lambda: backup.active, "acts")
    assert await backup.confirms(7)
    assert any("word of root alone" in warning for warning in backup.runtime.view().warnings)
    await until(lambda: request in backup.log.changeovers or backup.log.changeovers, "a report")

    await plant.start_witness()
    await until(lambda: not any("word of" in one for one in backup.runtime.view().warnings), "voted for")
    assert backup.active


async def test_while_the_witness_answers_nobodys_word_is_needed(plant: Plant, broker: Broker) -> None:
    master, backup = await ready(plant, broker)
    backup.runtime.maintenance(True, "engineer")
    await until(lambda: backup.state == "Maintenance")
    await master.kill()
    await until(lambda: not backup.runtime.view().peer.connected)  # type: ignore[union-attr]

    with pytest.raises(Refused, match=r"witness answers|not silent"):
        await backup.runtime.failover("now", "root", even_if_silent=True)
