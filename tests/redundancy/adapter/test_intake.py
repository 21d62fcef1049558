"""Nothing is acknowledged before the sink has it, and nothing waits without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redundancy.adapter import intake as module
from redundancy.adapter.intake import Intake
from redundancy.adapter.reports import Arrival, NotTaken
from tests.waiting import until


class Slow:
    """A sink that takes when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken: list[bytes] = []
        self.refusals = 0
        self.troubles: list[str] = []

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        await self.open.wait()
        if self.refusals:
            self.refusals -= 1
            raise NotTaken("the disk is full")
        self.taken += [arrival.payload for arrival in arrivals]


def message(number: int, qos: int = 1) -> Arrival:
    return Arrival("MQTT1", "s", "t", b"%d" % number, qos, False, 0)


@asynccontextmanager
async def running(sink: Slow, limit: int = 10, holds: list[bool] | None = None) -> AsyncIterator[Intake]:
    may = holds if holds is not None else [True]
    intake = Intake(limit, sink.take, lambda: may[0], lambda _, detail: sink.troubles.append(detail))
    task = asyncio.create_task(intake.run())
    try:
        yield intake
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_acknowledgements_come_after_the_sink_and_in_order() -> None:
    sink, said = Slow(), []
    async with running(sink) as intake:
        for number in range(5):
            intake.put(message(number), lambda number=number: said.append(number))
        await asyncio.sleep(0.05)
        assert said == []
        sink.open.set()
        await until(lambda: said == [0, 1, 2, 3, 4])
        assert sink.taken == [b"0", b"1", b"2", b"3", b"4"]


async def test_at_qos_0_the_oldest_are_dropped_and_counted_and_at_qos_1_none() -> None:
    sink = Slow()
    async with running(sink, limit=3) as intake:
        for number in range(10):
            intake.put(message(number, qos=0), lambda: None)
        assert (intake.waiting, intake.dropped) == (3, 7)
        for number in range(10, 20):
            intake.put(message(number), lambda: None)
        assert intake.dropped == 7
        sink.open.set()
        await until(lambda: len(sink.taken) == 13)
        assert sink.taken[:3] == [b"7", b"8", b"9"]


async def test_a_sink_that_cannot_take_is_asked_again_and_the_reason_is_told(monkeypatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    sink, said = Slow(), []
    sink.refusals = 2
    sink.open.set()
    async with running(sink) as intake:
        intake.put(message(1), lambda: said.append(1))
        await until(lambda: said == [1])
    assert sink.troubles == ["the disk is full"] * 2


async def test_a_node_without_the_role_takes_nothing_and_acknowledges_nothing(monkeypatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    sink, said, holds = Slow(), [], [False]
    sink.open.set()
    async with running(sink, holds=holds) as intake:
        intake.put(message(1), lambda: said.append(1))
        await asyncio.sleep(0.1)
        assert (sink.taken, said) == ([], [])
        holds[0] = True
        await until(lambda: said == [1])
