"""Who stands beside the plant: another vendor's client, and a loop of its own for a node that is stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from redundancy.config import Server
from redundancy.mqtt import Acked, Connection, Message, Opened, Report, Subscribed
from sparkplug import HostState, Metric, Topic, TopicError, decode
from tests.waiting import until

STATES = "spBv1.0/STATE/"


class Elsewhere:
    """A loop in a thread of its own, for a node that is to be stopped while others go on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def pause(self, seconds: float) -> None:
        """Nothing happens on the loop for so long."""
        self._loop.call_soon_threadsafe(time.sleep, seconds)

    def soon(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run the coroutine there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def run(self, call: Callable[[], Any]) -> Any:
        """Call there, and await what it answers if that can be awaited."""

        async def called() -> Any:
            answer = call()
            return await answer if asyncio.iscoroutine(answer) else answer

        return await asyncio.wrap_future(self.soon(called()))


class Watcher:
    """Another vendor's client: hears everything of the namespace, and may say anything."""

    def __init__(self, server: Server, client: str) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.ready = False
        self.acked: set[int] = set()
        self.connection = Connection(asyncio.get_running_loop(), server, client, self._report)
        self.connection.open()

    def _report(self, connection: Connection, report: Report) -> None:
        match report:
            case Opened():
                connection.subscribe((("spBv1.0/#", 1),))
            case Subscribed():
                self.ready = True
            case Message(topic, payload, _, retain):
                self.heard.append((topic, payload, retain))
            case Acked(mid):
                self.acked.add(mid)

    async def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        mid = self.connection.publish(topic, payload, 1, retain)
        await until(lambda: mid in self.acked, "the broker's acknowledgement")

    def states(self) -> list[HostState]:
        """STATE messages of the host, in order; the retained one that came first among them."""
        return [HostState.decode(payload) for topic, payload, _ in self.heard if topic.startswith(STATES)]

    def topics(self, *types: str) -> list[Topic]:
        """Edge nodes' messages of these types, in order."""
        found = []
        for topic, _, _ in self.heard:
            with suppress(TopicError):
                parsed = Topic.parse(topic)
                if parsed.type in types:
                    found.append(parsed)
        return found

    def payloads(self, kind: str) -> Iterable[Mapping[str, Metric]]:
        """The metrics by name of every message of this type."""
        for topic, payload, _ in self.heard:
            with suppress(TopicError):
                if Topic.parse(topic).type == kind:
                    yield {metric.name or "": metric for metric in decode(payload).metrics}
