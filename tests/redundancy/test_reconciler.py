"""Histories over the pair link: whatever cuts, restarts and lies there are, two nodes end up equal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redundancy.clock import Clock
from redundancy.replication.reconciler import Pace, Reconciler
from redundancy.replication.reconciliation import MINUTE, Cursor, Digest, ItemStore, Unavailable
from tests.redundancy.item_sets import ItemSet, Key
from tests.waiting import until

SOON = Pace(settling=0.05, first=0.01, quick=0.02, slow=0.1, breath=0.0)


def ago(minutes: float) -> int:
    return Clock().now().wall - round(minutes * MINUTE)


def some(dice: random.Random, count: int) -> set[Key]:
    return {(f"tag {dice.randrange(20)}", ago(dice.random() * 90)) for _ in range(count)}


class End:
    """One node's side and what it told."""

    def __init__(self, store: ItemStore, pace: Pace = SOON) -> None:
        self.troubles: list[str] = []
        self.side = Reconciler(store, Clock(), lambda _, detail: self.troubles.append(detail), pace)


class Wire:
    """Both history connections between two ends, in memory. `limit`: messages until it breaks."""

    def __init__(self, one: End, two: End) -> None:
        self.ends = (one, two)
        self.left = 0
        self.seen: list[dict[str, Any]] = []

    def plug(self, limit: int = 10**9) -> None:
        self.left = limit
        for asker, holder in (self.ends, self.ends[::-1]):
            self._join(asker.side.events, holder.side.events)

    def cut(self) -> None:
        self.left = 0
        for end in self.ends:
            end.side.events.pull_down("cut")
            end.side.events.left("cut")

    def _join(self, asker: Any, holder: Any) -> None:
        def passes(message: dict[str, Any], hear: Any) -> bool:
            self.left -= 1
            if self.left < 0:
                return False
            self.seen.append(message)
            asyncio.get_running_loop().call_soon(hear)
            return True

        def answer(message: dict[str, Any]) -> bool:
            return passes(message, lambda: asker.pulled(message))

        asker.pull_up(lambda message: passes(message, lambda: holder.asked(message, answer)))


@asynccontextmanager
async def wired(one: End, two: End) -> AsyncIterator[Wire]:
    wire = Wire(one, two)
    wire.plug()
    try:
        yield wire
    finally:
        wire.cut()
        await one.side.close()
        await two.side.close()


async def test_two_nodes_end_equal_and_say_since_when() -> None:
    dice = random.Random(1)
    ours, others = some(dice, 400), some(dice, 300)
    mine, theirs = ItemSet(ours), ItemSet(others)
    one, two = End(mine), End(theirs)
    async with wired(one, two):
        await until(lambda: one.side.standing.equal_since and two.side.standing.equal_since)
        assert mine.keys == theirs.keys == ours | others
        assert one.side.standing.taken == len(others - ours)
        assert one.side.standing.here == one.side.standing.there == len(ours | others)
        since = one.side.standing.equal_since
        compared = one.side.standing.compared
        await until(lambda: (one.side.standing.compared or 0) > (compared or 0))
        assert one.side.standing.equal_since == since
        mine.add([["late", ago(1000), ""]])
        await until(lambda: mine.keys == theirs.keys)
    assert not one.troubles + two.troubles


async def test_cut_after_any_number_of_messages_they_end_equal() -> None:
    dice = random.Random(2)
    ours, others = some(dice, 300), some(dice, 300)
    mine, theirs = ItemSet(ours, page=20), ItemSet(others, page=20)
    one, two = End(mine), End(theirs)
    async with wired(one, two) as wire:
        for limit in range(0, 60, 3):
            wire.cut()
            wire.plug(limit)
            await until(lambda: wire.left <= 0 or mine.keys == theirs.keys)
        wire.cut()
        wire.plug()
        await until(lambda: mine.keys == theirs.keys == ours | others)
    assert not one.troubles + two.troubles


async def test_while_nothing_differs_one_small_question_is_asked_now_and_then() -> None:
    same = some(random.Random(3), 500)
    one, two = End(ItemSet(same)), End(ItemSet(same))
    async with wired(one, two) as wire:
        await until(lambda: len(wire.seen) >= 12)
    assert {message["kind"] for message in wire.seen} == {"slots"}
    assert all(message.get("level", 0) == 0 for message in wire.seen)
    assert max(len(str(message)) for message in wire.seen) < 200


async def test_a_store_that_fails_is_told_and_tried_again() -> None:
    class Locked(ItemSet):
        faults = 2

        def add(self, items: list[Any]) -> int:
            if self.faults:
                self.faults -= 1
                raise Unavailable("database is locked")
            return super().add(items)

    mine, theirs = Locked(), ItemSet([("a", 1), ("b", 2)])
    one, two = End(mine), End(theirs)
    async with wired(one, two):
        await until(lambda: mine.keys == theirs.keys)
    assert one.troubles == ["database is locked"] * 2


async def test_a_holder_that_can_t_look_says_so_and_is_asked_again() -> None:
    class Busy(ItemSet):
        faults = 2

        def slots(self, start: int, end: int, width: int, limit: int) -> list[Digest]:
            if self.faults:
                self.faults -= 1
                raise Unavailable("database is locked")
            return super().slots(start, end, width, limit)

    mine, theirs = ItemSet(), Busy([("a", 1)])
    one, two = End(mine), End(theirs)
    async with wired(one, two):
        await until(lambda: mine.keys == theirs.keys)
    assert not one.troubles[2:]


async def test_nonsense_from_the_peer_is_told_and_harms_nothing() -> None:
    class Liar(ItemSet):
        def items(
            self, start: int, end: int, names: Sequence[int], after: Cursor | None
        ) -> tuple[list[Any], Cursor | None]:
            if len(self.lies) < 3:
                self.lies.append(end)
                return [["a", "evil"]], None
            return super().items(start, end, names, after)

        lies: list[int]

    mine, theirs = ItemSet([("b", 1)]), Liar([("a", 1)])
    theirs.lies = []
    one, two = End(mine), End(theirs)
    async with wired(one, two):
        for question in ({}, {"n": "x"}, {"n": 1, "kind": "evil"}, {"n": 1, "kind": "items", "names": 7}):
            one.side.events.asked(question, lambda _: True)
        one.side.events.pulled({"n": 10**9, "kind": "items", "items": [["a", 9, "forged"]]})
        one.side.events.pulled({})
        await until(lambda: mine.keys == theirs.keys == {("a", 1), ("b", 1)})
    assert len([told for told in one.troubles if "the peer's question can't be used" in told]) == 4
    assert len([told for told in one.troubles if "the peer's answer can't be used" in told]) == 3


async def test_a_peer_that_asks_without_waiting_is_answered_a_little_and_told() -> None:
    one = End(ItemSet([("a", 1)]))
    answers: list[dict[str, Any]] = []
    for number in range(500):
        asked = {"kind": "slots", "n": number, "level": 0, "start": 0, "end": 9}
        one.side.events.asked(asked, lambda answer: not answers.append(answer))
    await until(lambda: len(answers) == 8)
    assert one.troubles[0] == "the peer asks without waiting for its answers"
    await one.side.close()
