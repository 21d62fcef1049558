"""What a record becomes beside its place in the ledger: rows that pages and queries read.

Providers that are not listed (tag values, births, sequence numbers) are read from the ledger itself, by
the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from hmi.people import audit, sessions
from hmi.replication import conflicts, ledger, people
from hmi.replication.entries import Entry, Standing, unpack_part, unpacked
from hmi.replication.models import Changeover
from hmi.replication.schema import Strict, parse
from redundancy.replication import providers
from redundancy.replication.records import Record

Milliseconds = Annotated[int, Field(ge=0, lt=2**53)]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class ChangeoverReport(Strict):
    """As `redundancy.changeover` writes it. `started` is ms since 1970 UTC.

    A newer release may tell more than there are columns for: a report is for people, and the record keeps
    all of it.
    """

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    cause: Annotated[str, Field(max_length=200)]
    from_: Annotated[str | None, Field(alias="from", max_length=100)]
    to: Annotated[str, Field(max_length=100)]
    epoch: Count
    started: Annotated[int, Field(ge=0, lt=250_000_000_000_000)]
    active_after_ms: Milliseconds | None
    mqtt_after_ms: Milliseconds | None
    edges_online_after_ms: Milliseconds | None
    replayed: Count | None
    lost: Count | None
    duplicates: Count | None


def project(record: Record) -> None:
    """Make the rows that the record stands for. Raises ValueError for a body that can't be used."""
    if (target := _TARGETS.get(record.provider)) is not None:
        target(record)


def _standing(record: Record) -> None:
    """Read where the configuration is taken up (hmi.replication.arrival); here it is only judged."""
    if record.key != record.origin:
        raise ValueError("key: is not its writer's")
    unpacked(Standing, record.body)


def _change(record: Record) -> None:
    unpacked(Entry, record.body)


def _part(record: Record) -> None:
    if record.body:
        unpack_part(record.body)


def _people(record: Record) -> None:
    people.receive(record.body)


def _session(record: Record) -> None:
    sessions.project(record.key, record.body)


def _audit(record: Record) -> None:
    audit.project(record.key, record.body)


def _changeover(record: Record) -> None:
    report = parse(ChangeoverReport, record.body)
    if report.id != record.key:
        raise ValueError("id: is not the record's key")
    fields = report.model_dump(exclude={"id", "from_", "to", "started"})
    Changeover.objects.update_or_create(
        pk=report.id,
        defaults={
            **fields,
            "from_node": report.from_ or "",
            "to_node": report.to,
            "started": datetime.fromtimestamp(report.started / 1000, UTC),
        },
    )


_TARGETS: dict[str, Callable[[Record], None]] = {
    ledger.CONFIG: _standing,
    ledger.CONFIG_CHANGE: _change,
    ledger.CONFIG_PART: _part,
    ledger.CONFIG_CONFLICT: conflicts.project,
    ledger.PEOPLE: _people,
    ledger.SESSION: _session,
    ledger.AUDIT: _audit,
    ledger.CHANGEOVER: _changeover,
}

for _name, _what in (
    (ledger.CONFIG, "the configuration"),
    (ledger.PEOPLE, "accounts, roles and tokens"),
    (ledger.SESSION, "who is signed in"),
    (ledger.AUDIT, "the audit trail"),
):
    providers.register(_name, _what)
