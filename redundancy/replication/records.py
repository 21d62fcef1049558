"""What the pair's nodes tell each other for keeps: opaque records, ordered so that the last writer wins.

A record is one version of the value under (provider, key). Records commute and may be applied twice, so
cuts, restarts and repeats between the nodes need no care: whoever has seen the same records holds the
same contents.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple, Protocol

MAX_BODY = 4 * 1024 * 1024  # bytes; grows by a third on the wire and must fit into one frame


class Stamp(NamedTuple):
    """What two versions of one key are compared by. `clock` is a Lamport clock over the whole store."""

    epoch: int
    clock: int
    origin: str


@dataclass(frozen=True, slots=True)
class Record:
    """One version of the value under (provider, key).

    `epoch` is the lease term its writer knew, `clock` rises with every record its store has seen, and
    `origin` names the store that wrote it (`RecordStore.identity`). An empty `body` is a deletion.
    """

    provider: str
    key: str
    epoch: int
    clock: int
    origin: str
    body: bytes

    @property
    def stamp(self) -> Stamp:
        """The greater one wins."""
        return Stamp(self.epoch, self.clock, self.origin)


class RecordStore(Protocol):
    """A node's own records. Every method blocks and is called from one thread at a time.

    A store numbers all it holds, own and applied, in one local sequence that only rises; a version
    that was superseded may leave a hole. A store that is restored from a backup must take a new
    `identity`, because its peer remembers how far it has read this one.
    """

    @property
    def identity(self) -> str:
        """Unique for this store's file, for as long as its sequence holds."""

    def append(self, provider: str, key: str, body: bytes, epoch: int) -> tuple[int, Record]:
        """Write a version of one's own that supersedes what is here; answers its seq and itself."""

    def head(self) -> int:
        """The highest seq in use, 0 for an empty store."""

    def after(self, seq: int, limit: int) -> list[tuple[int, Record]]:
        """At most `limit` records beyond `seq`, in the order of their seqs."""

    def apply(self, source: str, through: int, records: Sequence[Record]) -> list[Record]:
        """Merge the peer's records and move the cursor of `source` to `through`, in one transaction.

        Answers those that won over what was here. A document that its consumer can't use raises
        nothing: it is kept out and reported by the store's own means.
        """

    def cursor(self, source: str) -> int:
        """How far the store called `source` has been applied here, 0 if never."""

    def forget(self, source: str) -> None:
        """Set that cursor to 0, so that everything is read again."""

    def latest(self, provider: str) -> list[Record]:
        """The version that holds, for every key of the provider, deletions among them."""

    def renew(self, provider: str, epoch: int) -> None:
        """Write what holds under the provider anew, so that it wins wherever it was kept out."""

    def settle(self, source: str) -> list[Record]:
        """Finish what an `apply` for `source` had begun when this node stopped; before each pull.

        Answers records like `apply`, where something has come into force by it.
        """


class MemoryStore:
    """The reference RecordStore: what a database store must do, without the database."""

    def __init__(self, identity: str = "") -> None:
        self._identity = identity or str(uuid.uuid4())
        self._lock = Lock()
        self._held: dict[tuple[str, str], tuple[int, Record]] = {}
        self._log: dict[int, Record] = {}
        self._cursors: dict[str, int] = {}
        self._seq = 0
        self._clock = 0

    @property
    def identity(self) -> str:
        """See RecordStore; so for every method below."""
        return self._identity

    def append(self, provider: str, key: str, body: bytes, epoch: int) -> tuple[int, Record]:
        with self._lock:
            held = self._held.get((provider, key))
            floor = held[1].epoch if held else 0
            record = Record(provider, key, max(epoch, floor), self._clock + 1, self._identity, body)
            self._hold(record)
            return self._seq, record

    def head(self) -> int:
        return self._seq

    def after(self, seq: int, limit: int) -> list[tuple[int, Record]]:
        with self._lock:
            return [(number, record) for number, record in self._log.items() if number > seq][:limit]

    def apply(self, source: str, through: int, records: Sequence[Record]) -> list[Record]:
        with self._lock:
            won = [record for record in records if self._merge(record)]
            self._clock = max([self._clock, *(record.clock for record in records)])
            self._cursors[source] = through
            return won

    def cursor(self, source: str) -> int:
        return self._cursors.get(source, 0)

    def forget(self, source: str) -> None:
        self._cursors.pop(source, None)

    def latest(self, provider: str) -> list[Record]:
        with self._lock:
            return [record for (owner, _), (_, record) in self._held.items() if owner == provider]

    def renew(self, provider: str, epoch: int) -> None:
        for record in self.latest(provider):
            self.append(record.provider, record.key, record.body, epoch)

    def settle(self, source: str) -> list[Record]:  # noqa: ARG002
        """Nothing is ever left: `apply` does it all at once."""
        return []

    def contents(self) -> dict[tuple[str, str], Record]:
        """Every (provider, key) and the version that holds."""
        with self._lock:
            return {name: record for name, (_, record) in self._held.items()}

    def _merge(self, record: Record) -> bool:
        held = self._held.get((record.provider, record.key))
        if held is not None and held[1].stamp >= record.stamp:
            return False
        self._hold(record)
        return True

    def _hold(self, record: Record) -> None:
        name = (record.provider, record.key)
        superseded = self._held.get(name)
        if superseded is not None:
            del self._log[superseded[0]]
        self._seq += 1
        self._clock = max(self._clock, record.clock)
        self._held[name] = (self._seq, record)
        self._log[self._seq] = record


def to_wire(record: Record) -> list[Any]:
    """A record as JSON can carry it; its body in base64."""
    body = base64.b64encode(record.body).decode("ascii")
    return [record.provider, record.key, record.epoch, record.clock, record.origin, body]


def from_wire(raw: Any) -> Record:
    """The inverse of `to_wire`. Raises ValueError naming the field: the sender is not believed."""
    if not isinstance(raw, list) or len(raw) != 6:
        raise ValueError("record: is not a list of six")
    provider, key, epoch, clock, origin, body = raw
    for name, text in (("provider", provider), ("key", key), ("origin", origin), ("body", body)):
        if not isinstance(text, str) or (not text and name != "body"):
            raise ValueError(f"record.{name}: is not text")
    for name, number in (("epoch", epoch), ("clock", clock)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**63:
            raise ValueError(f"record.{name}: is not a whole number from 0 to 2^63-1")
    try:
        return Record(provider, key, epoch, clock, origin, base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("record.body: is not base64") from None
