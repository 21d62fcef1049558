"""The ledger of records, as rows: what both the web processes and the worker of a node write.

Every write happens in the caller's transaction, so a change and its record are one. A transaction has the
database's only write lock from its beginning (hmi.settings): numbers become visible in the order in which
they were given out, and because all others wait meanwhile, a record takes as few statements as it can.
"""

from __future__ import annotations

from django.db import transaction

from hmi.replication.descent import Version
from hmi.replication.models import Head, Ledger, Record
from redundancy.replication import records

CONFIG, PEOPLE = "config", "people"
CONFIG_CHANGE, CONFIG_PART, CONFIG_CONFLICT = "config-change", "config-part", "config-conflict"
SESSION, AUDIT, CHANGEOVER = "session", "audit", "changeover"


def identity() -> str:
    """This store's name: a UUID made at its first use."""
    return str(_ledger().identity)


def append(provider: str, key: str, body: bytes, epoch: int = 0) -> tuple[int, records.Record]:
    """Write a version that supersedes what is here, also when its writer knew an older epoch."""
    with transaction.atomic(savepoint=False):
        mine = _ledger()
        held = Record.objects.filter(provider=provider, key=key).first()
        epoch = max(epoch, held.epoch) if held else epoch
        record = records.Record(provider, key, epoch, mine.clock + 1, str(mine.identity), body)
        return _put(record, held), record


def merge(record: records.Record) -> bool:
    """Take a record of the peer; False if what is here is as new or newer."""
    with transaction.atomic(savepoint=False):
        held = Record.objects.filter(provider=record.provider, key=record.key).first()
        if held is not None and opaque(held).stamp >= record.stamp:
            return False
        _put(record, held)
        return True


def heard(clock: int) -> None:
    """What is written from now on is later than everything that was seen up to `clock`, held or not."""
    with transaction.atomic(savepoint=False):
        _ledger()
        _seen(clock)


def drop(provider: str, key: str) -> None:
    """Forget what nobody reads any more; the other node is not told."""
    Record.objects.filter(provider=provider, key=key).delete()


def opaque(row: Record) -> records.Record:
    """The record in a row."""
    return records.Record(row.provider, row.key, row.epoch, row.clock, row.origin, bytes(row.body))


def current(provider: str, key: str) -> records.Record | None:
    """The version that holds, None if there never was one; an empty body says that it was deleted."""
    row = Record.objects.filter(provider=provider, key=key).first()
    return None if row is None else opaque(row)


def config_version() -> str:
    """`<epoch>.<revision>-<8 digits of the digest>` of the configuration in force; empty without one."""
    held = Head.objects.values_list("version", flat=True).first()
    return str(Version.parse(held)) if held else ""


def _ledger() -> Ledger:
    return Ledger.objects.filter(pk=1).first() or Ledger.objects.get_or_create(pk=1)[0]


def _seen(clock: int) -> None:
    Ledger.objects.filter(pk=1, clock__lt=clock).update(clock=clock)


def _put(record: records.Record, held: Record | None) -> int:
    if held is not None:
        Record.objects.filter(pk=held.pk).delete()
    row = Record.objects.create(
        provider=record.provider,
        key=record.key,
        epoch=record.epoch,
        clock=record.clock,
        origin=record.origin,
        body=record.body,
    )
    _seen(record.clock)
    return row.seq
