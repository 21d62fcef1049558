"""An edge node that waits for its host, and one that is online."""

from __future__ import annotations

from sparkplug import DataType, EdgeSession, Metric, Payload, Publish, decode, encode
from tests.sparkplug.scene import EDGE, HOST, START, at, number, only, state

STATE = f"spBv1.0/STATE/{HOST}"
NODE = (number("Mode", 1), Metric("Name", DataType.String, "e", START))
DEVICES = {"Device 1": (number("Tag 1", 10), Metric("Small", DataType.Int8, -5, START))}


def waiting(bd_seq=7, **settings) -> EdgeSession:
    session = EdgeSession(EDGE, HOST, **settings)
    session.open(bd_seq, at(0))
    session.connected(at(0))
    return session


def online(**settings) -> EdgeSession:
    session = waiting(**settings)
    session.receive(STATE, state(True, START), at(0))
    session.birth(NODE, DEVICES, at(0))
    return session


def payloads(effects) -> list[Payload]:
    return [decode(publish.payload) for publish in only(Publish, effects)]


def command(*metrics: Metric, datatypes: bool = True) -> bytes:
    return encode(Payload(START, metrics), datatypes=datatypes)


def control(name: str, value: object = True) -> bytes:
    return command(Metric(f"Node Control/{name}", DataType.Boolean, value, START))
