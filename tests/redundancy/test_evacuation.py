"""A node that stops for good: the role goes first, then its broker's guests, then the broker may close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redundancy.config import Server
from sparkplug import EdgeNodeId
from tests.redundancy.brokers import Broker, running
from tests.redundancy.plant import EDGE, Node, Plant, edge, host, servers, started
from tests.waiting import until

OWNERS = ("primary-master", "primary-backup")


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[Broker]]:
    folders = [tmp_path / name for name in OWNERS]
    for folder in folders:
        folder.mkdir()
    with running("distributor", folders[0]) as one, running("distributor", folders[1]) as two:
        yield [one, two]


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


def owned(brokers: list[Broker]) -> tuple[Server, ...]:
    """Each broker is the Distributor of one node."""
    return tuple(replace(one, node=node) for one, node in zip(servers(*brokers), OWNERS, strict=True))


async def ready(plant: Plant, set_: tuple[Server, ...]) -> tuple[Node, Node]:
    master, backup = await started(plant.pair(host(*set_)))
    await until(lambda: master.runtime.view().modules == {"engine": "Running"})
    return master, backup


def at(node: Node, which: EdgeNodeId = EDGE) -> str | None:
    """The server where the node sees the edge node online."""
    view = node.runtime.view().edges.get(str(which))
    return view.server if view is not None and view.online else None


async def test_the_active_node_stops_and_its_guests_have_gone_before_it_has_ended(
    plant: Plant, brokers: list[Broker]
) -> None:
    set_ = owned(brokers)
    master, backup = await ready(plant, set_)
    watchers = [plant.watch(one, f"observer {n}") for n, one in enumerate(set_)]
    plant.single(edge(*set_)).start()
    await until(lambda: at(master) == at(backup) == set_[0].name, "the edge node is on the master's broker")

    await master.stop()

    assert backup.active
    assert watchers[0].topics("NDEATH"), "it has said goodbye"
    await until(lambda: watchers[1].topics("NBIRTH"), "it is born at the other broker")
    await until(lambda: at(backup) == set_[1].name)
    assert await backup.confirms(8)
    assert all(state.online for state in watchers[0].states()), "STATE never went offline"


async def test_a_standby_that_stops_has_its_guests_asked_by_the_one_that_acts(
    plant: Plant, brokers: list[Broker]
) -> None:
    set_ = owned(brokers)
    master, backup = await ready(plant, set_)
    plant.single(edge(*reversed(set_))).start()
    await until(lambda: at(master) == at(backup) == set_[1].name, "the edge node is on the backup's broker")

    await backup.stop()

    await until(lambda: at(master) == set_[0].name, "it has moved")
    assert master.active
    assert await master.confirms(8)


async def test_guests_of_the_node_that_stays_are_left_alone(plant: Plant, brokers: list[Broker]) -> None:
    set_ = owned(brokers)
    master, backup = await ready(plant, set_)
    observer = plant.watch(set_[1])
    await until(lambda: observer.ready)
    plant.single(edge(*reversed(set_))).start()
    await until(lambda: at(master) == at(backup) == set_[1].name and observer.topics("DBIRTH"))
    births = len(observer.topics("NBIRTH"))

    await master.stop()

    await until(lambda: backup.active)
    assert await backup.confirms(8)
    assert observer.topics("NDEATH") == []
    assert len(observer.topics("NBIRTH")) == births


async def test_with_one_broker_there_is_nowhere_to_go_and_nobody_is_asked(
    plant: Plant, brokers: list[Broker]
) -> None:
    set_ = owned(brokers)[:1]
    master, backup = await ready(plant, set_)
    observer = plant.watch(set_[0])
    plant.single(edge(*set_)).start()
    await until(lambda: at(master) == at(backup) == set_[0].name)

    await master.stop()

    assert backup.active
    assert observer.topics("NDEATH") == []
