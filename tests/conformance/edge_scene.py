"""A real edge node at servers that write down what it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redundancy.config import GatewayConfig, Server, TransmissionConfig, Transmitter
from sparkplug import DataType, HostState, Metric, Payload, decode, encode
from tests.conformance.recorder import Recorder, Session, recording
from tests.redundancy.plant import DEVICE, EDGE, HOST, STATE, Node, Plant
from tests.waiting import until

NCMD, DCMD = f"spBv1.0/{EDGE.group}/NCMD/{EDGE.edge}", f"spBv1.0/{EDGE.group}/DCMD/{EDGE.edge}"
NDEATH, NBIRTH = (f"spBv1.0/{EDGE.group}/{kind}/{EDGE.edge}" for kind in ("NDEATH", "NBIRTH"))
DBIRTH, DDATA = (f"spBv1.0/{EDGE.group}/{kind}/{EDGE.edge}/{DEVICE}" for kind in ("DBIRTH", "DDATA"))
NDATA = f"spBv1.0/{EDGE.group}/NDATA/{EDGE.edge}"
REBIRTH = encode(Payload(1, (Metric("Node Control/Rebirth", DataType.Boolean, True, 1),)))


def online(timestamp: int = 1000, *, really: bool = True) -> bytes:
    return HostState(really, timestamp).encode()


@dataclass
class Edge:
    """A real edge node at one or two recorders."""

    node: Node
    recorders: list[Recorder]

    @property
    def session(self) -> Session:
        return self.recorders[0].sessions[-1]

    def payloads(self, topic: str) -> list[Payload]:
        return [decode(one.payload) for one in self.session.published if one.topic == topic]

    async def born(self) -> Session:
        """Once the births have arrived, at whichever server it is."""
        await until(lambda: any(DBIRTH in _topics(each) for each in self.sessions()), "born")
        return next(each for each in reversed(self.sessions()) if DBIRTH in _topics(each))

    def sessions(self) -> list[Session]:
        return [session for recorder in self.recorders for session in recorder.sessions]

    def sample(self, name: str, value: Any, device: str | None = DEVICE) -> None:
        kinds = {"Tag 1": DataType.Int32, "Level": DataType.Float, "Redundancy/Node": DataType.String}
        self.node.runtime.sample(EDGE, device, Metric(name, kinds[name], value, 5), stored=False)


def _topics(session: Session) -> list[str]:
    return [packet.topic for packet in session.published]


@asynccontextmanager
async def edge(
    plant: Plant, version: int = 4, *, state: bytes | None = None, servers: int = 1, **more: Any
) -> AsyncIterator[Edge]:
    """`state`: what the servers have retained on the host's STATE topic."""
    said = online() if state is None else state

    def remembered(session: Session) -> None:
        if STATE in session.filters and said:
            session.say(STATE, said, retain=True)

    async with recording() as first, recording() as second:
        recorders = [first, second][:servers]
        for recorder in recorders:
            recorder.on_subscribe = remembered
        set_ = tuple(
            Server(f"server {n}", "127.0.0.1", recorder.port, version=version, keep_alive=10)
            for n, recorder in enumerate(recorders)
        )
        use_aliases = more.pop("use_aliases", False)
        transmitters = (Transmitter(EDGE.group, EDGE.edge, (DEVICE,), use_aliases),)
        transmission = TransmissionConfig(HOST, set_, transmitters, **more)
        node = plant.single(GatewayConfig("Edge 1", "1-a", transmission=transmission)).start()
        try:
            yield Edge(node, recorders)
        finally:
            await node.kill()
