"""Changes made on both sides of a cut: the lower ones are kept under a name until a person decides.

What is kept is what the yielding node had changed since both had the same, as far as it still knows, and
else all in which it differed. It is a record like others, so either node shows it and either may settle
it when it acts.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from hmi.replication import journal, ledger
from hmi.replication.descent import Version
from hmi.replication.entries import Kept, packed, unpacked
from hmi.replication.models import Conflict
from hmi.replication.resources import changes
from redundancy.replication.records import MAX_BODY, Record


def keep(mine: dict[str, str], theirs: dict[str, str], live: Version, source: str) -> None:
    """Keep what was changed here and is not in `theirs`, which is `live` from now on."""
    differing = changes(theirs, mine)
    here, version = journal.head(), journal.version()
    common = journal.spelled(here.common) if here.common_with == source else None
    own = journal.changed_since(common.full) if common else None
    items = differing if own is None else {key: body for key, body in differing.items() if key in own}
    if not items or version is None:
        return
    node = journal.own_name()
    kept = Kept(
        name=f"{node or 'this node'} {version}",
        node=node,
        version=version.full,
        live=live.full,
        at=int(timezone.now().timestamp() * 1000),
        own_only=own is not None,
        items=items,
    )
    _say(kept, live.epoch)


def open_ones() -> QuerySet[Conflict]:
    """Those that still wait for a person."""
    return Conflict.objects.filter(settled_at=None)


def settled(conflict: Conflict, by: str, taken: int) -> None:
    """A person has decided; how many of its items were taken. In the transaction that took them."""
    mine = journal.version()
    kept = Kept(
        name=conflict.name,
        node=conflict.node,
        version=conflict.version,
        live=conflict.live,
        at=_ms(conflict.at),
        own_only=conflict.own_only,
        items=conflict.items,
        settled_by=by,
        settled_at=_ms(timezone.now()),
        taken=taken,
    )
    _say(kept, mine.epoch if mine else 0)


def project(record: Record) -> None:
    """The row of a conflict's record. Raises ValueError."""
    kept = unpacked(Kept, record.body)
    if kept.name != record.key:
        raise ValueError("name: is not the record's key")
    fields = kept.model_dump(exclude={"name", "at", "settled_at", "items"})
    fields |= {"at": _time(kept.at), "settled_at": _time(kept.settled_at) if kept.settled_at else None}
    if kept.items is not None:
        fields["items"] = kept.items
    Conflict.objects.update_or_create(pk=kept.name, defaults=fields)


def _say(kept: Kept, epoch: int) -> None:
    body = packed(kept)
    if len(body) > MAX_BODY:
        # Too much to send: the row here has it all, the other node knows that it is there.
        body = packed(kept.model_copy(update={"items": None}))
    with transaction.atomic():
        _, record = ledger.append(ledger.CONFIG_CONFLICT, kept.name, body, epoch)
        project(record)
        Conflict.objects.filter(pk=kept.name).update(items=kept.items)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
