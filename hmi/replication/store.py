"""The runtime's RecordStore over this node's database; the protocol is in redundancy.replication.records."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Length

from hmi.replication import arrival, journal, ledger
from hmi.replication.models import Cursor, Record, RejectedDocument
from hmi.replication.projection import project
from redundancy.replication.records import MAX_BODY
from redundancy.replication.records import Record as Opaque

_log = logging.getLogger(__name__)
_LONGEST_PROVIDER, _LONGEST_KEY = 40, 600
# A clock this late was not counted but made up, and nothing could ever be written after it.
_LATEST_CLOCK = 2**62
# A batch travels in one frame: its bodies together stay below what one record alone may weigh.
_BATCH_BYTES = MAX_BODY
_CONFIGURATION = (ledger.CONFIG, ledger.CONFIG_CHANGE, ledger.CONFIG_PART)


class DjangoStore:
    """One node's store. Its methods block; each is one transaction."""

    @property
    def identity(self) -> str:
        """The UUID of this database's ledger."""
        return ledger.identity()

    def append(self, provider: str, key: str, body: bytes, epoch: int) -> tuple[int, Opaque]:
        """Write the runtime's own record and what it stands for. Raises ValueError for an unusable body."""
        with transaction.atomic():
            seq, record = ledger.append(provider, key, body, epoch)
            project(record)
            return seq, record

    def head(self) -> int:
        """The highest seq in use, 0 for an empty store."""
        return Record.objects.aggregate(head=Max("seq"))["head"] or 0

    def after(self, seq: int, limit: int) -> list[tuple[int, Opaque]]:
        """At most `limit` records beyond `seq`, in order; fewer where they are large, but one at least."""
        weight, through = 0, seq
        rows = Record.objects.filter(seq__gt=seq).order_by("seq")
        sizes = rows.annotate(size=Length("body")).values_list("seq", "size")[:limit]
        for number, size in sizes:
            weight += size
            if weight > _BATCH_BYTES and through > seq:
                break
            through = number
        return [(row.seq, ledger.opaque(row)) for row in rows.filter(seq__lte=through)]

    def apply(self, source: str, through: int, records: Sequence[Opaque]) -> list[Opaque]:
        """Merge the peer's records and move its cursor, in one transaction; answers those that won.

        What they say of the configuration is taken up in transactions of its own, for it may be much. A
        record that can't be used stays out of the ledger, so that what was here goes on to hold, and is
        reported as a RejectedDocument until a good one comes.
        """
        with transaction.atomic():
            kept_out = set(RejectedDocument.objects.values_list("provider", "key"))
            won = [record for record in records if _take(record, kept_out)]
            ledger.heard(max((r.clock for r in records if r.clock < _LATEST_CLOCK), default=0))
            if not Cursor.objects.filter(source=source).update(through=through):
                Cursor.objects.create(source=source, through=through)
        if any(record.provider in _CONFIGURATION for record in won):
            arrival.settle(source)
        return won

    def settle(self, source: str) -> list[Opaque]:
        """Go on where a crash has cut an `apply` short; this node's standing if that has changed it."""
        before = ledger.config_version()
        arrival.settle(source)
        told = ledger.current(ledger.CONFIG, self.identity)
        return [told] if told is not None and ledger.config_version() != before else []

    def renew(self, provider: str, epoch: int) -> None:
        """Write what holds under this provider anew, so that it wins wherever it was kept out."""
        if provider == ledger.CONFIG:
            with transaction.atomic():
                journal.renew(epoch, journal.highest_seen())
            return
        for record in self.latest(provider):
            self.append(record.provider, record.key, record.body, epoch)

    def cursor(self, source: str) -> int:
        """How far the store called `source` has been applied here."""
        row = Cursor.objects.filter(source=source).first()
        return 0 if row is None else row.through

    def forget(self, source: str) -> None:
        """Read everything of `source` again."""
        Cursor.objects.filter(source=source).delete()

    def latest(self, provider: str) -> list[Opaque]:
        """The version that holds for every key of the provider, deletions among them."""
        return [ledger.opaque(row) for row in Record.objects.filter(provider=provider).order_by("seq")]


def _take(record: Opaque, kept_out: set[tuple[str, str]]) -> bool:
    name = (record.provider, record.key)
    try:
        if record.clock >= _LATEST_CLOCK:
            raise ValueError("its clock is one that counting never reaches")
        if len(record.provider) > _LONGEST_PROVIDER or len(record.key) > _LONGEST_KEY:
            raise ValueError("its provider or key is too long")
        with transaction.atomic():
            if not ledger.merge(record):
                return False
            project(record)
    except (ValueError, IntegrityError) as error:
        _reject(record, str(error))
        kept_out.add(name)
        return False
    if name in kept_out:
        RejectedDocument.objects.filter(provider=record.provider, key=record.key).delete()
    return True


def _reject(record: Opaque, reason: str) -> None:
    name = f"{record.provider[:_LONGEST_PROVIDER]} {record.key[:80]}"
    _log.warning("a record of the peer was kept out: %s: %s", name, reason)
    RejectedDocument.objects.update_or_create(
        provider=record.provider[:_LONGEST_PROVIDER],
        key=record.key[:_LONGEST_KEY],
        defaults={
            "epoch": record.epoch,
            "clock": record.clock,
            "origin": record.origin[:100],
            "reason": reason[:2000],
        },
    )
