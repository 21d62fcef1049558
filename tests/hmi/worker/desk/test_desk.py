"""The desk over a real Redis-protocol server: questions, refusals, silence, and a state that can expire."""

import asyncio
import time

import orjson
import pytest
import redis.asyncio

from hmi import desk
from hmi.worker.desk.desk import Desk
from redundancy.clock import Clock
from tests.waiting import PATIENCE, until


@pytest.fixture
async def served(redis_node):
    """A worker's desk with a few operations, and what they were asked."""
    asked = []

    async def echo(**args):
        asked.append(args)
        return args

    async def refuse():
        raise desk.DeskError(409, "failover refused", "the peer is down", "Start it.")

    async def slow():
        await asyncio.sleep(30)

    async def broken():
        raise RuntimeError("a fault")

    worker = Desk(redis_node.url, {"echo": echo, "refuse": refuse, "slow": slow, "broken": broken})
    worker.asked = asked
    task = asyncio.create_task(worker.run())
    yield worker
    task.cancel()


async def test_a_question_is_answered(served):
    assert await desk.aask("echo", paths=["[default]A"], by="olga") == {"paths": ["[default]A"], "by": "olga"}


async def test_threads_may_ask_too(served):
    assert await asyncio.to_thread(desk.ask, "echo", n=2**60) == {"n": 2**60}


async def test_a_refusal_comes_back_with_status_reason_and_resolution(served):
    with pytest.raises(desk.DeskError) as refusal:
        await desk.aask("refuse")
    error = refusal.value
    assert (error.status, error.error, error.reason, error.resolution) == (
        409,
        "failover refused",
        "the peer is down",
        "Start it.",
    )


async def test_what_is_only_told_is_done_and_leaves_no_answer_behind(served, redis_node):
    await asyncio.to_thread(desk.tell, "echo", n=1)
    await until(lambda: served.asked == [{"n": 1}], "it is done")
    assert await desk.aask("echo", n=2) == {"n": 2}
    async with redis.asyncio.Redis.from_url(redis_node.url) as client:
        assert await client.keys(f"{desk.QUESTIONS}*") == []


async def test_telling_a_dead_redis_is_silence_at_once(redis_node):
    redis_node.kill()
    with pytest.raises(desk.RuntimeSilent):
        await asyncio.to_thread(desk.tell, "echo", n=1)


async def test_a_slow_question_holds_up_no_other(served):
    slow = asyncio.create_task(desk.aask("slow", timeout=0.3))
    assert await desk.aask("echo", n=1) == {"n": 1}
    with pytest.raises(desk.RuntimeSilent) as silence:
        await slow
    assert silence.value.status == 503


async def test_a_fault_in_one_operation_is_a_500_and_the_desk_goes_on(served):
    with pytest.raises(desk.DeskError) as fault:
        await desk.aask("broken")
    assert fault.value.status == 500
    with pytest.raises(desk.DeskError) as unknown:
        await desk.aask("nonsense")
    assert unknown.value.status == 400
    assert await desk.aask("echo") == {}


async def test_many_ask_at_once(served):
    answers = await asyncio.gather(*(desk.aask("echo", n=n) for n in range(200)))
    assert [answer["n"] for answer in answers] == list(range(200))


async def test_garbage_on_the_list_and_questions_that_nobody_waits_for_are_dropped(served, redis_node):
    late = orjson.dumps({"id": "x", "op": "echo", "args": {"late": True}, "until": time.time() - 1})
    async with redis.asyncio.Redis.from_url(redis_node.url) as client:
        await client.lpush(
            "desk", b"\xff", b"[]", b"{}", b'{"id":1,"op":"echo","args":{},"until":1e12}', late
        )
    assert await desk.aask("echo", n=1) == {"n": 1}
    assert served.asked == [{"n": 1}]


async def test_without_a_worker_the_question_ends_in_silence(redis_node):
    started = time.monotonic()
    with pytest.raises(desk.RuntimeSilent):
        await desk.aask("echo", timeout=0.2)
    assert time.monotonic() - started >= 0.2


async def test_without_redis_it_says_so_at_once(redis_node):
    redis_node.kill()
    started = time.monotonic()
    with pytest.raises(desk.RuntimeSilent):
        await desk.aask("echo", timeout=PATIENCE)
    with pytest.raises(desk.RuntimeSilent):
        await asyncio.to_thread(desk.ask, "echo", timeout=PATIENCE)
    assert time.monotonic() - started < PATIENCE
    assert (await desk.agateway())["state"] == "Starting"


async def test_the_desk_comes_back_with_redis(served, redis_node):
    assert await desk.aask("echo") == {}
    redis_node.kill()
    redis_node.start()
    assert await desk.aask("echo", timeout=5.0, n=2) == {"n": 2}
    assert await asyncio.to_thread(desk.ask, "echo", 5.0, n=3) == {"n": 3}


# -- what may be believed of the node's own state


def told(**more):
    now = Clock().now().mono
    state = {"state": "Active", "epoch": 3, "why": "holds the lease", "lease_until": now + 2, "written": now}
    return orjson.dumps(state | more), now


def test_a_lease_that_holds_is_active_and_its_private_numbers_stay_private():
    raw, now = told()
    assert desk.judged(raw, now) == {"state": "Active", "epoch": 3, "why": "holds the lease"}


def test_a_lease_that_ran_out_is_fenced_whatever_was_written():
    raw, now = told()
    state = desk.judged(raw, now + 2.5)
    assert state["state"] == "Fenced"
    assert "0.5 s ago" in state["why"]


def test_a_standby_that_fell_silent_is_starting():
    raw, now = told(state="Standby", lease_until=0)
    assert desk.judged(raw, now + 1)["state"] == "Standby"
    assert desk.judged(raw, now + 6)["state"] == "Starting"
    assert desk.judged(None, now)["state"] == "Starting"
