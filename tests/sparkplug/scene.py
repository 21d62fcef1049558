"""What the tests of this package share: a hand-turned clock, and messages as an edge node would send them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sparkplug import (
    DataType,
    EdgeNodeId,
    HostState,
    Instant,
    Metric,
    Payload,
    Problem,
    Publish,
    RebirthWanted,
    encode,
)

EDGE = EdgeNodeId("Group 1", "Edge 1")
HOST = "Primary"
START = 1_790_000_000_000
T = TypeVar("T")


def at(seconds: float) -> Instant:
    """`seconds` after the start of the test, on both clocks."""
    return Instant(seconds, START + round(seconds * 1000))


def only(kind: type[T], effects: Iterable[object]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def kinds(effects: Iterable[object]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def problems(effects: Iterable[object]) -> list[str]:
    return [problem.kind for problem in only(Problem, effects)]


def published(effects: Iterable[object]) -> list[str]:
    """The message types that go out, in order."""
    return [publish.topic.split("/")[2] for publish in only(Publish, effects)]


def wants(effects: Iterable[object]) -> list[str]:
    return [wanted.server for wanted in only(RebirthWanted, effects)]


def state(online: bool, timestamp: int) -> bytes:
    return HostState(online, timestamp).encode()


def number(name: str | None, value: int | None, **more: object) -> Metric:
    return Metric(name, DataType.Int64, value, START)._replace(**more)


def topic(kind: str, device: str | None = None, edge: EdgeNodeId = EDGE) -> str:
    return f"spBv1.0/{edge.group}/{kind}/{edge.edge}" + (f"/{device}" if device else "")


def nbirth(bd_seq: int = 0, *metrics: Metric, seq: int = 0, sent: int = START) -> bytes:
    return encode(Payload(sent, (number("bdSeq", bd_seq), *metrics), seq))


def ndeath(bd_seq: int) -> bytes:
    return encode(Payload(START, (number("bdSeq", bd_seq),)))


def message(seq: int | None, *metrics: Metric, sent: int | None = START, datatypes: bool = True) -> bytes:
    return encode(Payload(sent, metrics, seq), datatypes=datatypes)
