"""What happened at the node: in order, once, and for as long as Redis lives."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
import redis

from hmi.worker.journal import MOST_ENTRIES, STREAM, Journal
from hmi.worker.providers.edge_tags import EdgeTags
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.gateway_tags import GatewayTags
from hmi.worker.providers.image import TagImage
from hmi.worker.reports import Reports
from redundancy.ports import EdgeView
from sparkplug import EdgeNodeId
from tests.hmi.worker.conftest import RedisServer
from tests.hmi.worker.gateways import node, view
from tests.waiting import until

EDGE = EdgeNodeId("Group 1", "Edge 1")


def entries(server: RedisServer) -> list[list[object]]:
    with suppress(redis.RedisError), redis.Redis.from_url(server.url) as client:
        return [orjson.loads(fields[b"entry"]) for _, fields in client.xrange(STREAM)]
    return []


async def test_sentences_come_in_order_and_once(redis_node: RedisServer) -> None:
    journal = Journal(redis_node.url)
    writing = asyncio.create_task(journal.run())
    for at in range(50):
        journal(at, f"sentence {at}")
    await until(lambda: len(entries(redis_node)) == 50)
    assert entries(redis_node) == [[at, f"sentence {at}"] for at in range(50)]
    writing.cancel()


async def test_without_redis_the_newest_sentences_wait(redis_node: RedisServer) -> None:
    redis_node.kill()
    journal = Journal(redis_node.url)
    writing = asyncio.create_task(journal.run())
    for at in range(1_000):
        journal(at, "said while Redis was away")
    redis_node.start()
    await until(lambda: len(entries(redis_node)) == 200)
    assert entries(redis_node)[-1][0] == 999
    writing.cancel()


async def test_the_stream_does_not_grow_without_end(redis_node: RedisServer) -> None:
    journal = Journal(redis_node.url)
    writing = asyncio.create_task(journal.run())
    for at in range(3 * MOST_ENTRIES):
        journal(at, "again")
        if at % 100 == 0:
            await asyncio.sleep(0.01)
    await until(lambda: entries(redis_node)[-1][0] == 3 * MOST_ENTRIES - 1)
    assert len(entries(redis_node)) < 2 * MOST_ENTRIES
    writing.cancel()


def reports(journal: list[str]) -> Reports:
    image = TagImage()
    parts = (image, lambda _: None, lambda: 0, lambda *_: None)
    return Reports(
        EngineTags(*parts),
        GatewayTags(image, node(), lambda: 0),
        EdgeTags(*parts),
        lambda: None,
        lambda _: None,
        lambda _: None,
        journal.append,
        lambda: None,
        lambda _: None,
    )


def test_what_comes_and_goes_is_one_sentence_each() -> None:
    said: list[str] = []
    told = reports(said)
    told.server("broker:1883", True, "")
    told.node_born(EDGE, "broker:1883", (), 0)
    told.device_born(EDGE, "Device 1", (), 0)
    told.node_stale(EDGE, 1, "its Will came")
    told.trouble("payload", "is no payload")
    told.server("broker:1883", False, "connection lost")
    assert said == [
        "broker:1883: connected",
        "edge node Group 1/Edge 1: born at broker:1883 with 0 metrics",
        "device Group 1/Edge 1/Device 1: born with 0 metrics",
        "edge node Group 1/Edge 1: gone: its Will came",
        "trouble (payload): is no payload",
        "broker:1883: not connected: connection lost",
    ]


def test_an_edge_node_that_cannot_come_online_says_why_once_for_each_reason() -> None:
    said: list[str] = []
    told = reports(said)

    def waits(why: str, server: str = "broker:1883", *, online: bool = False) -> None:
        told.gateway(view(modules={}, edges={str(EDGE): EdgeView(EDGE, online, server, why)}))

    for _ in range(3):
        waits("connection refused")
    waits("no STATE")
    waits("connection refused")
    assert said == [
        "edge node Group 1/Edge 1: not online at broker:1883: connection refused",
        "edge node Group 1/Edge 1: not online at broker:1883: no STATE",
    ]
    told.transmitter(EDGE, True, "broker:1883", "")
    waits("", online=True)
    waits("connection refused")
    assert said[2:] == [
        "edge node Group 1/Edge 1: online at broker:1883",
        "edge node Group 1/Edge 1: not online at broker:1883: connection refused",
    ]


def test_a_module_says_its_word_when_it_is_another_one() -> None:
    said: list[str] = []
    told = reports(said)
    for word in ("Standby", "Starting", "Starting", "Running", "Running", "Faulted: no server"):
        told.gateway(view(modules={"engine": word}))
    assert said == ["MQTT Engine: Starting", "MQTT Engine: Running", "MQTT Engine: Faulted: no server"]
