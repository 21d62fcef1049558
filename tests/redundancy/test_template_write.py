"""A member of a template, written from one end of a real broker to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from redundancy.ports import Answer
from sparkplug import DataType, Metric, Template
from tests.redundancy.brokers import running
from tests.redundancy.plant import DEVICE, EDGE, Plant, edge, host, servers
from tests.waiting import until


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


def motor(*members: Metric, definition: bool = False) -> Template:
    return Template(members, reference=None if definition else "Motor", is_definition=definition)


async def test_a_write_to_one_member_is_confirmed_and_leaves_the_others_alone(
    plant: Plant, tmp_path: Path
) -> None:
    with running("distributor", tmp_path) as broker:
        set_ = servers(broker)
        sender, receiver = plant.single(edge(*set_)), plant.single(host(*set_))
        speed, name = Metric("Speed", DataType.Float, 0.5, 1), Metric("Name", DataType.String, "m", 1)
        shape = Metric("Motor", DataType.Template, motor(speed, name, definition=True), 1)
        m1 = Metric("M1", DataType.Template, motor(speed, name), 1)
        sender.tags.births = lambda _: ((shape,), {DEVICE: (m1,)})  # type: ignore[method-assign]
        sender.start()
        receiver.start()
        await until(lambda: (EDGE, DEVICE) in receiver.log.devices, "born")
        await until(lambda: receiver.runtime.view().modules == {"engine": "Running"})
        write = receiver.runtime.write
        wish = motor(Metric("Speed", DataType.Unknown, 0.1))
        outcome = await write(EDGE, DEVICE, "M1", wish, 10)
        assert outcome.outcome is Answer.CONFIRMED, outcome.detail
        (told,) = (one.value for one in sender.tags.commands)
        assert isinstance(told, Template)
        assert [(one.name, one.datatype) for one in told.metrics] == [("Speed", DataType.Float)]
        for wrong, reason in (
            (motor(Metric("Ghost", DataType.Int8, 1)), "M1/Ghost not in the template"),
            (motor(Metric("Speed", DataType.Int8, "fast")), "Float cannot hold text"),
            (5, "no instance of a template"),
        ):
            refused = await write(EDGE, DEVICE, "M1", wrong)
            assert refused.outcome is Answer.FAILED
            assert reason in refused.detail
        assert len(sender.tags.commands) == 1
