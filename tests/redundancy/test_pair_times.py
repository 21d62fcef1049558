"""Failover Timeout and Startup Connection Allowance, on real nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redundancy.core.settings import RHO
from tests.redundancy.brokers import Broker, running
from tests.redundancy.plant import Node, Plant, host, servers, started
from tests.waiting import until

LEASE = 1.5


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as one:
        yield one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path, LEASE)
    await built.start_witness()
    yield built
    await built.close()


def told(node: Node, **settings: Any) -> Node:
    node.become(redundancy=replace(node.config.redundancy, **settings))
    return node


async def test_a_silent_node_keeps_its_role_for_the_failover_timeout(plant: Plant, broker: Broker) -> None:
    master, backup = await started(plant.pair(host(*servers(broker))))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await master.kill()
    await until(lambda: backup.active)
    # Its last grant may be a renewal old, a quarter of the lease.
    assert loop.time() - began >= LEASE * (0.75 - RHO)


async def test_a_longer_failover_timeout_than_the_voters_gets_no_vote_and_says_so(
    plant: Plant, broker: Broker
) -> None:
    master, _ = plant.pair(host(*servers(broker)))
    told(master, failover_timeout=2 * LEASE).start()
    why = "does not vote: its lease of 1.5 s is shorter than 3 s"
    await until(lambda: any(why in warning for warning in master.runtime.view().warnings))
    assert not master.active


async def test_a_starting_node_waits_for_its_peer_as_long_as_it_may_and_no_longer_than_it_must(
    plant: Plant, broker: Broker
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    told(master, startup_allowance=600.0).start()
    await until(lambda: bool((seen := master.runtime.view().witness) and seen.connected))
    end = asyncio.get_running_loop().time() + 2 * LEASE
    while asyncio.get_running_loop().time() < end:
        assert not master.active
        await asyncio.sleep(0.05)
    backup.start()
    await until(lambda: master.active, "the peer is heard, so it waits no longer")


async def test_a_node_without_a_peer_starts_after_the_allowance(plant: Plant, broker: Broker) -> None:
    master, _ = plant.pair(host(*servers(broker)))
    told(master, startup_allowance=0.0).start()
    await until(lambda: master.active)
