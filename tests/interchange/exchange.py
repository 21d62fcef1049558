"""One payload to a peer or from it, and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sparkplug import DataType, Metric, Payload, decode, encode
from sparkplug.payload import Catalogue, Parsed
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from tests.interchange.differences import Difference, between
from tests.interchange.faults import FAULTS, READS, Fault
from tests.interchange.generated import Case
from tests.interchange.peers import Conversation, Refused


@dataclass
class Ledger:
    """Of one peer and one way. A payload or metric is agreed, explained or unexplained.

    hits: by the name of the fault, one for each metric or payload that it was needed for. stories: of what
    nothing explains. vectors: payloads that arrived without any difference, and their bytes.
    """

    payloads: Counter[str] = field(default_factory=Counter)
    metrics: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)
    vectors: list[tuple[Case, bytes]] = field(default_factory=list)


class Exchange:
    """way: "reads" sends our bytes to the peer, "writes" has the peer's read by us."""

    def __init__(self, conversation: Conversation, way: str) -> None:
        self.ledger = Ledger()
        self._conversation, self._way = conversation, way
        self._faults: list[Fault] = FAULTS[conversation.peer.name, way]
        self._needed: set[str] = set()
        self._unexplained = False

    def unseen(self) -> list[str]:
        """Faults that nothing has shown."""
        return [fault.name for fault in self._faults if not self.ledger.hits[fault.name]]

    def carry(self, case: Case) -> None:
        """The payload as a whole; where it is refused, without the metrics that are refused alone as well."""
        self._needed, self._unexplained = set(), False
        metrics = case.payload.metrics
        try:
            data, found, detours = self._attempt(case, metrics)
        except Refused as refusal:
            left = self._without_the_refused(case, str(refusal))
            if left is None:
                return self._finish()
            metrics = left
            try:
                data, found, detours = self._attempt(case, metrics)
            except Refused as again:
                # Each metric alone went through.
                self._unknown(case, f"refused together: {again}", len(metrics))
                return self._finish()
        self.ledger.hits.update(detours)
        self._compare(case, case.payload._replace(metrics=metrics), found, data)
        if self._way != READS and not self._needed and not self._unexplained:
            self.ledger.vectors.append((case, data))
        return self._finish()

    def _attempt(self, case: Case, metrics: tuple[Metric, ...]) -> tuple[bytes, Payload, list[str]]:
        payload, birth = case.payload._replace(metrics=metrics), case.birth
        talk = self._conversation
        if self._way == READS:
            short = payload._replace(metrics=tuple(m._replace(name=None) for m in metrics))
            data = encode(short, datatypes=False) if birth else encode(payload)
            return data, talk.decode(case.message, data, birth and encode(birth)), talk.detours
        data = talk.encode(case.message, payload, birth)
        return data, read(data, birth), talk.detours

    def _without_the_refused(self, case: Case, said: str) -> tuple[Metric, ...] | None:
        """The metrics that are left; None where the payload is refused whatever it holds."""
        try:
            self._attempt(case, ())
        except Refused as refusal:
            self._refusal(case, case.payload, str(refusal), len(case.payload.metrics))
            return None
        left = []
        for metric in case.payload.metrics:
            try:
                self._attempt(case, (metric,))
            except Refused as refusal:
                self._refusal(case, metric, str(refusal), 1)
            else:
                left.append(metric)
        if len(left) == len(case.payload.metrics):
            self._unknown(case, f"refused, but no single metric is: {said}", 0)
        return tuple(left)

    def _refusal(self, case: Case, what: Metric | Payload, said: str, count: int) -> None:
        for fault in self._faults:
            if fault.refuses(what, said, case.birth is not None):
                self._hit(fault)
                self.ledger.metrics["explained"] += count
                return
        self._unknown(case, f"refused: {said} for {what}", count)

    def _compare(self, case: Case, sent: Payload, found: Payload, data: bytes) -> None:
        outer, inner = between(sent, found)
        self._explain(case, outer)
        wires = WirePayload.FromString(data).metrics
        for number, differences in enumerate(inner):
            self.ledger.metrics[self._explain(case, differences)] += 1
            if not differences:
                for fault in self._faults:
                    self.ledger.hits[fault.name] += fault.dialect(sent.metrics[number], wires[number])

    def _explain(self, case: Case, differences: list[Difference]) -> str:
        """agreed, explained or unexplained. A fault counts once, however many differences it makes."""
        needed: dict[str, Fault] = {}
        result = "explained" if differences else "agreed"
        for difference in differences:
            for fault in self._faults:
                if fault.explains(difference, case.birth is not None):
                    needed[fault.name] = fault
                    break
            else:
                result = "unexplained"
                self._unknown(case, str(difference), 0)
        for fault in needed.values():
            self._hit(fault)
        return result

    def _hit(self, fault: Fault) -> None:
        self.ledger.hits[fault.name] += 1
        self._needed.add(fault.name)

    def _unknown(self, case: Case, story: str, metrics: int) -> None:
        self._unexplained = True
        self.ledger.metrics["unexplained"] += metrics
        self.ledger.stories.append(f"payload {case.number}: {story}")

    def _finish(self) -> None:
        result = "unexplained" if self._unexplained else "explained" if self._needed else "agreed"
        self.ledger.payloads[result] += 1


def read(data: bytes, birth: Payload | None) -> Payload:
    """By us; with a birth (every metric with name and alias) as a host reads it."""
    if birth is None:
        return decode(data)
    known: dict[int | str, tuple[str, DataType, int]] = {}
    for metric in birth.metrics:
        assert metric.name is not None
        assert metric.alias is not None
        known[metric.alias] = known[metric.name] = (metric.name, metric.datatype, int(metric.datatype))
    catalogue: Catalogue = known
    metrics, strangers = Parsed(data).resolved(catalogue, 0)
    assert not strangers
    return decode(data)._replace(metrics=tuple(metrics))
