"""paho's client as it is used here, and QoS 2 by hand, which paho knows for QoS 1 only.

paho answers PUBREC before anybody has seen the message, and keeps that in memory only: what it had in hand
when a process or a connection ended is lost, since the server believes it delivered. And with `manual_ack` it
does not answer a PUBREL that it knows nothing of, so that a resumed session stands still once every place in
the server's window is such a one. Here a message is reported when it comes, PUBREC is said by its taker,
and every PUBREL is answered: method B of the specification's figure 4.3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from redundancy.config import Server
from redundancy.mqtt import packets
from redundancy.mqtt.reports import Kept

_PUBLISH = 0x30
MAX_OUTSTANDING = 10_000
"""Messages handed to paho and not yet written (QoS 0) or acknowledged (QoS 1)."""


class BurstClient(Client):
    """paho that can be told of many publishes with one wake-up, and then sends them without a look at those
    before: its own count of what is in flight goes through all of them at every acknowledgement."""

    bursts = False

    @property
    def unwritten(self) -> int:
        """Packets on their way to the socket."""
        return len(self._out_packet)

    def wake(self) -> None:
        """Have the client's thread write what was published."""
        if self._sockpairW is not None:
            with suppress(OSError):  # full, or closed: it is awake, or gone
                self._sockpairW.send(b"\0")

    def _packet_queue(
        self, command: int, packet: bytes | bytearray, mid: int, qos: int, info: MQTTMessageInfo | None = None
    ) -> MQTTErrorCode:
        if not self.bursts or command & 0xF0 != _PUBLISH:
            return super()._packet_queue(command, packet, mid, qos, info)
        self._out_packet.append(
            {
                "command": command,
                "mid": mid,
                "qos": qos,
                "pos": 0,
                "to_process": len(packet),
                "packet": packet,
                "info": info,
            }
        )
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        """The usual PUBACK, without properties, on a short road: paho makes a reason and properties anew for
        each, which took nearly half of a publisher's time."""
        packet = self._in_packet["packet"]
        usual = len(packet) == 2 or (len(packet) == 3 and self._protocol == MQTTProtocolVersion.MQTTv5)
        reason = packets.puback_reason(packet[2] if len(packet) == 3 else 0) if usual else None
        if not self.bursts or cmd != "PUBACK" or reason is None:
            return super()._handle_pubackcomp(cmd)
        mid = int.from_bytes(packet[:2], "big")
        with self._out_message_mutex:
            if mid in self._out_messages:
                return self._do_on_publish(mid, reason, packets.NO_PROPERTIES)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class HandClient(BurstClient):
    """paho with that half turned round. `on_release(mid)` is called on its thread for every PUBREL."""

    on_release: Callable[[int], None] | None = None

    def received(self, mid: int) -> None:
        """Say PUBREC: the message is taken."""
        super()._send_pubrec(mid)

    def complete(self, mid: int) -> None:
        """Say PUBCOMP, in answer to PUBREL."""
        self._send_pubcomp(mid)

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:  # noqa: ARG002
        return MQTTErrorCode.MQTT_ERR_SUCCESS  # not yet

    def _handle_publish(self) -> MQTTErrorCode:
        code = super()._handle_publish()
        with self._in_message_mutex:
            held, self._in_messages = self._in_messages, OrderedDict()
        for message in held.values():
            self._handle_on_message(message)
        return code

    def _handle_pubrel(self) -> MQTTErrorCode:
        if self.on_release is not None:
            self.on_release(int.from_bytes(self._in_packet["packet"][:2], "big"))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def client_for(
    server: Server, client_id: str, kept: Kept | None, *, bursts: bool = False, reconnects: bool = False
) -> BurstClient:
    """A client that has not connected yet; a HandClient where messages are taken by hand. With `bursts`
    somebody else counts what is in flight, and calls `wake`; with `reconnects` it connects again itself."""
    by_hand = kept is not None and kept.by_hand
    client = (HandClient if by_hand else BurstClient)(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=kept is None if server.version < packets.V5 else None,
        protocol=MQTTProtocolVersion(server.version),
        transport="tcp" if server.path is None else "websockets",
        reconnect_on_failure=reconnects,
        manual_ack=by_hand,
    )
    if bursts:
        client.bursts = True
        client.max_inflight_messages_set(0)
    if server.path is not None:
        client.ws_set_options(server.path)
    client.connect_timeout = server.connect_timeout
    client.suppress_exceptions = True
    client.max_queued_messages_set(MAX_OUTSTANDING)
    if server.username:
        client.username_pw_set(server.username, server.password)
    return client
