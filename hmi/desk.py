"""The web process's side of the desk: questions to this node's runtime, and its state.

A question is one entry of a Redis list, its answer another (one without a number has none); the worker
answers from memory. The web process never talks to the plant by itself. When the runtime is silent every
question ends in a DeskError with status 503, and `gateway()` in the state "Starting".
"""

from __future__ import annotations

import math
import time
import uuid
from functools import cache
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from redundancy.clock import Clock

QUESTIONS = "desk"
STATE = "gateway"
# Seconds after which the worker's last word about its own state counts for nothing.
STATE_LIFE = 5.0
# How long a question may take (seconds): a failover waits for the active node, a write for the plant.
PATIENCE = 2.0
_PATIENCE_FOR = {"failover": 4.0, "write": 10.0}
_CONNECT = 1.0
_MARGIN = 2.0


class DeskError(Exception):
    """An answer that is a refusal, in the API's shape: status, error, reason, resolution."""

    def __init__(self, status: int, error: str, reason: str, resolution: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason
        self.resolution = resolution


class RuntimeSilent(DeskError):
    """Nobody answered in time: the worker is down, starting or too busy. Status 503."""

    def __init__(self, why: str) -> None:
        super().__init__(503, "runtime silent", why, "Try again in a moment, or ask the other node.")


def ask(op: str, timeout: float | None = None, **args: Any) -> Any:
    """Put `op` to this node's runtime; answers its result. Raises DeskError, RuntimeSilent.

    `timeout` is in seconds; the default is 2, and longer for failover and write.
    """
    timeout = _patience(op, timeout)
    number, question = _question(op, timeout, args)
    try:
        client = _client(settings.REDIS_URL, timeout + _MARGIN)
        client.lpush(QUESTIONS, question)
        answer = client.blpop([f"{QUESTIONS}:{number}"], timeout)
    except (redis.RedisError, OSError) as error:
        raise RuntimeSilent(f"the node's Redis does not answer: {error}") from None
    return _result(op, timeout, answer)


def tell(op: str, **args: Any) -> None:
    """Put `op` to this node's runtime and don't wait for it; nobody hears what became of it.

    Raises DeskError, RuntimeSilent when it can't even be put.
    """
    _, question = _question(op, PATIENCE, args, answered=False)
    try:
        _client(settings.REDIS_URL, _MARGIN).lpush(QUESTIONS, question)
    except (redis.RedisError, OSError) as error:
        raise RuntimeSilent(f"the node's Redis does not answer: {error}") from None


async def aask(op: str, timeout: float | None = None, **args: Any) -> Any:  # noqa: ASYNC109  Redis waits
    """`ask` for coroutines."""
    timeout = _patience(op, timeout)
    number, question = _question(op, timeout, args)
    try:
        async with connect(settings.REDIS_URL, timeout + _MARGIN) as client:
            await client.lpush(QUESTIONS, question)
            answer = await client.blpop([f"{QUESTIONS}:{number}"], timeout)
    except (redis.RedisError, OSError) as error:
        raise RuntimeSilent(f"the node's Redis does not answer: {error}") from None
    return _result(op, timeout, answer)


def gateway() -> dict[str, Any]:
    """The contract's `GET /api/v1/gateway`. Never raises: a silent runtime is the state "Starting"."""
    try:
        raw = _client(settings.REDIS_URL, _MARGIN).get(STATE)
    except (redis.RedisError, OSError):
        raw = None
    return judged(raw, Clock().now().mono)


async def agateway() -> dict[str, Any]:
    """`gateway` for coroutines."""
    try:
        async with connect(settings.REDIS_URL, _MARGIN) as client:
            raw = await client.get(STATE)
    except (redis.RedisError, OSError):
        raw = None
    return judged(raw, Clock().now().mono)


def judged(raw: bytes | None, now: float) -> dict[str, Any]:
    """What the worker last said of itself, as far as it may be believed at `now` (CLOCK_BOOTTIME seconds).

    Checked when the answer is made: a process that was stopped and goes on would otherwise call its node
    Active on the strength of a lease that ran out meanwhile.
    """
    state: dict[str, Any] | None = None if raw is None else orjson.loads(raw)
    if state is None:
        return _starting("This node's worker does not answer.")
    lease_until, written = state.pop("lease_until"), state.pop("written")
    if state["state"] == "Active" and now > lease_until:
        why = f"The lease ran out {now - lease_until:.1f} s ago and was not renewed."
        return state | {"state": "Fenced", "why": why}
    if now > written + STATE_LIFE:
        return _starting("This node's worker has fallen silent.")
    return state


def _starting(why: str) -> dict[str, Any]:
    node = settings.NODE
    return {
        "gateway": node.gateway if node else "",
        "node": node.node if node else "",
        "role": node.role.value if node else "",
        "state": "Starting",
        "epoch": 0,
        "why": why,
        "since": None,
        "peer": None,
        "witness": None,
        "modules": {},
        "config_version": None,
    }


def _patience(op: str, timeout: float | None) -> float:
    return _PATIENCE_FOR.get(op, PATIENCE) if timeout is None else timeout


def _question(op: str, timeout: float, args: dict[str, Any], *, answered: bool = True) -> tuple[str, bytes]:
    number = uuid.uuid4().hex if answered else ""
    question = {"id": number, "op": op, "args": args, "until": time.time() + timeout}
    try:
        return number, orjson.dumps(question)
    except TypeError as error:
        # What came from outside can hold more than JSON is able to say: half a character, a huge number.
        why = f"{op}: {error}"
        raise DeskError(400, "invalid request", why, "Correct the request and send it again.") from None


def _result(op: str, timeout: float, answer: Any) -> Any:
    if answer is None:
        raise RuntimeSilent(f"the runtime did not answer {op!r} within {timeout:g} s")
    said = orjson.loads(answer[1])
    if said["ok"]:
        return said["result"]
    raise DeskError(said["status"], said["error"], said["reason"], said["resolution"])


@cache
def _client(url: str, timeout: float) -> redis.Redis[bytes]:
    # One pool of connections for each address and patience; a connection is made when first used.
    return redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_CONNECT, socket_timeout=math.ceil(timeout)
    )


def connect(url: str, timeout: float | None = None) -> redis.asyncio.Redis[bytes]:
    """One connection to this node's Redis for one coroutine at a time, made when first used.

    Nothing is tried twice: the client's own attempts would hold a page for seconds, or send a question
    twice. `timeout` is how many seconds an answer may take; None for those that wait for work.
    """
    return redis.asyncio.Redis.from_url(
        url,
        retry=AsyncRetry(NoBackoff(), 0),
        socket_connect_timeout=_CONNECT,
        socket_timeout=timeout,
        single_connection_client=True,
    )
