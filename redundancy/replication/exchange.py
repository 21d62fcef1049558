"""Both ends of the pull between two record stores. No sockets; the calls to a store block.

    puller -> server   {"kind": "ask", "store": mine}
    server -> puller   {"kind": "store", "store": its own}
    puller -> server   {"kind": "pull", "session": n, "after": cursor, "documents": [...]}
    server -> puller   {"kind": "records", "session": n, "records": [...], "through": seq, "head": seq}
    puller -> server   {"kind": "applied", "session": n, "through": seq}
    server -> puller   {"kind": "again"}        start over: forget the cursor

The first answer to a pull comes even if there is nothing, and as long as one says that there is more
(`head` beyond `through`) another follows: so a puller knows whether it waits or is through.

One batch is on its way at a time, and the cursor moves in the transaction that applies it, so a cut or
a crash between any two of these costs a repetition and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redundancy.replication.records import MAX_BODY, Record, RecordStore, from_wire, to_wire

BATCH = 500  # records
BATCH_BYTES = 1024 * 1024  # of bodies; one record may be larger alone


class CopiedStore(Exception):
    """Both nodes have the same store identity: one data folder is a copy of the other's."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the server says in one go, checked. `head` is how far its store reaches."""

    session: int
    through: int
    head: int
    records: tuple[Record, ...]

    @classmethod
    def parse(cls, message: dict[str, Any]) -> Batch:
        """Raises ValueError naming the field."""
        raw = message.get("records")
        if not isinstance(raw, list) or len(raw) > BATCH:
            raise ValueError(f"records: is not a list of at most {BATCH}")
        session, through, head = (whole(message, name) for name in ("session", "through", "head"))
        return cls(session, through, head, tuple(from_wire(item) for item in raw))


class Supply:
    """The server's side towards one puller, from its PULL on."""

    def __init__(
        self, store: RecordStore, reader: str, pull: dict[str, Any], oversize: Callable[[str], None]
    ) -> None:
        self._store = store
        self._reader = reader
        self._session = whole(pull, "session")
        self._scanned = whole(pull, "after")
        # From the beginning means everything; later on, the reader need not hear its own records again.
        self._echo = self._scanned == 0
        self._oversize = oversize
        self._applied = self._scanned
        self._outstanding: int | None = None
        self._head = self._scanned
        self._owes = True

    @property
    def settled(self) -> int:
        """The reader has everything up to this seq."""
        return self._applied if self._outstanding is not None else self._scanned

    @property
    def lag(self) -> int:
        """How many records, at most, the reader lacks; as of the last look at the store."""
        return max(0, self._head - self.settled)

    def next(self) -> dict[str, Any] | None:
        """The next batch; None if there is nothing new or one is still on its way. Blocks on the store."""
        self._head = self._store.head()
        if self._head < self._applied:
            return {"kind": "again"}  # this store has lost what the reader already has
        while self._outstanding is None and (page := self._store.after(self._scanned, BATCH)):
            records, self._scanned = self._wanted(page)
            self._head = max(self._head, self._scanned)
            if records or self._scanned - self._applied >= BATCH:
                return self._message(records, self._head)
        return self._message([], self._scanned) if self._owes and self._outstanding is None else None

    def applied(self, message: dict[str, Any]) -> None:
        """The reader's word on what it has. Raises ValueError for what was never sent."""
        if whole(message, "session") != self._session:
            return
        through = whole(message, "through")
        if through != self._outstanding:
            raise ValueError(f"through: {through} was not sent")
        self._applied, self._outstanding = through, None

    def _wanted(self, page: Sequence[tuple[int, Record]]) -> tuple[list[Record], int]:
        """The part of a page that fits into one batch, without what the reader wrote itself."""
        records: list[Record] = []
        size, through = 0, self._scanned
        for seq, record in page:
            if record.origin == self._reader and not self._echo:
                through = seq
                continue
            if len(record.body) > MAX_BODY:
                self._oversize(f"{record.provider} {record.key}: {len(record.body)} bytes do not fit")
                through = seq
                continue
            size += len(record.body)
            if records and size > BATCH_BYTES:
                break
            records.append(record)
            through = seq
        return records, through

    def _message(self, records: Sequence[Record], head: int) -> dict[str, Any]:
        self._outstanding, self._owes = self._scanned, head > self._scanned
        return {
            "kind": "records",
            "session": self._session,
            "records": [to_wire(record) for record in records],
            "through": self._scanned,
            "head": head,
        }


class Intake:
    """The puller's side towards one server, from the server's STORE on."""

    def __init__(self, store: RecordStore, message: dict[str, Any], session: int) -> None:
        self.source = text(message, "store")
        if self.source == store.identity:
            raise CopiedStore
        self._store = store
        self._session = session
        self._start = 0
        self.settled: list[Record] = []
        """What has come into force by finishing something older, once `pull` was called."""

    def pull(self, documents: Sequence[str] = (), *, afresh: bool = False) -> dict[str, Any]:
        """What to ask for; `afresh`: everything, as if for the first time. Blocks on the store."""
        self.settled = self._store.settle(self.source)
        if afresh:
            self._store.forget(self.source)
        self._start = self._store.cursor(self.source)
        documents = list(documents) if afresh else []
        return {"kind": "pull", "session": self._session, "after": self._start, "documents": documents}

    def take(self, batch: Batch) -> tuple[list[Record], dict[str, Any]] | None:
        """Apply a batch; what won and what to answer. None for one of an older session. Blocks."""
        if batch.session != self._session:
            return None
        won = self._store.apply(self.source, batch.through, batch.records)
        return won, {"kind": "applied", "session": batch.session, "through": batch.through}

    def progress(self, batch: Batch) -> tuple[int, int]:
        """How much of what there was to pull is applied: (so far, in all)."""
        return batch.through - self._start, max(batch.head, batch.through) - self._start


def whole(message: dict[str, Any], name: str) -> int:
    """A field that counts. Raises ValueError naming it."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"{name}: is not a whole number")
    return value


def text(message: dict[str, Any], name: str) -> str:
    """A field that names. Raises ValueError naming it."""
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise ValueError(f"{name}: is not a name")
    return value


def texts(message: dict[str, Any], name: str) -> list[str]:
    """A field that lists names. Raises ValueError naming it."""
    value = message.get(name)
    if not isinstance(value, list) or len(value) > 20 or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name}: is not a list of names")
    return value
