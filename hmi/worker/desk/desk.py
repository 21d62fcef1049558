"""The worker's side of the desk: takes questions off a Redis list, answers each on a list of its own.

Questions are answered side by side, because a write waits for its echo from the plant. One that nobody
waits for any longer is left alone. Without Redis there are no questions; the desk tries again and the
runtime goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hmi.desk import QUESTIONS, DeskError, connect

log = logging.getLogger(__name__)

AT_ONCE = 64
_ANSWER_LIFE = 10
_WAIT = 5
_RETRY = 0.25

Operation = Callable[..., Awaitable[Any]]


class Desk:
    """Serves `operations` (op name -> coroutine function taking the question's args as keywords)."""

    def __init__(self, url: str, operations: Mapping[str, Operation]) -> None:
        self.answered = 0
        self._url, self._operations = url, operations
        self._room = asyncio.Semaphore(AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with connect(self._url) as questions, connect(self._url) as answers:
                    await self._serve(questions, answers)
            except (RedisError, OSError) as error:
                log.debug("desk: %s", error)
            await asyncio.sleep(_RETRY)

    async def _serve(self, questions: Redis[bytes], answers: Redis[bytes]) -> None:
        while True:
            await self._room.acquire()
            taken = None
            try:
                taken = await questions.brpop([QUESTIONS], _WAIT)
            finally:
                if taken is None:
                    self._room.release()
            if taken is not None:
                # Not in a task group: a Redis that blinks must not cancel a write half-way.
                task = asyncio.create_task(self._handle(answers, taken[1]))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)

    async def _handle(self, answers: Redis[bytes], raw: bytes) -> None:
        try:
            question = _parsed(raw)
            if question is None or time.time() > question["until"]:
                return
            answer = orjson.dumps(await self._answer(question["op"], question["args"]))
            if question["id"]:
                place = f"{QUESTIONS}:{question['id']}"
                async with answers.pipeline(transaction=False) as pipeline:
                    await pipeline.rpush(place, answer).expire(place, _ANSWER_LIFE).execute()
            self.answered += 1
        except (RedisError, OSError) as error:
            # Whoever asked is told "silent" by the clock.
            log.debug("desk: an answer could not be delivered: %s", error)
        finally:
            self._room.release()

    async def _answer(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        operation = self._operations.get(op)
        if operation is None:
            return _refusal(DeskError(400, "unknown operation", f"there is no operation {op!r}"))
        try:
            return {"ok": True, "result": await operation(**args)}
        except DeskError as error:
            return _refusal(error)
        except Exception as error:
            log.exception("desk: %s failed", op)
            return _refusal(DeskError(500, "internal error", f"{op}: {error}", "See the worker's log."))


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """A question with its four fields; None for anything else that somebody pushed on the list."""
    try:
        question = orjson.loads(raw)
        whole = (
            isinstance(question["id"], str)
            and isinstance(question["op"], str)
            and isinstance(question["args"], dict)
            and isinstance(question["until"], int | float)
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        whole = False
    if not whole:
        log.warning("desk: a malformed question was dropped: %.100r", raw)
        return None
    return question  # type: ignore[no-any-return]


def _refusal(error: DeskError) -> dict[str, Any]:
    return {
        "ok": False,
        "status": error.status,
        "error": error.error,
        "reason": error.reason,
        "resolution": error.resolution,
    }
