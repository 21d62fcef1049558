"""Everything at once, for a node that lacks more than the newest changes: in parts, through the ledger.

The parts wait in the asking node's own ledger until all have come, so a cut or a restart costs nothing
that was already there; the ledger that carries them is their stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from hmi.replication import journal, ledger, recorded
from hmi.replication.descent import Version
from hmi.replication.entries import Part, Standing, pack_part, pack_whole, unpack_part, unpack_whole
from hmi.replication.models import Record


@dataclass(frozen=True, slots=True)
class Staged:
    """A whole that has come completely. `holds(mine)`: its sender's chain holds that version of mine."""

    version: Version
    head: Part

    def holds(self, mine: Version | None) -> bool:
        return mine is not None and self.head.holds and self.head.to == mine.full


def serve(asker: Standing) -> None:
    """Write all parts for the node that asks, unless what it asks for is written already.

    They are packed before the database is locked, so that nobody's edit waits for it.
    """
    with transaction.atomic():
        mine = journal.version()
        needed = mine is not None and not _is_written(asker)
        resources = recorded.everything() if needed else {}
    if mine is None or not needed:
        return
    has = journal.spelled(asker.version)
    holds = has is not None and journal.in_chain(has)
    pieces = pack_whole(resources)
    with transaction.atomic():
        for number, piece in enumerate(pieces):
            part = Part(version=mine.full, to=asker.version, holds=holds, number=number, of=len(pieces))
            ledger.append(ledger.CONFIG_PART, str(number), pack_part(part, piece), mine.epoch)
        _clear(beyond=len(pieces))


def _is_written(asker: Standing) -> bool:
    first = ledger.current(ledger.CONFIG_PART, "0")
    if first is None or first.origin != ledger.identity() or not first.body:
        return False
    written = unpack_part(first.body)[0]
    return written.to == asker.version and Version.parse(written.version) >= Version.parse(asker.wants)


def served() -> None:
    """Nobody asks any more: the parts are taken back."""
    _clear(beyond=0)


def staged(source: str) -> Staged | None:
    """The newest whole of this store, if all of it is here."""
    parts = _parts(source)
    if 0 not in parts or len(parts) != parts[0].of:
        return None
    return Staged(Version.parse(parts[0].version), parts[0])


def unpacked(found: Staged) -> dict[str, str]:
    """Its resources. Raises ValueError."""
    rows = Record.objects.filter(provider=ledger.CONFIG_PART)
    bodies = {int(row.key): bytes(row.body) for row in rows if row.key.isdigit()}
    return unpack_whole([unpack_part(bodies[number])[1] for number in range(found.head.of)])


def _parts(source: str) -> dict[int, Part]:
    """Parts of one and the same whole, the one of which the first part is here."""
    rows = Record.objects.filter(provider=ledger.CONFIG_PART, origin=source)
    parts = [unpack_part(bytes(row.body))[0] for row in rows if row.body]
    found = {part.number: part for part in parts}
    first = found.get(0)
    if first is None:
        return {}
    return {
        number: part
        for number, part in found.items()
        if (part.version, part.to, part.of) == (first.version, first.to, first.of)
    }


def _clear(beyond: int) -> None:
    mine = ledger.identity()
    for row in Record.objects.filter(provider=ledger.CONFIG_PART, origin=mine):
        if row.body and row.key.isdigit() and int(row.key) >= beyond:
            ledger.append(ledger.CONFIG_PART, row.key, b"", row.epoch)
