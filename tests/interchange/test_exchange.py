"""The judge is judged, with peers that lie: a difference that no fault foretells is unexplained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sparkplug import DataType, Metric, Payload, decode, encode
from tests.interchange.exchange import Exchange, Ledger
from tests.interchange.faults import FAULTS, READS, WRITES
from tests.interchange.generated import Case, cases
from tests.interchange.peers import PEERS, Refused

D = DataType
Lie = Callable[[Payload], Payload]


class Liar:
    """A peer that is our own codec, but for its lie."""

    def __init__(self, name: str, lie: Lie) -> None:
        self.peer = next(peer for peer in PEERS if peer.name == name)
        self.detours: list[str] = []
        self._lie = lie

    def decode(self, message: str, data: bytes, birth: bytes | None) -> Payload:
        return self._lie(decode(data))

    def encode(self, message: str, payload: Payload, birth: Payload | None) -> bytes:
        return encode(self._lie(payload))


def carried(name: str, way: str, lie: Lie, *metrics: Metric) -> Ledger:
    run = Exchange(Liar(name, lie), way)  # type: ignore[arg-type]
    run.carry(Case(0, "NDATA", Payload(1, metrics, 0)))
    return run.ledger


def with_value(value: Any) -> Lie:
    return lambda payload: payload._replace(
        metrics=tuple(metric._replace(value=value) for metric in payload.metrics)
    )


@pytest.mark.parametrize("way", [READS, WRITES])
def test_what_arrives_as_it_was_sent_is_agreed(way: str) -> None:
    run = Exchange(Liar("tahutils", lambda payload: payload), way)  # type: ignore[arg-type]
    for case in cases(60):
        run.carry(case._replace(birth=None))
    assert set(run.ledger.payloads) == set(run.ledger.metrics) == {"agreed"}
    assert run.unseen()


def test_a_fault_explains_only_what_it_foretells() -> None:
    sent = Metric("x", D.Int16, -5, 1)
    told = carried("tahutils", READS, with_value(-5 + 2**32), sent)
    assert told.metrics == {"explained": 1}
    assert told.hits["negative is unsigned"] == 1
    for other in (-5 + 2**16, -4 + 2**32, 5, None):
        assert carried("tahutils", READS, with_value(other), sent).metrics == {"unexplained": 1}


@pytest.mark.parametrize("name", [peer.name for peer in PEERS])
@pytest.mark.parametrize("way", [READS, WRITES])
@pytest.mark.parametrize(
    ("datatype", "sent", "found"),
    [
        (D.Int32, 7, 8),
        (D.Double, 0.0, -0.0),
        (D.Boolean, True, False),
        (D.String, "a", "b"),
        (D.DateTime, 1_700_000_000_000, 1_700_000_000_001),
    ],
)
def test_another_value_is_unexplained(
    name: str, way: str, datatype: DataType, sent: object, found: object
) -> None:
    lie = with_value(found)
    ledger = carried(name, way, lie, Metric("x", datatype, sent, 1))  # type: ignore[arg-type]
    assert ledger.metrics == {"unexplained": 1}
    assert ledger.payloads == {"unexplained": 1}
    assert ledger.stories


@pytest.mark.parametrize("name", [peer.name for peer in PEERS])
def test_a_lost_metric_and_a_changed_envelope_are_unexplained(name: str) -> None:
    sent = Metric("x", D.Int32, 7, 1)
    lost = carried(name, READS, lambda payload: payload._replace(metrics=()), sent)
    assert lost.payloads == {"unexplained": 1}
    assert carried(name, READS, lambda payload: payload._replace(seq=1), sent).payloads == {"unexplained": 1}


def test_a_refusal_is_explained_by_its_words_and_only_its_metric_is_left_out() -> None:
    def refuse(payload: Payload) -> Payload:
        if any(metric.name == "bad" for metric in payload.metrics):
            raise Refused("OverflowError: Int8 overflow with value 4294967291")
        return payload

    good = Metric("good", D.Int8, 5, 1)
    told = carried("pysparkplug", READS, refuse, good, Metric("bad", D.Int8, -5, 1))
    assert told.metrics == {"agreed": 1, "explained": 1}
    other = carried("pysparkplug", READS, refuse, good, Metric("bad", D.Int8, -6, 1))
    assert other.metrics == {"agreed": 1, "unexplained": 1}


def test_every_peer_has_faults_of_its_own_names() -> None:
    assert {name for name, _ in FAULTS} == {peer.name for peer in PEERS}
    for faults in FAULTS.values():
        names = [fault.name for fault in faults]
        assert len(names) == len(set(names))
