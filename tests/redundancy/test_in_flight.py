"""Commands that a node had on their way when it died: the other one says that nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from redundancy.host import in_flight
from redundancy.ports import Answer
from redundancy.replication.ledger import COMMAND, Ledger
from sparkplug import DataSet, EdgeNodeId, Value
from tests.redundancy.brokers import Broker, running
from tests.redundancy.plant import DEVICE, EDGE, Node, Plant, edge, host, servers, started
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


async def deaf(*_: Any) -> None:
    """An edge node that gets the command and answers nothing."""


async def waiting(plant: Plant, broker: Broker) -> tuple[Node, Node, asyncio.Task[Any]]:
    """A pair whose master waits for an echo that never comes, and whose backup knows it."""
    node = plant.single(edge(*servers(broker)))
    node.tags.command = deaf  # type: ignore[method-assign]
    node.start()
    master, backup = await started(plant.pair(host(*servers(broker))))
    await until(lambda: all((EDGE, DEVICE) in node.log.devices for node in (master, backup)), "device online")
    await until(lambda: master.runtime.view().modules == {"engine": "Running"})
    order = asyncio.create_task(master.runtime.write(EDGE, DEVICE, "Tag 1", 42, PATIENCE))
    await until(
        lambda: order.done() or any(one.body for one in backup.store.latest(COMMAND)),
        "on record at the backup",
    )
    assert not order.done(), order.result()
    return master, backup, order


async def test_after_a_crash_the_survivor_tells_and_never_sends_them_again(
    plant: Plant, broker: Broker
) -> None:
    observer = plant.watch(servers(broker)[0])
    master, backup, order = await waiting(plant, broker)
    await until(lambda: len(observer.topics("DCMD")) == 1)
    await master.kill()
    order.cancel()

    await until(lambda: any(one["finished"] for one in backup.log.changeovers.values()), "the report")

    (report,) = backup.log.changeovers.values()
    assert report["commands"] == [{"metric": f"{EDGE}/{DEVICE}/Tag 1", "value": 42, "outcome": "unknown"}]
    assert any("Tag 1 = 42" in one and "outcome unknown" in one for one in backup.log.notes)
    assert len(observer.topics("DCMD")) == 1
    assert not any(one.body for one in backup.store.latest(COMMAND))


async def test_after_a_planned_switch_the_one_that_sent_them_goes_on_waiting(
    plant: Plant, broker: Broker
) -> None:
    master, backup, order = await waiting(plant, broker)

    await master.moves_on("drill")
    reports = backup.log.changeovers
    await until(lambda: any(one["edges_online_after_ms"] is not None for one in reports.values()))

    (report,) = reports.values()
    assert report["commands"] == []
    await master.kill()
    assert order.done() is False or order.result().outcome is Answer.UNKNOWN
    order.cancel()


class TestRecord:
    @pytest.fixture
    def ledger(self) -> Ledger:
        async def never(*_: object) -> bool:
            return False

        return Ledger(never)

    @pytest.mark.parametrize("value", [DataSet((), (), ()), b"bytes", (1, 2), 2**63, "text", None])
    async def test_any_value_can_be_shown(self, ledger: Ledger, value: Value) -> None:
        in_flight.note(ledger, "a", [((EdgeNodeId("G", "E"), None, "M"), value)])
        (shown,) = in_flight.take(ledger, "a")
        assert shown["metric"] == "G/E/M"
        assert in_flight.take(ledger, "a") == []

    @pytest.mark.parametrize("body", [b"{", b"[1, null]", b"{}", b"\xff"])
    async def test_a_record_that_means_nothing_tells_nothing(self, ledger: Ledger, body: bytes) -> None:
        ledger.note(COMMAND, "a", body)
        assert in_flight.take(ledger, "a") == []
