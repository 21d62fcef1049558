"""A host that listens on two servers, and one that knows an edge node with a device."""

from __future__ import annotations

from sparkplug import DataType, HostSession, Metric, Values
from tests.sparkplug.scene import HOST, START, at, message, nbirth, number, only, topic

A, B = "Chariot SCADA", "Chariot SCADA Peer"
DEVICE = (number("Tag 1", 10), Metric("Small", DataType.Int8, -5, START))


def listening(**settings) -> HostSession:
    host = HostSession(HOST, **settings)
    host.connected(A, at(0))
    host.connected(B, at(0))
    return host


def born(server: str = A, bd_seq: int = 7, **settings) -> HostSession:
    """A host that knows Edge 1 with the node metric Mode (alias 0) and Device 1; seq 2 comes next."""
    host = listening(**settings)
    host.receive(server, topic("NBIRTH"), nbirth(bd_seq, number("Mode", 1, alias=0)), at(0))
    host.receive(server, topic("DBIRTH", "Device 1"), message(1, *DEVICE), at(0))
    return host


def ddata(host: HostSession, seq: int, value: int, now: float, server: str = A):
    data = message(seq, number("Tag 1", value), datatypes=False)
    return host.receive(server, topic("DDATA", "Device 1"), data, at(now))


def written(effects) -> list[object]:
    return [m.value for values in only(Values, effects) for m in values.metrics]
