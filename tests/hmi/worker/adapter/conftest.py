"""A broker for all tests of the adapter, and a worker's adapter for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.hmi.worker.adapter.station import Station
from tests.redundancy.brokers import Broker, running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running("distributor", tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    station = Station(tmp_path)
    station.history.start()
    yield station
    await station.adapter.close()
    station.history.close()
