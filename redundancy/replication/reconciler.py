"""Keeps a node's history equal to its peer's: asks over the history channel of its links, and answers there.

A round begins shortly after the channel is up and then again and again, the less often the longer nothing
has differed. Its questions go one at a time, with a breath between them, and all work on the store happens
in one thread of its own: the lease's heartbeats share the loop and the line, and come first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from redundancy.clock import Clock
from redundancy.link.links import PullEvents
from redundancy.replication.reconciliation import Holder, ItemStore, Round, Unavailable, whole

Send = Callable[[dict[str, Any]], bool]
_MOST_QUESTIONS = 8
"""Questions of the peer that may wait here; it asks one at a time, so more are a fault."""
_UNABLE = "unable"
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. What is younger than `settling` is left alone: both nodes are still writing it. A first round
    begins `first` after the channel is up; the pause between two rounds doubles from `quick` to `slow` while
    nothing differs. `breath` lies between two questions.
    """

    settling: float = 5.0
    first: float = 2.0
    quick: float = 5.0
    slow: float = 30.0
    breath: float = 0.01


@dataclass(frozen=True, slots=True)
class Standing:
    """How the two histories stood when they were last compared, at `compared` (ms since 1970; None: never).

    here, there: samples of this node and of the other one. differing: minutes in which the other had what
    this one lacked. equal_since: ms, None while they are not. taken: samples that have come from the peer
    since the start.
    """

    taken: int = 0
    here: int = 0
    there: int = 0
    differing: int = 0
    equal_since: int | None = None
    compared: int | None = None


class Reconciler:
    """Both directions of one node. Give `events` to redundancy.link.links.Links as its channel "history".

    `trouble(kind, detail)` hears what went wrong, on the loop.
    """

    def __init__(
        self,
        store: ItemStore,
        clock: Clock,
        trouble: Callable[[str, str], None],
        pace: Pace | None = None,
    ) -> None:
        self._store, self._clock, self._trouble = store, clock, trouble
        self._pace = Pace() if pace is None else pace
        self._thread = ThreadPoolExecutor(1, "history exchange")
        self._holder = Holder(store)
        self._questions: asyncio.Queue[tuple[dict[str, Any], Send]] = asyncio.Queue(_MOST_QUESTIONS)
        self._asking: asyncio.Task[None] | None = None
        self._holding: asyncio.Task[None] | None = None
        self._number = 0
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._waits_since: float | None = None
        self.standing = Standing()
        self.events = PullEvents(
            pull_up=self._up,
            pulled=self._heard,
            pull_down=self._down,
            asked=self._asked,
            left=lambda _: None,
            waits=lambda: self._waits_since,
            stalled=self._told,
        )

    async def close(self) -> None:
        """Stop; a store call that has begun is finished first."""
        tasks = [task for task in (self._asking, self._holding) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._in_thread(self._store.close)
        await asyncio.to_thread(self._thread.shutdown)

    # -- asking

    def _up(self, send: Send) -> None:
        self._down("")
        self._asking = self._begun(self._ask(send), "ask for history")

    def _down(self, why: str) -> None:  # noqa: ARG002  the link tells it
        if self._asking is not None:
            self._asking.cancel()
        self._asking, self._answer, self._waits_since = None, None, None

    def _heard(self, answer: dict[str, Any]) -> None:
        # What answers an older question comes late, after a round was given up.
        if self._answer is not None and not self._answer.done() and answer.get("n") == self._number:
            self._answer.set_result(answer)

    async def _ask(self, send: Send) -> None:
        await asyncio.sleep(self._pace.first)
        pause = self._pace.quick
        while True:
            equal = await self._round(send)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._pace.slow) if equal else self._pace.quick

    async def _round(self, send: Send) -> bool:
        """Whether nothing differed."""
        settled = self._settled()
        comparison = Round(self._store, settled)
        try:
            while (question := comparison.question()) is not None:
                answer = await self._answered(send, question)
                if answer.get("kind") == _UNABLE:
                    return False
                taken = comparison.taken
                try:
                    await self._in_thread(comparison.heard, answer)
                    self._compared(comparison, comparison.taken - taken)
                except ValueError as error:
                    self._told(f"the peer's answer can't be used: {error}")
                await asyncio.sleep(self._pace.breath)
        except Unavailable as error:
            self._told(str(error))
            return False
        return comparison.equal

    async def _answered(self, send: Send, question: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self._number += 1
        self._answer = loop.create_future()
        self._waits_since = loop.time()
        send({**question, "n": self._number})
        # Without an end to the wait here: the links end a connection on which nothing comes.
        answer = await self._answer
        self._waits_since = None
        return answer

    def _compared(self, comparison: Round, taken: int) -> None:
        before, now = self.standing, self._clock.now().wall
        since = before.equal_since if before.equal_since is not None else now
        self.standing = Standing(
            before.taken + taken,
            comparison.here,
            comparison.there,
            comparison.differing,
            since if comparison.equal else None,
            now,
        )

    # -- answering

    def _asked(self, question: dict[str, Any], reply: Send) -> None:
        if self._holding is None:
            self._holding = self._begun(self._hold(), "answer about history")
        try:
            self._questions.put_nowait((question, reply))
        except asyncio.QueueFull:
            self._told("the peer asks without waiting for its answers")

    async def _hold(self) -> None:
        while True:
            question, reply = await self._questions.get()
            try:
                number = whole(question, "n")
            except ValueError as error:
                self._told(f"the peer's question can't be used: {error}")
                continue
            reply({**await self._held(question), "n": number})

    async def _held(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._in_thread(lambda: self._holder.answer(question, self._settled()))
        except ValueError as error:
            self._told(f"the peer's question can't be used: {error}")
        except Unavailable as error:
            self._told(str(error))
        return {"kind": _UNABLE}

    # -- both

    def _settled(self) -> int:
        return self._clock.now().wall - round(self._pace.settling * 1000)

    async def _in_thread(self, call: Callable[..., _Result], *arguments: Any) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _begun(self, work: Any, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A side that fell over would be missed by nobody: tell."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._told(f"{type(error).__name__}: {error}")

    def _told(self, detail: str) -> None:
        self._trouble("history", detail)
