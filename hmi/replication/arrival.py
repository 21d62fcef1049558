"""What the other node has told about its configuration, taken up here: change by change, or as a whole.

`settle` is called after every batch of records and whenever the two nodes meet. It looks at what the
ledger holds and does what is still to be done; each step is one transaction, so that a crash between any
two of them leaves the old configuration or the new one, and the next call goes on from there.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction

from hmi.replication import conflicts, contents, journal, ledger, recorded, wholes
from hmi.replication.checks import check
from hmi.replication.descent import Course, Side, Version, course
from hmi.replication.entries import Entry, Standing, unpacked
from hmi.replication.models import Head, RejectedDocument
from hmi.replication.resources import Changes, changes, join
from hmi.replication.schema import ConfigDocument

_log = logging.getLogger(__name__)


def settle(source: str) -> None:
    """Do what the records of the store called `source` ask for, as far as they have come."""
    while _next_change(source) or _whole(source):
        pass
    theirs = journal.standing_of(source)
    if theirs is None:
        return
    with transaction.atomic():
        asked = _answer(source, theirs)
    if asked:
        wholes.serve(theirs)


def _next_change(source: str) -> bool:
    """Apply the change that was made of the version here, if it is there."""
    mine = journal.version()
    held = ledger.current(ledger.CONFIG_CHANGE, journal.slot(mine.revision + 1 if mine else 1))
    if held is None or not held.body:
        return False
    entry = unpacked(Entry, held.body)
    after = Version.parse(entry.version)
    fits = entry.parent == (mine.full if mine else "") and (mine is None or after > mine)
    if not fits or entry.changes is None or entry.version == journal.head().refused:
        return False
    try:
        with transaction.atomic():
            _apply(after, entry, entry.changes)
            journal.shared(source, after)
            _accepted()
    except ValueError as error:
        _refuse(after, source, str(error))
        return False
    return True


def _apply(after: Version, entry: Entry, changed: Changes) -> None:
    if not changed:
        # Written anew for a re-sync: the same contents, and a look at whether the rows say so.
        drifted = recorded.edited()
        was = recorded.bodies(drifted)
        _write({key: was.get(key) for key in drifted})
    else:
        contents.write(changed)
    journal.follow(after, entry.node, entry.who, entry.summary, changed)
    contents.judge(changed)
    contents.keep_own_file(changed)
    journal.announce()


def _write(changed: Changes) -> None:
    if changed:
        contents.write(changed)
        recorded.put(changed)


def _whole(source: str) -> bool:
    """Switch to a whole that has come, if it is one to follow."""
    theirs, found = journal.standing_of(source), wholes.staged(source)
    if theirs is None or found is None or found.version.full == journal.head().refused:
        return False
    mine = journal.side()
    way = _course(mine, Side(found.version, theirs.fresh), source, holds_mine=found.holds(_version(mine)))
    if way not in (Course.FOLLOW, Course.CONFLICT):
        return False
    try:
        # Most of the work, and none of it keeps others from writing.
        resources = wholes.unpacked(found)
        document = join(resources)
        check(document, settings.NODE)
        with transaction.atomic():
            if journal.side() != mine:
                return False  # an edit came in between; the next call judges anew
            _switch(source, found.version, theirs, resources, document, keep=way is Course.CONFLICT)
            _accepted()
    except ValueError as error:
        _refuse(found.version, source, str(error))
        return False
    return True


def _switch(
    source: str,
    after: Version,
    theirs: Standing,
    resources: dict[str, str],
    document: ConfigDocument,
    *,
    keep: bool,
) -> None:
    before = recorded.everything()
    if keep:
        conflicts.keep(before, resources, after, source)
    changed = changes(before, resources)
    drifted = {key: resources.get(key) for key in recorded.edited()}
    contents.write(drifted | changed, document)
    journal.follow(after, theirs.node, "", "everything", drifted | changed)
    contents.keep_own_file(changed)
    journal.shared(source, after)
    journal.announce()


def _answer(source: str, theirs: Standing) -> bool:
    """Where nothing is to be taken now: agree, or ask. Whether the other node asks and is to be served."""
    mine, version = journal.side(), journal.spelled(theirs.version)
    way = _course(mine, Side(version, theirs.fresh) if version else None, source)
    if way is Course.SAME and version is not None:
        journal.adopt(version)
        if (agreed := journal.version()) is not None:
            journal.shared(source, agreed)
        journal.announce()
        wholes.served()
    elif way is not Course.LEAD:
        refused = journal.head().refused
        journal.ask(None if version is None or version.full == refused else version)
        wholes.served()
    else:
        journal.ask(None)
        if version is not None and journal.in_chain(version):
            journal.shared(source, version)
        if theirs.wants:
            return True
        wholes.served()
    return False


def _course(mine: Side | None, theirs: Side | None, source: str, *, holds_mine: bool = False) -> Course:
    here = journal.head()
    common = journal.spelled(here.common) if here.common_with == source else None
    return course(mine, theirs, in_my_chain=journal.in_chain, common=common, holds_mine=holds_mine)


def _version(side: Side | None) -> Version | None:
    return None if side is None else side.version


def _accepted() -> None:
    Head.objects.filter(pk=1).update(refused="")
    RejectedDocument.objects.filter(provider=ledger.CONFIG, key=ledger.CONFIG).delete()


def _refuse(after: Version, source: str, reason: str) -> None:
    """Keep the version out, and say so until a good one comes; it is not asked for again."""
    _log.warning("configuration %s of the peer was kept out: %s", after, reason)
    with transaction.atomic():
        journal.head()
        Head.objects.filter(pk=1).update(refused=after.full)
        RejectedDocument.objects.update_or_create(
            provider=ledger.CONFIG,
            key=ledger.CONFIG,
            defaults={
                "epoch": after.epoch,
                "clock": after.revision,
                "origin": source[:100],
                "reason": reason[:2000],
            },
        )
