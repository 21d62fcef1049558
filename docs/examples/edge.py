"""A Sparkplug edge node with one writable metric. `python -m docs.examples.edge 127.0.0.1 1883 bdseq`"""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import paho.mqtt.client as mqtt

import sparkplug as spb

edge = spb.EdgeSession(spb.EdgeNodeId("Group 1", "Example"), host_id="Example", state_wait=60.0)
level = spb.Metric("Level", spb.DataType.Double, 0.0)
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)


def now() -> spb.Instant:
    return spb.Instant(time.monotonic(), time.time_ns() // 1_000_000)


def perform(effects: Iterable[spb.Effect]) -> None:
    global level
    for effect in effects:
        match effect:
            case spb.Publish(topic, payload, qos, retain):
                client.publish(topic, payload, qos, retain)
            case spb.Subscribe(filters):
                client.subscribe(list(filters))
            case spb.BirthDue():
                perform(edge.birth([], {"Tank": [level]}, now()))
            case spb.Commanded(device, metrics):
                level = metrics[-1]._replace(timestamp=None)
                perform(edge.data(device, [level], now()))
            case spb.Close():
                client.disconnect()
            case _:
                print(effect, flush=True)


memory = Path(sys.argv[3])  # one more at each CONNECT, over restarts
bd_seq = (int(memory.read_text()) + 1) % 256 if memory.exists() else 0
memory.write_text(str(bd_seq))
will = edge.open(bd_seq, now())
client.will_set(will.topic, will.payload, will.qos, will.retain)
client.on_connect = lambda *_: perform(edge.connected(now()))
client.on_message = lambda _client, _userdata, m: perform(edge.receive(m.topic, m.payload, now()))
client.username_pw_set(os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD"))
client.connect(sys.argv[1], int(sys.argv[2]))
try:
    while client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
        perform(edge.tick(now()))
except KeyboardInterrupt:
    perform(edge.goodbye(now()))
