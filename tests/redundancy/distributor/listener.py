"""A real paho client that remembers what it hears."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties

from tests.redundancy.distributor.wire import wait_until


class Listener:
    """Connected and subscribed once made; `messages` grows on paho's thread."""

    def __init__(
        self, port: int, client_id: str, *filters: tuple[str, int], version: int = 4, clean: bool = True,
        username: str = "admin", password: str | None = None, properties: Properties | None = None,
    ) -> None:  # fmt: skip
        self.messages: list[mqtt.MQTTMessage] = []
        self.reason: object = None
        self.lost = threading.Event()
        self._granted = threading.Event()
        more = {"clean_session": clean} if version == 4 else {}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id,
            protocol=mqtt.MQTTv311 if version == 4 else mqtt.MQTTv5, reconnect_on_failure=False, **more,
        )  # fmt: skip
        self.client.username_pw_set(username, password or f"{username}-secret")
        self.client.on_message = lambda _c, _u, message: self.messages.append(message)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self._granted.set()
        self.client.on_disconnect = lambda *_: self.lost.set()
        again = {"clean_start": clean, "properties": properties} if version == 5 else {}
        self.client.connect("127.0.0.1", port, keepalive=30, **again)
        self.client.loop_start()
        wait_until(lambda: self.reason is not None)
        if filters and not self.reason.is_failure:
            self.client.subscribe(list(filters))
            assert self._granted.wait(8)

    def _connected(self, client, userdata, flags, reason, properties) -> None:
        self.session_present = flags.session_present
        self.reason = reason

    def publish(self, topic: str, payload: bytes, qos: int = 0, **more: object) -> None:
        self.client.publish(topic, payload, qos, **more).wait_for_publish(8)

    def hears(self, count: int) -> list[tuple[str, bytes]]:
        """Topic and payload of the first `count` messages; waits for them."""
        wait_until(lambda: len(self.messages) >= count)
        return [(message.topic, message.payload) for message in self.messages[:count]]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def listener(*arguments, **more) -> Iterator[Listener]:
    made = Listener(*arguments, **more)
    try:
        yield made
    finally:
        made.close()
