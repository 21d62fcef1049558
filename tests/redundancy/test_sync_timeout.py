"""Sync Timeout: a pull of records that gets stuck is begun anew, and one that is through is left alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from redundancy.config import RedundancySettings
from redundancy.link.links import LinkEvents, Links
from redundancy.link.stall import StallWatch
from redundancy.replication.exchange import BATCH, Batch, Intake, Supply
from redundancy.replication.records import MemoryStore, Record
from tests.redundancy.test_link import wired
from tests.redundancy.test_replication import End, filled, same
from tests.waiting import until

SILENT = LinkEvents(*([lambda *_: None] * 5))


class Stuck(MemoryStore):
    """A store on a disk that hangs while it is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    def after(self, seq: int, limit: int) -> Sequence[tuple[int, Record]]:
        self.open.wait(60)
        return super().after(seq, limit)


@asynccontextmanager
async def linked(one: End, two: End) -> AsyncIterator[tuple[Links, Links]]:
    settings = RedundancySettings(sync_timeout=1.0)
    links = [
        Links(replace(node, redundancy=settings), boot, SILENT, {"records": end.replicator.events})
        for node, boot, end in zip(wired(), "mb", (one, two), strict=True)
    ]
    for each in links:
        await each.start()
    try:
        yield links[0], links[1]
    finally:
        for each in links:
            await each.close()
        for end in (one, two):
            await end.replicator.close()


async def test_a_pull_that_gets_stuck_is_told_and_begun_anew_until_it_goes_on() -> None:
    stuck = Stuck()
    stuck.append("tags", "a", b"x", 1)
    one, two = End(stuck), End(MemoryStore())
    async with linked(one, two):
        await until(lambda: len(two.troubles) >= 2)
        assert two.troubles[0] == "the pull of records made no progress for 1 s and is begun anew"
        stuck.open.set()
        await until(lambda: same(one, two))


async def test_a_pull_that_is_through_waits_for_nothing() -> None:
    for store in (MemoryStore(), filled(3), filled(2 * BATCH + 1)):
        one, two = End(store), End(MemoryStore())
        async with linked(one, two) as (_, pulling):
            await until(lambda: pulling.pulls["records"].dialer.is_up)
            await until(lambda: same(one, two) and two.replicator.events.waits() is None)  # noqa: B023
            await until(lambda: one.replicator.events.waits() is None)  # noqa: B023
        assert not one.troubles + two.troubles


def pulled(supply: Supply, store: MemoryStore) -> list[tuple[int, int, int]]:
    """How many records came with each batch, through where, of what."""
    intake, said = Intake(store, {"store": "there"}, 1), []
    while (message := supply.next()) is not None:
        batch = Batch.parse(message)
        said.append((len(batch.records), batch.through, batch.head))
        taken = intake.take(batch)
        assert taken is not None
        supply.applied(taken[1])
    return said


def supplying(store: MemoryStore, reader: str, after: int = 0) -> Supply:
    return Supply(store, reader, {"session": 1, "after": after}, lambda why: None)


def test_every_pull_ends_with_a_word_that_it_is_through() -> None:
    assert pulled(supplying(MemoryStore(), "r"), MemoryStore()) == [(0, 0, 0)]
    assert pulled(supplying(filled(3), "r", 3), MemoryStore()) == [(0, 3, 3)]
    whole = pulled(supplying(filled(BATCH + 1), "r"), MemoryStore())
    assert whole == [(BATCH, BATCH, BATCH + 1), (1, BATCH + 1, BATCH + 1)]


def test_it_does_so_when_the_rest_is_the_reader_s_own_or_gone() -> None:
    store = filled(BATCH + 1)
    reader = MemoryStore()
    _, own = reader.append("tags", "own", b"y", 1)
    store.apply("r", 1, [own])
    assert pulled(supplying(store, own.origin, 1), MemoryStore())[-1][1:] == (BATCH + 2, BATCH + 2)

    class Ahead(MemoryStore):
        def head(self) -> int:
            return super().head() + 7

    ahead = Ahead()
    ahead.append("tags", "a", b"x", 1)
    assert pulled(supplying(ahead, "r"), MemoryStore()) == [(1, 1, 8), (0, 1, 1)]


async def test_the_watch_counts_from_the_last_progress_and_ends_with_the_connection() -> None:
    loop, told = asyncio.get_running_loop(), []
    since: list[float | None] = [None]
    watch = StallWatch("records", 0.2, lambda: since[0], told.append)
    watch.start()
    began = since[0] = loop.time()
    await until(lambda: told)
    assert loop.time() - began >= 0.2
    since[0] = None
    watch.start()
    watch.stop()
    since[0] = began
    await asyncio.sleep(0.3)
    assert len(told) == 1, "a stopped watch says nothing"
