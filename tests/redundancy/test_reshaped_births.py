"""What only a birth says reaches the host when it changes, whatever else changes with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sparkplug import DataType, Metric, Property
from tests.redundancy.brokers import Broker, running
from tests.redundancy.plant import DEVICE, EDGE, Plant, edge, servers
from tests.waiting import until

BAR = {"engUnit": Property(DataType.String, "bar")}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as broker:
        yield broker


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    plant = Plant(tmp_path)
    yield plant
    await plant.close()


async def test_a_changed_property_is_told_even_if_a_device_comes_in_the_same_edit(
    plant: Plant, broker: Broker
) -> None:
    (server,) = servers(broker)
    observer = plant.watch(server)
    await until(lambda: observer.ready)
    sender = plant.single(edge(server, host_id=None)).start()
    await until(lambda: sender.log.transmitters.get(EDGE) and observer.topics("DBIRTH"), "edge online")
    node, devices = sender.tags.births(EDGE)
    told = {DEVICE: tuple(metric._replace(properties=BAR) for metric in devices[DEVICE])}
    second = {"Device 2": (Metric("Level 2", DataType.Float, 0.5, 1),)}
    sender.tags.births = lambda edge: (node, told | second)  # type: ignore[method-assign, assignment]
    sender.runtime.rebirth()
    await until(lambda: len(observer.topics("NBIRTH")) == 2, "born again as a whole")
    await until(
        lambda: any(
            metric.properties == BAR for birth in observer.payloads("DBIRTH") for metric in birth.values()
        ),
        "and with the property",
    )
