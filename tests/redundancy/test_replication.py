"""Two nodes that tell each other everything hold the same, whatever happens on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from redundancy.config import Endpoint, NodeConfig, Peer, Role
from redundancy.link.links import LinkEvents, Links
from redundancy.replication.records import MAX_BODY, MemoryStore, Record, RecordStore
from redundancy.replication.replicator import Replicator
from tests.ports import free_port
from tests.waiting import until


def filled(count: int, body: bytes = b"x") -> MemoryStore:
    store = MemoryStore()
    for number in range(count):
        store.append("tags", f"tag {number}", body, 1)
    return store


# Replicators over a wire that can be cut


class End:
    """One node's replicator and what it told."""

    def __init__(self, store: RecordStore, epoch: int = 0) -> None:
        self.store = store
        self.epoch = epoch
        self.applied: list[Record] = []
        self.progress: list[tuple[int, int]] = []
        self.troubles: list[str] = []
        self.replicator = Replicator(
            store,
            self.applied.extend,
            lambda kind, detail: self.troubles.append(detail),
            on_progress=lambda applied, total: self.progress.append((applied, total)),
            acting=lambda: self.epoch,
        )


class Wire:
    """Both records connections between two replicators, in memory, one loop turn per message."""

    def __init__(self, one: End, two: End) -> None:
        self.ends = (one, two)
        self.up = False
        self.generation = 0

    def plug(self) -> None:
        self.up = True
        self.generation += 1
        for puller, server in (self.ends, self.ends[::-1]):
            self._join(puller.replicator.events, server.replicator.events, self.generation)

    def cut(self) -> None:
        self.up = False
        for end in self.ends:
            end.replicator.events.pull_down("cut")
            end.replicator.events.left("cut")

    def _join(self, puller: Any, server: Any, generation: int) -> None:
        loop = asyncio.get_running_loop()

        def live() -> bool:
            return self.up and self.generation == generation

        def to_puller(message: dict[str, Any]) -> bool:
            if live():
                loop.call_soon(lambda: puller.pulled(message) if live() else None)
            return live()

        def to_server(message: dict[str, Any]) -> bool:
            if live():
                loop.call_soon(lambda: server.asked(message, to_puller) if live() else None)
            return live()

        puller.pull_up(to_server)


@asynccontextmanager
async def wired(one: End, two: End) -> AsyncIterator[Wire]:
    wire = Wire(one, two)
    wire.plug()
    try:
        yield wire
    finally:
        wire.cut()
        await one.replicator.close()
        await two.replicator.close()


def same(one: End, two: End) -> bool:
    assert isinstance(one.store, MemoryStore)
    assert isinstance(two.store, MemoryStore)
    return one.store.contents() == two.store.contents()


async def test_both_ends_pull_what_they_lack_and_then_have_no_lag() -> None:
    one, two = End(filled(1200)), End(filled(3, b"z"))
    async with wired(one, two):
        await until(lambda: same(one, two) and one.replicator.lag == 0 and two.replicator.lag == 0)
    assert len(two.applied) >= 1197
    assert two.progress[-1][0] == two.progress[-1][1]
    assert [applied for applied, _ in two.progress] == sorted(applied for applied, _ in two.progress)
    assert not one.troubles + two.troubles


async def test_remember_is_true_once_the_peer_has_applied_it() -> None:
    one, two = End(MemoryStore()), End(MemoryStore())
    async with wired(one, two):
        await until(lambda: one.replicator.lag == 0)
        assert await one.replicator.remember("tags", "Tag 1", b"11", 4, 2.0)
        assert two.applied[0].body == b"11"
        assert isinstance(two.store, MemoryStore)
        assert two.store.latest("tags")[0].epoch == 4


async def test_remember_without_a_peer_is_false_at_once_and_recorded_all_the_same() -> None:
    one = End(MemoryStore())
    async with asyncio.timeout(0.15):
        assert not await one.replicator.remember("tags", "Tag 1", b"11", 4, 0.2)
    assert one.store.latest("tags")[0].body == b"11"
    await one.replicator.close()


async def test_remember_gives_up_when_the_peer_is_too_slow() -> None:
    class Slow(MemoryStore):
        def apply(self, source: str, through: int, records: Sequence[Record]) -> list[Record]:
            hold.wait(5)
            return super().apply(source, through, records)

    hold = threading.Event()
    one, two = End(MemoryStore()), End(Slow())
    async with wired(one, two):
        await until(lambda: one.replicator.lag == 0)
        assert not await one.replicator.remember("tags", "Tag 1", b"11", 4, 0.1)
        assert one.replicator.lag == 1
        hold.set()
        await until(lambda: one.replicator.lag == 0)


async def test_many_at_once_are_all_remembered() -> None:
    one, two = End(MemoryStore()), End(MemoryStore())
    async with wired(one, two):
        await until(lambda: one.replicator.lag == 0 and two.replicator.lag == 0)
        kept = await asyncio.gather(
            *(one.replicator.remember("tags", f"{n % 20}", b"%d" % n, 1, 3.0) for n in range(200)),
            *(two.replicator.remember("tags", f"{n % 20}", b"%d" % n, 1, 3.0) for n in range(200)),
        )
        assert all(kept)
        await until(lambda: same(one, two))


async def test_records_that_another_process_appended_are_pushed_when_poked() -> None:
    one, two = End(MemoryStore()), End(MemoryStore())
    async with wired(one, two):
        await until(lambda: one.replicator.lag == 0)
        one.store.append("config", "config", b"new", 2)
        one.replicator.poke()
        await until(lambda: two.applied)


async def test_a_large_body_is_refused_before_it_is_written() -> None:
    one = End(MemoryStore())
    with pytest.raises(ValueError, match="allowed"):
        await one.replicator.remember("tags", "x", b"x" * (MAX_BODY + 1), 1)
    assert one.store.head() == 0
    await one.replicator.close()


async def test_after_cuts_in_the_middle_both_are_equal_again() -> None:
    one, two = End(filled(3000)), End(filled(700, b"z"))
    async with wired(one, two) as wire:
        for _ in range(10):
            await asyncio.sleep(0.01)
            wire.cut()
            one.store.append("tags", "during", b"%d" % one.store.head(), 1)
            wire.plug()
        await until(lambda: same(one, two) and one.replicator.lag == 0)
        wire.cut()
        assert one.replicator.lag is None


async def test_a_store_that_fails_is_told_and_tried_again() -> None:
    class Locked(MemoryStore):
        faults = 2

        def apply(self, source: str, through: int, records: Sequence[Record]) -> list[Record]:
            if self.faults:
                self.faults -= 1
                raise sqlite3.OperationalError("database is locked")
            return super().apply(source, through, records)

    one, two = End(filled(5)), End(Locked())
    async with wired(one, two):
        await until(lambda: same(one, two))
    assert two.troubles == ["OperationalError: database is locked"] * 2


async def test_nonsense_from_the_peer_changes_nothing_and_is_told() -> None:
    one, two = End(filled(5)), End(MemoryStore())
    async with wired(one, two):
        await until(lambda: same(one, two))
        for message in ({}, {"kind": "applied", "session": 1, "through": 10**6}, {"kind": [1]}):
            one.replicator.events.asked(message, lambda _: True)
        two.replicator.events.pulled({})
        two.replicator.events.pulled({"kind": "records", "records": [["evil"]]})
        await until(lambda: two.troubles)
        assert await one.replicator.remember("tags", "still", b"alive", 1, 3.0)


async def test_copied_data_folders_are_told_and_nothing_is_mixed() -> None:
    one, two = End(MemoryStore("same")), End(MemoryStore("same"))
    one.store.append("tags", "a", b"1", 1)
    async with wired(one, two):
        await until(lambda: one.troubles and two.troubles)
        assert "copies of one data folder" in two.troubles[0]
        assert not two.applied


class Picky(MemoryStore):
    """Keeps out what it can't use, as a database store does."""

    unusable = b"bad"

    def apply(self, source: str, through: int, records: Sequence[Record]) -> list[Record]:
        return super().apply(source, through, [record for record in records if record.body != self.unusable])


async def test_a_resync_brings_what_was_kept_out_once_it_can_be_used() -> None:
    one, two = End(MemoryStore(), epoch=3), End(Picky())
    one.store.append("config", "config", b"bad", 3)
    async with wired(one, two):
        await until(lambda: one.replicator.lag == 0)
        assert not two.applied
        assert isinstance(two.store, Picky)
        two.store.unusable = b""
        two.replicator.resync()
        await until(lambda: same(one, two))


@pytest.mark.parametrize("asked_on", ["active", "standby"])
async def test_a_resync_gives_the_standby_the_active_s_documents_as_they_are(asked_on: str) -> None:
    """The standby has a later version that the active could not use: the active's must win anyhow."""
    one, two = End(Picky(), epoch=5), End(MemoryStore())
    one.store.append("config", "config", b"active's", 3)
    async with wired(one, two):
        await until(lambda: same(one, two) and one.replicator.lag == 0)
        two.store.append("config", "config", b"bad", 4)
        two.replicator.poke()
        await until(lambda: two.replicator.lag == 0)
        assert not same(one, two)
        (one if asked_on == "active" else two).replicator.resync(["config"])
        await until(lambda: same(one, two))
        assert two.store.latest("config")[0].body == b"active's"


async def test_a_resync_while_the_peer_is_away_happens_when_it_returns() -> None:
    one, two = End(filled(5)), End(Picky())
    async with wired(one, two) as wire:
        await until(lambda: same(one, two))
        wire.cut()
        two.store.forget(one.store.identity)
        two.replicator.resync(["config"])
        wire.plug()
        await until(lambda: two.store.cursor(one.store.identity) == 5)


# Over real sockets


async def test_two_nodes_replicate_over_their_links_and_survive_a_restart() -> None:
    here, there = Endpoint("127.0.0.1", free_port()), Endpoint("127.0.0.1", free_port())
    http = Endpoint("127.0.0.1", 23088)
    master = NodeConfig("P", "m", Role.MASTER, here, http, "", b"k" * 32, Peer("b", there, ""))
    backup = replace(master, node="b", role=Role.BACKUP, link=there, peer=Peer("m", here, ""))
    silent = LinkEvents(*([lambda *_: None] * 5))
    one, two = End(filled(2000, b"x" * 3000)), End(MemoryStore())
    first, second = (
        Links(master, "1", silent, {"records": one.replicator.events}),
        Links(backup, "2", silent, {"records": two.replicator.events}),
    )
    await first.start()
    await second.start()
    try:
        await until(lambda: two.progress)
        await second.close()
        await two.replicator.close()
        again = End(two.store)
        second = Links(backup, "3", silent, {"records": again.replicator.events})
        await second.start()
        await until(lambda: same(one, again) and one.replicator.lag == 0)
        assert await one.replicator.remember("tags", "last", b"word", 1, 3.0)
        await again.replicator.close()
    finally:
        await first.close()
        await second.close()
        await one.replicator.close()
