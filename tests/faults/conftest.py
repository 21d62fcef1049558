"""One plant at a time for all fault tests: on loopback behind our own wires, or in namespaces.

Each test takes it whole; none relies on the order. A test that wants another kind of plant ends the one
that runs, so those of a kind stand in one file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from redundancy.config import ConfigError
from tests.faults import network
from tests.faults.findings import Findings
from tests.faults.laboratory import Laboratory, laboratory
from tests.plant.observer import Observer


class Laboratories:
    """The plant that runs now, by its kind."""

    def __init__(self) -> None:
        self._kind: dict[str, Any] | None = None
        self._open = contextlib.ExitStack()
        self._plant: Laboratory | None = None

    def one(self, **kind: Any) -> Laboratory:
        """A whole plant of this kind; started if another one, or none, runs."""
        if self._plant is None or self._kind != kind:
            self.close()
            self._plant, self._kind = self._open.enter_context(laboratory(**kind)), kind
        try:
            self._plant.whole()
        except ConfigError:
            # What the test before did to it is that test's failure, once: the next one gets another plant.
            self.close()
            raise
        return self._plant

    def close(self) -> None:
        self._plant = None
        self._open.close()


@pytest.fixture(scope="package")
def laboratories() -> Iterator[Laboratories]:
    kept = Laboratories()
    yield kept
    kept.close()


@pytest.fixture
def plant(laboratories: Laboratories) -> Laboratory:
    """On loopback, pair links and witness behind wires."""
    return laboratories.one()


@pytest.fixture
def cabled(laboratories: Laboratories) -> Laboratory:
    """Each node in a network namespace of its own."""
    if not network.possible():
        pytest.skip("network namespaces need root")
    return laboratories.one(namespaces=True)


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Findings:
    return Findings(request.node)


@pytest.fixture
def third(request: pytest.FixtureRequest) -> Iterator[Observer]:
    """A third MQTT client on both brokers of the test's plant."""
    name = "cabled" if "cabled" in request.fixturenames else "plant"
    if "secluded" in request.fixturenames:
        name = "secluded"
    plant: Laboratory = request.getfixturevalue(name)
    account = plant.credentials["mqtt"]["observer"]
    brokers = [node.mqtt for node in plant.layout.brokers if node.mqtt]
    watching = Observer(brokers, account["username"], account["password"])
    yield watching
    watching.close()
