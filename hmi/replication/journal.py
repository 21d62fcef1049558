"""This node's chain of configurations: where it stands, and each change as it is recorded and told.

Every function that writes is called in a transaction, together with the rows that it is about.
"""

from __future__ import annotations

from django.conf import settings

from hmi.replication import ledger, recorded
from hmi.replication.descent import Digest, Side, Version, agreed
from hmi.replication.entries import ENTRY_BYTES, RING, Entry, Standing, packed, unpacked
from hmi.replication.models import Change, Head, Record
from hmi.replication.resources import Changes

_KEPT = 5_000
_MOST_KEYS = 1_000


def head() -> Head:
    """Where this node stands."""
    return Head.objects.get_or_create(pk=1)[0]


def version() -> Version | None:
    """The version in force here, None before the first one."""
    return spelled(head().version)


def side() -> Side | None:
    """This node's configuration as `descent` judges it."""
    here = head()
    mine = spelled(here.version)
    return None if mine is None else Side(mine, fresh=mine.epoch == 0 and not here.common)


def spelled(full: str) -> Version | None:
    """A version out of a row or a record, where nothing is none."""
    return Version.parse(full) if full else None


def in_chain(one: Version) -> bool:
    """Whether this node's configuration was made from that one."""
    return Change.objects.filter(version=one.full).exists()


def record(changes: Changes, who: str, summary: str, epoch: int) -> Version:
    """A change made here: the next version, recorded and told to the other node."""
    parent = version()
    digest = _put(changes)
    after = parent.next(epoch, digest) if parent else Version(epoch, 1, digest)
    _link(after, own_name(), who, summary, changes)
    tell(after, parent, who, summary, changes)
    announce()
    return after


def follow(after: Version, node: str, who: str, summary: str, changes: Changes) -> None:
    """A change made on the other node. Raises ValueError if it does not lead to the version it names."""
    if _put(changes) != after.digest:
        raise ValueError(f"does not lead to version {after}, which it names")
    _link(after, node, who, summary, changes)


def adopt(theirs: Version) -> None:
    """The other node has the same contents: both call them by the greater name."""
    mine = version()
    assert mine is not None
    if (name := agreed(mine, theirs)) != mine:
        _link(name, own_name(), "", "the same contents on both nodes", {})


def renew(epoch: int, above: Version | None) -> None:
    """The same contents as a new version, that outranks `above` too: what is here is to hold."""
    parent = version()
    if parent is None:
        return
    floor = max(parent, above) if above else parent
    after = floor.next(epoch, parent.digest)
    _link(after, own_name(), "", "re-sync", {})
    tell(after, parent, "", "re-sync", {})
    announce()


def shared(with_store: str, common: Version) -> None:
    """The other node has this version too."""
    here = head()
    if (here.common, here.common_with) == (common.full, with_store):
        return
    was_fresh = not here.common
    Head.objects.filter(pk=1).update(common=common.full, common_with=with_store)
    if was_fresh:
        announce()


def ask(wanted: Version | None) -> None:
    """Tell the other node which version is wanted from it as a whole; None: nothing any more."""
    full = wanted.full if wanted else ""
    if head().wants != full:
        Head.objects.filter(pk=1).update(wants=full)
        announce()


def announce() -> None:
    """Tell the other node where this one stands."""
    here, mine = head(), side()
    said = Standing(node=own_name(), version=here.version, fresh=bool(mine and mine.fresh), wants=here.wants)
    body, key = packed(said), ledger.identity()
    held = ledger.current(ledger.CONFIG, key)
    if held is None or held.body != body:
        ledger.append(ledger.CONFIG, key, body, mine.version.epoch if mine else 0)


def standing_of(store: str) -> Standing | None:
    """What the node with this store last told about itself."""
    held = ledger.current(ledger.CONFIG, store)
    return unpacked(Standing, held.body) if held is not None and held.body else None


def highest_seen() -> Version | None:
    """The greatest version that any other node has told of."""
    told = Record.objects.filter(provider=ledger.CONFIG).exclude(key=ledger.identity())
    found = [spelled(unpacked(Standing, bytes(row.body)).version) for row in told if row.body]
    return max((each for each in found if each is not None), default=None)


def tell(after: Version, parent: Version | None, who: str, summary: str, changes: Changes) -> None:
    """Write the change where the other node finds it."""
    small = sum(len(key) + len(body or "") for key, body in changes.items()) <= ENTRY_BYTES
    entry = Entry(
        version=after.full,
        parent=parent.full if parent else "",
        node=own_name(),
        who=who[:150],
        summary=summary[:500],
        changes=changes if small else None,
    )
    ledger.append(ledger.CONFIG_CHANGE, slot(after.revision), packed(entry), after.epoch)


def slot(revision: int) -> str:
    """Where in the ledger the change to this revision is."""
    return str(revision % RING)


def own_name() -> str:
    """This node's, empty without a data folder (tests, commands)."""
    return settings.NODE.node if settings.NODE else ""


def changed_since(version: str) -> set[str] | None:
    """The keys that were changed here since that version, in short or in full; None if that is not known
    any more."""
    start = Change.objects.filter(version__startswith=version).values_list("pk", flat=True).first()
    if start is None:
        return None
    found: set[str] = set()
    for keys in Change.objects.filter(pk__gt=start).values_list("keys", flat=True):
        if keys is None:
            return None
        found |= set(keys)
    return found


def _put(changes: Changes) -> str:
    """Record what changed; the digest of all that is recorded now."""
    mine = version()
    digest, before = Digest(mine.digest if mine else ""), recorded.bodies(changes)
    for key, body in changes.items():
        if key in before:
            digest.take(key, before[key])
        if body is not None:
            digest.add(key, body)
    recorded.put(changes)
    return str(digest)


def _link(after: Version, node: str, who: str, summary: str, changes: Changes) -> None:
    keys = sorted(changes) if len(changes) <= _MOST_KEYS else None
    link = Change.objects.create(
        version=after.full, node=node[:100], who=who[:150], summary=summary[:500], keys=keys
    )
    Change.objects.filter(pk__lte=link.pk - _KEPT).delete()
    wants = head().wants
    lacks = bool(wants) and Version.parse(wants) > after
    Head.objects.filter(pk=1).update(version=after.full, wants=wants if lacks else "")
