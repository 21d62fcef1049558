"""A Sparkplug client that knows nothing of ours: paho and the protocol buffer's own classes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt

from sparkplug.sparkplug_b_pb2 import Payload
from tests.redundancy.brokers import PASSWORD, USER

BOOLEAN, DOUBLE, INT32, INT64 = 11, 10, 3, 4


def now() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    retained: bool


class Foreign:
    """Hears everything on one broker, and speaks as the edge node `Other/Foreign` or as a host."""

    def __init__(self, port: int, name: str = "foreign") -> None:
        self.heard: list[Heard] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"{name}-{port}")
        self._client.username_pw_set(USER, PASSWORD)
        self._client.on_connect = lambda c, *_: c.subscribe([("spBv1.0/#", 1), ("STATE/#", 1)])
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, m: self.heard.append(Heard(m.topic, m.payload, m.retain))
        self._client.connect("127.0.0.1", port, keepalive=20)
        self._client.loop_start()
        assert self._ready.wait(10), "the foreign client could not subscribe"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=0).wait_for_publish(5)

    def on(self, topic: str) -> list[bytes]:
        """What was published there while this client listened, and before that if it was retained."""
        return [each.payload for each in list(self.heard) if each.topic == topic]

    def be_born(self, speed: float) -> None:
        """NBIRTH with one metric."""
        payload = Payload(timestamp=now(), seq=0)
        payload.metrics.add(name="bdSeq", timestamp=now(), datatype=INT64, long_value=0)
        payload.metrics.add(
            name="Node Control/Rebirth", timestamp=now(), datatype=BOOLEAN, boolean_value=False
        )
        payload.metrics.add(name="Speed", timestamp=now(), datatype=DOUBLE, double_value=speed)
        self.publish("spBv1.0/Other/NBIRTH/Foreign", payload.SerializeToString())

    def die(self) -> None:
        payload = Payload(timestamp=now())
        payload.metrics.add(name="bdSeq", timestamp=now(), datatype=INT64, long_value=0)
        self.publish("spBv1.0/Other/NDEATH/Foreign", payload.SerializeToString())

    def order(self, edge: str, device: str, metric: str, value: int) -> None:
        """DCMD of an Int32."""
        payload = Payload(timestamp=now())
        payload.metrics.add(name=metric, timestamp=now(), datatype=INT32, int_value=value)
        self.publish(f"spBv1.0/{edge.replace('/', '/DCMD/')}/{device}", payload.SerializeToString())

    def order_double(self, edge: str, device: str, metric: str, value: float) -> None:
        """DCMD of a Double."""
        payload = Payload(timestamp=now())
        payload.metrics.add(name=metric, timestamp=now(), datatype=DOUBLE, double_value=value)
        self.publish(f"spBv1.0/{edge.replace('/', '/DCMD/')}/{device}", payload.SerializeToString())

    def rebirth(self, edge: str) -> None:
        """NCMD Node Control/Rebirth."""
        payload = Payload(timestamp=now())
        payload.metrics.add(
            name="Node Control/Rebirth", timestamp=now(), datatype=BOOLEAN, boolean_value=True
        )
        self.publish(f"spBv1.0/{edge.replace('/', '/NCMD/')}", payload.SerializeToString())


def parsed(payload: bytes) -> Payload:
    found = Payload()
    found.ParseFromString(payload)
    return found
