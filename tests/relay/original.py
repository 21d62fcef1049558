"""What the usual first script with a backup broker does: `python -m tests.relay.original PORT PORT TOPIC`.

It connects to the primary, else to the backup, else ends; publishes every line of standard input there, and
knows of no other server afterwards. The library connects again to the same one; what is published while it
can't is lost. Quality of service 0, as the library's own default.
"""

from __future__ import annotations

import os
import sys
import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.redundancy.brokers import USER


def connected(port: int) -> Client | None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, os.environ["TANDEM_MQTT_PASSWORD"])
    answered = threading.Event()

    def opened(*_: object) -> None:
        print("is connected", file=sys.stderr, flush=True)
        answered.set()

    client.on_connect = opened
    client.on_disconnect = lambda *_: print("is away", file=sys.stderr, flush=True)
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        return None
    client.loop_start()
    return client if answered.wait(2) else None


def main(primary: str, backup: str, topic: str) -> int:
    client = connected(int(primary)) or connected(int(backup))
    if client is None:
        return 1
    for line in sys.stdin.buffer:
        client.publish(topic, line.rstrip(b"\n"))
    client.disconnect()
    client.loop_stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
