"""PUBACK, read on a short road of our own: what it says is what paho would say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from redundancy.config import Server
from redundancy.mqtt.clients import client_for

SERVER = Server("there", "127.0.0.1", 1883)
MESSAGE = 4711
PACKETS = [
    b"",
    *(bytes((code,)) for code in range(256)),
    b"\x10\x00",
    b"\x97\x09\x1f\x00\x06enough",
    b"\x00\x05",
]


def told(packet: bytes, version: int, *, bursts: bool) -> list[Any]:
    """What becomes of a PUBACK of one message on its way: the code that is reported, or the error."""
    client = client_for(replace(SERVER, version=version), "relay", None, bursts=bursts)
    heard: list[Any] = []
    client.on_publish = lambda _c, _u, mid, code, more: heard.append((mid, code.value, more.json()))
    message = MQTTMessage(MESSAGE, b"kiln")
    message.qos = 1
    client._out_messages[MESSAGE] = message
    client._in_packet |= {"command": 0x40, "packet": bytearray(MESSAGE.to_bytes(2, "big") + packet)}
    try:
        code = client._handle_pubackcomp("PUBACK")
    except Exception as error:
        return [type(error)]
    assert code is MQTTErrorCode.MQTT_ERR_SUCCESS
    assert not client._out_messages
    return heard


@pytest.mark.parametrize("version", [4, 5])
def test_an_acknowledgement_is_read_as_paho_reads_it(version: int) -> None:
    for packet in PACKETS:
        assert told(packet, version, bursts=True) == told(packet, version, bursts=False), packet


def test_one_of_a_message_that_nobody_knows_is_no_error() -> None:
    client = client_for(replace(SERVER, version=5), "relay", None, bursts=True)
    client._in_packet |= {"command": 0x40, "packet": bytearray(b"\x00\x01\x10")}
    assert client._handle_pubackcomp("PUBACK") is MQTTErrorCode.MQTT_ERR_SUCCESS
