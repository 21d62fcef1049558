"""One server, left to paho: it connects again by itself, and what is published meanwhile is gone (QoS 0)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode

from redundancy.config import Server
from redundancy.mqtt import packets
from redundancy.mqtt.clients import client_for
from redundancy.mqtt.reports import UserProperties
from redundancy.mqtt.tls import client_context, plain


class Unattended:
    """Any thread may call. `told(up, why)` runs on paho's thread whenever a session begins or ends.

    Pauses between two attempts are paho's own: 1 s, doubling up to 120 s.
    """

    def __init__(self, server: Server, client_id: str, told: Callable[[bool, str], None]) -> None:
        self._server = server
        self._told = told
        self._answered = threading.Event()
        self._refusal = ""
        self._found = False
        self._largest = packets.LARGEST
        self.written = 0
        """Messages that have gone to the system; a server that dies may not have read the last of them."""
        self._client = client_for(server, client_id, None, reconnects=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def connect(self) -> str:
        """Blocks until there is a session: ""; or why there is none, and then there never will be."""
        server = self._server
        try:
            if server.tls is not None:
                self._client.tls_set_context(client_context(server.tls))
            self._client.connect(server.host, server.port, server.keep_alive)
        except (OSError, ValueError) as error:
            return plain(error)
        self._client.loop_start()
        if not self._answered.wait(server.connect_timeout):
            self._refusal = f"{server.host}:{server.port} does not answer"
        if self._refusal:
            self._client.disconnect()
            return self._refusal
        self._found = True
        return ""

    def publish(self, topic: str, payload: bytes, user: UserProperties = ()) -> bool:
        """Whether there was a session to give it to."""
        properties = packets.publish_properties(user, self._server.version)
        return self._client.publish(topic, payload, 0, False, properties).rc == _GIVEN

    def fits(self, topic: str, payload: bytes, user: UserProperties = ()) -> bool:
        """Whether the server takes a packet as large."""
        properties = packets.publish_properties(user, self._server.version)
        return packets.publish_size(topic, payload, 0, properties) <= self._largest

    @property
    def waiting(self) -> int:
        """Packets that were given and not written yet."""
        return self._client.unwritten

    def close(self) -> None:
        """Blocks until everything that was given is written, or the connection is gone."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        code: packets.ReasonCode,
        more: packets.Properties | None,
    ) -> None:
        if code.is_failure:
            self._refusal = str(code).lower()
        else:
            self._largest = packets.largest(more)
            self._told(True, "")
        self._answered.set()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        code: packets.ReasonCode,
        _more: packets.Properties | None,
    ) -> None:
        if self._found:
            self._told(False, str(code).lower())

    def _on_publish(self, *_: Any) -> None:
        self.written += 1


_GIVEN = MQTTErrorCode.MQTT_ERR_SUCCESS
