"""A third MQTT client that writes down what it sees, with the time and the broker."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt

from redundancy.config import Endpoint


@dataclass(frozen=True)
class Seen:
    at: float
    broker: int
    topic: str
    payload: bytes
    retained: bool


class Observer:
    """Subscribed to `spBv1.0/#` on every broker of the plant; comes back by itself when one returns."""

    def __init__(self, brokers: list[Endpoint], username: str, password: str) -> None:
        self.seen: list[Seen] = []
        self._ready = threading.Semaphore(0)
        self._clients = [self._connect(where, username, password) for where in brokers]
        for _ in brokers:
            assert self._ready.acquire(timeout=10), "the observer could not subscribe"

    def _connect(self, where: Endpoint, username: str, password: str) -> mqtt.Client:
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"observer-{where.port}-{time.time_ns()}"
        )
        client.username_pw_set(username, password)
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.on_connect = lambda c, *_: c.subscribe("spBv1.0/#", qos=1)
        client.on_subscribe = lambda *_: self._ready.release()
        client.on_message = lambda _c, _u, message: self.seen.append(
            Seen(time.monotonic(), where.port, message.topic, message.payload, message.retain)
        )
        client.connect_async(where.host, where.port, keepalive=5)
        client.loop_start()
        return client

    def since(self, moment: float, kind: str) -> list[Seen]:
        """Live messages of a kind (NBIRTH, NDEATH, NCMD, DCMD, STATE...) seen after `moment` (monotonic)."""
        return [
            s for s in list(self.seen) if s.at >= moment and f"/{kind}/" in f"{s.topic}/" and not s.retained
        ]

    def close(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()
