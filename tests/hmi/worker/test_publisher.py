"""What the worker says by itself, over a real Redis-protocol server: watched changes and the node's state."""

import asyncio

import orjson
import pytest
import redis.asyncio

from hmi import desk
from hmi.worker.gateway_state import GatewayState
from hmi.worker.providers.image import TagImage
from hmi.worker.publisher import WATCH_LIFE, Publisher, Watches
from redundancy.clock import Clock
from sparkplug import Instant
from tests.hmi.worker.gateways import node, view

A, B = "[default]A", "[default]B"


class HandClock(Clock):
    """Real time, turned forward by hand."""

    def __init__(self):
        self.ahead = 0.0

    def now(self):
        real = super().now()
        return Instant(real.mono + self.ahead, real.wall + round(self.ahead * 1000))


class Station:
    def __init__(self, url):
        self.image, self.clock, self.view = TagImage(), HandClock(), view()
        self.publisher = Publisher(url, self.image, GatewayState(node()), lambda: self.view, self.clock)
        self.url = url

    async def listen(self, *channels):
        self.client = redis.asyncio.Redis.from_url(self.url)
        self.subscription = self.client.pubsub(ignore_subscribe_messages=True)
        await self.subscription.subscribe(*channels)
        await self.subscription.get_message(timeout=5)

    async def hear(self, timeout=5.0):  # noqa: ASYNC109
        """The next message on a channel, None if there is none in time."""
        message = await self.subscription.get_message(timeout=timeout)
        return None if message is None else orjson.loads(message["data"])

    async def close(self):
        await self.subscription.aclose()
        await self.client.aclose()


@pytest.fixture
async def station(redis_node):
    station = Station(redis_node.url)
    await station.listen("live")
    task = asyncio.create_task(station.publisher.run())
    yield station
    task.cancel()
    await station.close()


async def test_watching_answers_every_path_and_changes_follow_with_the_next_number(station):
    station.image.put(A, 2**60, 1_000, "Int64")
    birth = station.publisher.watch("web", [A, B])
    assert birth["values"] == {A: [str(2**60), "Good", 1_000], B: [None, "NotFound", 0]}
    assert (birth["epoch"], birth["seq"], birth["run"]) == (3, 0, station.publisher.run_id)
    station.image.put(B, 1.5, 2_000, "Double")
    heard = await station.hear()
    assert heard == birth | {"seq": 1, "values": {B: [1.5, "Good", 2_000]}}


async def test_changes_within_a_tick_travel_together_and_the_last_one_wins(station):
    station.publisher.watch("web", [A, B])
    for value in range(50):
        station.image.put(A, value, value, "Int32")
        station.image.put(B, value, value, "Int32")
    heard = await station.hear()
    assert heard["values"] == {A: [49, "Good", 49], B: [49, "Good", 49]}
    assert await station.hear(timeout=0.3) is None


async def test_what_nobody_watches_stays_here(station):
    station.publisher.watch("web", [A])
    station.image.put(B, 1, 1, "Int32")
    assert await station.hear(timeout=0.3) is None
    station.publisher.unwatch("web")
    station.image.put(A, 1, 1, "Int32")
    assert await station.hear(timeout=0.3) is None


async def test_a_web_process_that_fell_silent_is_forgotten(station):
    station.publisher.watch("web", [A])
    station.clock.ahead = WATCH_LIFE + 1
    while station.publisher.watched:
        await asyncio.sleep(0.02)
    station.image.put(A, 1, 1, "Int32")
    assert await station.hear(timeout=0.3) is None


async def test_the_other_spelling_of_a_path_is_answered_under_it_and_nonsense_is_not_found(station):
    station.image.put(A, 1, 1, "Int32")
    values = station.publisher.watch("web", ["[default]/A", "nonsense"])["values"]
    assert values == {"[default]/A": [1, "Good", 1], "nonsense": [None, "NotFound", 0]}


async def test_a_tag_that_goes_away_is_told(station):
    station.image.put(A, 1, 1, "Int32")
    station.publisher.watch("web", [A])
    station.image.remove(A)
    assert (await station.hear())["values"] == {A: [None, "NotFound", 0]}


async def test_a_batch_lost_with_redis_leaves_a_gap_in_the_numbers(station, redis_node):
    station.publisher.watch("web", [A])
    station.image.put(A, 0, 0, "Int32")
    assert (await station.hear())["seq"] == 1
    redis_node.kill()
    station.image.put(A, 1, 1, "Int32")
    while station.publisher.watch("web", [A])["seq"] == 1:
        await asyncio.sleep(0.02)
    await station.close()
    redis_node.start()
    await station.listen("live")
    heard = None
    while heard is None:
        station.image.put(A, 2, 2, "Int32")
        heard = await station.hear(timeout=0.2)
    assert heard["seq"] == 3
    assert heard["values"] == {A: [2, "Good", 2]}


async def test_the_nodes_state_is_in_redis_and_renewed(station):
    async def state():
        while (told := await desk.agateway())["state"] == "Starting":
            await asyncio.sleep(0.02)
        return told

    told = await state()
    assert (told["gateway"], told["node"], told["role"], told["state"], told["epoch"]) == (
        "Primary",
        "primary-master",
        "Master",
        "Active",
        3,
    )
    assert told["peer"]["node"] == "primary-backup"
    assert told["peer"]["last_seen"].endswith("Z")
    assert told["witness"]["connected"]
    station.view = view("Standby", lease_until=0.0, peer_state="Active")
    station.publisher.news()
    while (told := await desk.agateway())["state"] != "Standby":
        await asyncio.sleep(0.01)
    assert told["peer"]["state"] == "Active"


async def test_browsers_are_told_of_news_and_not_of_renewals(redis_node):
    station = Station(redis_node.url)
    await station.listen("gateway")
    task = asyncio.create_task(station.publisher.run())
    assert (await station.hear())["state"] == "Active"
    for renewal in range(3):
        station.view = view(lease_until=1e6 + renewal)
        station.publisher.news()
    assert await station.hear(timeout=0.3) is None
    station.view = view("Draining")
    station.publisher.news()
    told = await station.hear()
    assert told["state"] == "Draining"
    assert "lease_until" not in told
    task.cancel()
    await station.close()


def test_since_stays_the_same_text_while_the_state_lasts():
    state = GatewayState(node())
    first = state.describe(view(), Instant(10.0, 1_700_000_000_000))
    later = state.describe(view(), Instant(20.0, 1_700_000_010_003))
    assert first["since"] == later["since"] == "2023-11-14T22:13:11.000Z"
    assert state.describe(view(since=15.0), Instant(20.0, 1_700_000_010_003))["since"] != first["since"]


def test_an_endless_lease_and_a_peer_never_heard_are_json_too():
    told = GatewayState(node()).describe(view(lease_until=float("inf"), peer=None), Instant(1.0, 1))
    assert orjson.loads(orjson.dumps(told))["lease_until"] > 1e12
    assert told["peer"] is None


def test_watches_are_kept_for_each_web_process():
    watches = Watches(life=10)
    watches.set("one", [A], now=0)
    watches.set("two", [A, B], now=5)
    assert watches.paths() == {A, B}
    assert watches.expire(now=11)
    assert watches.paths() == {A, B}
    watches.set("two", [], now=11)
    assert not watches
    assert not watches.expire(now=100)
