"""Two runtimes with real histories, joined by a cable: cut, mended and started anew, they end equal."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redundancy.clock import Clock
from redundancy.replication.reconciler import Pace
from tests.hmi.history.test_exchange import Node as History
from tests.redundancy.brokers import Broker, running
from tests.redundancy.cable import Cable
from tests.redundancy.plant import Node, Plant, host, servers, started
from tests.waiting import until

SOON = Pace(settling=0.05, first=0.01, quick=0.02, slow=0.1, breath=0.0)


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
        cables.append(Cable(node.config.peer.link))
        await cables[-1].start()
        node.become(peer=replace(node.config.peer, link=cables[-1].here))
    return cables


def some(dice: random.Random, count: int) -> list[tuple[int, int]]:
    """Samples of twenty tags in the last ten minutes."""
    now = Clock().now().wall
    return [(dice.randrange(20), now - dice.randrange(1000, 600_000)) for _ in range(count)]


async def test_two_nodes_that_were_cut_apart_end_equal_and_so_does_one_that_was_down(
    plant: Plant, broker: Broker, tmp_path: Path
) -> None:
    dice = random.Random(4)
    nodes = master, backup = plant.pair(host(*servers(broker)))
    one, two = histories = [History(tmp_path / f"{node.config.node}.db") for node in nodes]
    cables = await cabled(nodes)
    for node, history in zip(nodes, histories, strict=True):
        history.ingest(*some(dice, 1000))
        node.keep(history.exchange, SOON)
    await started(nodes)
    await until(lambda: one.size() == two.size() > 1900)

    epoch = master.runtime.view().epoch
    for cable in cables:
        cable.cut()
    await until(lambda: (peer := backup.runtime.view().peer) is not None and not peer.connected)
    for history in histories:
        history.ingest(*some(dice, 3000))
    for cable in cables:
        cable.mend()
    await until(lambda: one.size() == two.size() > 7000)
    assert one.rows() == two.rows()
    assert master.runtime.view().epoch == epoch, "the exchange costs nobody the role"

    await backup.kill()
    one.ingest(*some(dice, 500))
    backup.start()
    await until(lambda: one.size() == two.size())
    assert one.rows() == two.rows()
    await until(lambda: backup.history is not None and backup.history.standing.equal_since)
    assert backup.history is not None
    assert backup.history.standing.here == backup.history.standing.there == len(two.rows())
    assert not [trouble for trouble in master.log.troubles + backup.log.troubles if trouble[0] == "history"]
    for history in histories:
        history.close()
    for cable in cables:
        await cable.close()
