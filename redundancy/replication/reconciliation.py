"""Making two histories equal: what one node asks of the other, and how that answers. No sockets, no clock.

History is a set: an item's key is (name, ms), and what else there is to an item is the store's affair. Each
node asks for what it lacks, so after both have asked they hold the same. The asker begins with one digest
of everything and goes down where digests differ: days, hours, minutes, names within a minute, items.

    asker -> holder   {"kind": "slots", "n": n, "level": l, "start": ms, "end": ms}
    holder -> asker   {"kind": "slots", "n": n, "end": ms, "slots": [[start, size, total], ...]}
    asker -> holder   {"kind": "names", "n": n, "start": ms, "end": ms, "after": hash}
    holder -> asker   {"kind": "names", "n": n, "names": [[hash, size, total], ...]}
    asker -> holder   {"kind": "items", "n": n, "start": ms, "end": ms, "names": [hash, ...],
                       "after": cursor}
    holder -> asker   {"kind": "items", "n": n, "items": [...], "after": cursor}

Ranges are start <= ms < end. A holder lowers `end` to what has settled at its side, too. One question is on
its way at a time and nothing is remembered between rounds: cut anywhere, the next round begins anew and
costs what still differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
WIDTHS = (2**62, DAY, 60 * MINUTE, MINUTE)
"""ms of a slot by level: everything, a day, an hour, a minute."""
MOST_SLOTS = 1000
MOST_NAMES = 1000
MOST_ASKED = 100
"""Names whose items are asked for at once."""
MOST_ITEMS = 2000
_HIGHEST = 2**63 - 1
_LONGEST_NAME = 4096

Cursor = tuple[str, int]
"""(name, ms) of the last item that was sent: a page goes on behind it."""


class Unavailable(Exception):
    """A store can't be asked at present; the message says why."""


class Digest(NamedTuple):
    """Under `key` (a slot's first ms, or a name's hash): how many items, and the sum of their marks."""

    key: int
    size: int
    total: int


class ItemStore(Protocol):
    """One node's items. Every call blocks, and comes from one and the same thread; raises Unavailable.

    Marks and hashes of names must be the same at both nodes. Digests come without empty ones, rising.
    """

    def slots(self, start: int, end: int, width: int, limit: int) -> list[Digest]:
        """Of the first `limit` slots of `width` ms. `start` begins a slot; `end` may cut one short."""

    def names(self, start: int, end: int, after: int, limit: int) -> list[Digest]:
        """Of the first `limit` hashes beyond `after`."""

    def items(
        self, start: int, end: int, names: Sequence[int], after: Cursor | None
    ) -> tuple[list[Any], Cursor | None]:
        """What these hashes' names have, as JSON holds it, in order of (name, ms); where to go on, or None.

        A page is what the store thinks fit, one item at least and MOST_ITEMS at most.
        """

    def add(self, items: list[Any]) -> int:
        """Keep what is new of the other node's items, all in one go; how many were. Raises ValueError."""

    def close(self) -> None:
        """Nothing more will be asked."""


@dataclass(frozen=True, slots=True)
class _Slots:
    level: int
    start: int
    end: int

    def wire(self) -> dict[str, Any]:
        return {"kind": "slots", "level": self.level, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class _Names:
    start: int
    end: int
    after: int = -1

    def wire(self) -> dict[str, Any]:
        return {"kind": "names", "start": self.start, "end": self.end, "after": self.after}


@dataclass(frozen=True, slots=True)
class _Items:
    start: int
    end: int
    names: tuple[int, ...]
    after: Cursor | None = None

    def wire(self) -> dict[str, Any]:
        after = None if self.after is None else list(self.after)
        names = list(self.names)
        return {"kind": "items", "start": self.start, "end": self.end, "names": names, "after": after}


class Round:
    """One comparison from the asker's side, of everything before `end` (ms).

    Ask `question()`, hand the answer to `heard`, until there is no question left. Newest slots come first.
    """

    def __init__(self, store: ItemStore, end: int) -> None:
        self._store = store
        self._open: list[_Slots | _Names | _Items] = [_Slots(0, 0, end)]
        self.here = 0
        """Items on this node when the round began; `there`: on the other."""
        self.there = 0
        self.equal = False
        """The histories were equal when the round began."""
        self.differing = 0
        """Minutes in which the other node had something that this one may lack."""
        self.taken = 0
        """Items that have come new."""

    def question(self) -> dict[str, Any] | None:
        """What to ask next; None when the round is over."""
        return self._open[-1].wire() if self._open else None

    def heard(self, answer: dict[str, Any]) -> None:
        """The answer to `question()`. Raises ValueError for one that can't be used: then the round goes on
        without it. Raises Unavailable. Blocks on the store.
        """
        asked = self._open.pop()
        if answer.get("kind") != asked.wire()["kind"]:
            raise ValueError(f"kind: {str(answer.get('kind'))[:40]!r} is no answer to what was asked")
        match asked:
            case _Slots():
                self._compare_slots(asked, answer)
            case _Names():
                self._compare_names(asked, answer)
            case _Items():
                self._take(asked, answer)

    def _compare_slots(self, asked: _Slots, answer: dict[str, Any]) -> None:
        width = WIDTHS[asked.level]
        end = min(asked.end, whole(answer, "end"))
        theirs = digests(answer, "slots", MOST_SLOTS)
        if any(slot.key % width or not asked.start <= slot.key < end for slot in theirs):
            raise ValueError("slots: one lies outside of what was asked for")
        if len(theirs) == MOST_SLOTS:
            end, rest = min(end, theirs[-1].key + width), end
            if end < rest:
                self._open.append(_Slots(asked.level, end, rest))
        mine = {slot.key: slot for slot in self._store.slots(asked.start, end, width, _HIGHEST)}
        if asked.level == 0:
            self.here, self.there = sum(m.size for m in mine.values()), sum(t.size for t in theirs)
            self.equal = list(mine.values()) == theirs
        for slot in theirs:
            if mine.get(slot.key) != slot:
                self._open.append(self._below(asked.level, slot.key, min(end, slot.key + width)))

    def _below(self, level: int, start: int, end: int) -> _Slots | _Names:
        if level + 1 < len(WIDTHS):
            return _Slots(level + 1, start, end)
        self.differing += 1
        return _Names(start, end)

    def _compare_names(self, asked: _Names, answer: dict[str, Any]) -> None:
        theirs = digests(answer, "names", MOST_NAMES)
        if theirs and theirs[0].key <= asked.after:
            raise ValueError("names: one comes a second time")
        if len(theirs) == MOST_NAMES:
            self._open.append(_Names(asked.start, asked.end, theirs[-1].key))
        mine: dict[int, Digest] = {}
        after, last = asked.after, theirs[-1].key if theirs else asked.after
        while after < last and (page := self._store.names(asked.start, asked.end, after, MOST_NAMES)):
            mine |= {name.key: name for name in page}
            after = page[-1].key
        wanted = [name.key for name in theirs if mine.get(name.key) != name]
        for first in range(0, len(wanted), MOST_ASKED):
            self._open.append(_Items(asked.start, asked.end, tuple(wanted[first : first + MOST_ASKED])))

    def _take(self, asked: _Items, answer: dict[str, Any]) -> None:
        items, after = answer.get("items"), cursor(answer)
        if not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise ValueError(f"items: is not a list of at most {MOST_ITEMS}")
        if after is not None:
            # Without an end in sight and without a step towards it, one question would be asked for ever.
            if not items or (asked.after is not None and after <= asked.after):
                raise ValueError("after: does not go on")
            self._open.append(_Items(asked.start, asked.end, asked.names, after))
        self.taken += self._store.add(items)


class Holder:
    """Answers the other node's questions out of a store."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store

    def answer(self, question: dict[str, Any], settled: int) -> dict[str, Any]:
        """Of what is older than `settled` (ms). Blocks. Raises ValueError (naming the field), Unavailable."""
        kind = question.get("kind")
        if kind not in ("slots", "names", "items"):
            raise ValueError(f"kind: {str(kind)[:40]!r} is unknown")
        start, end = whole(question, "start"), min(whole(question, "end"), settled)
        if kind == "slots":
            level = whole(question, "level")
            if level >= len(WIDTHS) or start % WIDTHS[level]:
                raise ValueError("level: is none, or does not begin at start")
            found = self._store.slots(start, end, WIDTHS[level], MOST_SLOTS) if start < end else []
            return {"kind": kind, "end": max(end, 0), "slots": [list(slot) for slot in found]}
        if kind == "names":
            after = question.get("after")
            after = -1 if after == -1 else whole(question, "after")
            found = self._store.names(start, end, after, MOST_NAMES)
            return {"kind": kind, "names": [list(name) for name in found]}
        items, last = self._store.items(start, end, _hashes(question), cursor(question))
        return {"kind": kind, "items": items, "after": None if last is None else list(last)}


def digests(message: dict[str, Any], name: str, most: int) -> list[Digest]:
    """A field of digests, rising. Raises ValueError naming it."""
    raw = message.get(name)
    if not isinstance(raw, list) or len(raw) > most:
        raise ValueError(f"{name}: is not a list of at most {most}")
    found: list[Digest] = []
    for one in raw:
        if not isinstance(one, list) or len(one) != 3 or not all(_counts(number) for number in one):
            raise ValueError(f"{name}: holds what is no digest")
        if found and one[0] <= found[-1].key:
            raise ValueError(f"{name}: does not rise")
        found.append(Digest(*one))
    return found


def cursor(message: dict[str, Any]) -> Cursor | None:
    """The field `after` of a page. Raises ValueError naming it."""
    raw = message.get("after")
    if raw is None:
        return None
    match raw:
        case [str() as name, int() as at] if len(name) <= _LONGEST_NAME and _counts(at):
            return name, at
    raise ValueError("after: is not [name, ms]")


def whole(message: dict[str, Any], name: str) -> int:
    """A field that counts. Raises ValueError naming it."""
    value = message.get(name)
    if isinstance(value, int) and _counts(value):
        return value
    raise ValueError(f"{name}: is not a whole number")


def _hashes(message: dict[str, Any]) -> list[int]:
    names = message.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= MOST_ASKED or not all(map(_counts, names)):
        raise ValueError(f"names: is not a list of 1 to {MOST_ASKED} hashes")
    return names


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _HIGHEST
