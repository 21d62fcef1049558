"""A Sparkplug host application: prints all it hears. `python -m docs.examples.host 127.0.0.1 1883`"""

import os
import sys
import time
from collections.abc import Iterable

import paho.mqtt.client as mqtt

import sparkplug as spb

host, presence = spb.HostSession("Example"), spb.HostPresence("Example")
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)


def now() -> spb.Instant:
    return spb.Instant(time.monotonic(), time.time_ns() // 1_000_000)


def perform(effects: Iterable[spb.Effect]) -> None:
    for effect in effects:
        match effect:
            case spb.Publish(topic, payload, qos, retain):
                client.publish(topic, payload, qos, retain)
            case spb.Subscribe(filters):
                client.subscribe(list(filters))
            case spb.RebirthWanted(edge):
                perform([host.rebirth(edge, now()).publish])
            case spb.Close():
                client.disconnect()
            case _:
                print(effect, flush=True)


def received(message: mqtt.MQTTMessage) -> None:
    perform(presence.receive(message.topic, message.payload, now()))
    perform(host.receive("broker", message.topic, message.payload, now()))


will = presence.open(now().wall, now())
client.will_set(will.topic, will.payload, will.qos, will.retain)
client.on_connect = lambda *_: perform(presence.connected(now()))
client.on_subscribe = lambda *_: perform(presence.subscribed(now()))
client.on_message = lambda _client, _userdata, message: received(message)
client.username_pw_set(os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD"))
client.connect(sys.argv[1], int(sys.argv[2]))
host.connected("broker", now())  # it asks for what the presence has subscribed to already
try:
    while client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
        perform([*host.tick(now()), *presence.tick(now())])
except KeyboardInterrupt:
    perform(presence.goodbye(now(), now().wall))
