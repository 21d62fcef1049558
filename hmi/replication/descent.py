"""Which of two configurations a pair goes on with, and whether anything would be lost. Pure.

A configuration's history is a chain of versions, each made from its parent by one change. A node knows
its own chain, the other node's version, and the last version that both have had. From these follows, on
each node by itself and on both alike, what is to be done:

| the other's version                                    | course     |
|--------------------------------------------------------|------------|
| none, or one of my own chain                           | LEAD       |
| other contents, and mine outranks it                   | LEAD       |
| the same contents                                      | SAME       |
| outranks mine, and its chain holds mine                | FOLLOW     |
| outranks mine, and it has had all that I have          | FOLLOW     |
| outranks mine, and changes made here are not in it     | CONFLICT   |

LEAD: the other one comes to me; nothing to do here but to answer. FOLLOW: take theirs. CONFLICT: keep
what was changed here under a name, then take theirs. What outranks what is a total order, so that both
nodes never lead, nor follow, at once: a higher epoch, then a higher revision. One thing goes before: what
a fresh installation brought along, and no other node has ever had, outranks nothing that lives.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

_MODULUS = 2**256
_SPELLING = re.compile(r"(\d{1,18})\.(\d{1,18})-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """`epoch` is the lease term of the change, `revision` its number in the chain, `digest` 64 hex digits.

    `str` is what people see, `full` what the nodes tell each other.
    """

    epoch: int
    revision: int
    digest: str

    def __str__(self) -> str:
        return f"{self.epoch}.{self.revision}-{self.digest[:8]}"

    @property
    def full(self) -> str:
        return f"{self.epoch}.{self.revision}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """The inverse of `full`. Raises ValueError."""
        found = _SPELLING.fullmatch(text)
        if found is None:
            raise ValueError("is not a version of a configuration")
        return cls(int(found[1]), int(found[2]), found[3])

    def next(self, epoch: int, digest: str) -> Version:
        """Of the change that follows; never less, also when its maker knows an older epoch."""
        return Version(max(epoch, self.epoch), self.revision + 1, digest)


class Digest:
    """The digest of a set of resources: the sum of their hashes, so one that changes costs one hash."""

    def __init__(self, start: str = "") -> None:
        self._sum = int(start, 16) if start else 0

    def add(self, key: str, body: str) -> None:
        self._sum = (self._sum + _term(key, body)) % _MODULUS

    def take(self, key: str, body: str) -> None:
        self._sum = (self._sum - _term(key, body)) % _MODULUS

    def __str__(self) -> str:
        return f"{self._sum:064x}"


def _term(key: str, body: str) -> int:
    return int.from_bytes(sha256(f"{key}\0{body}".encode()).digest())


class Course(Enum):
    """See the table above."""

    LEAD = "lead"
    SAME = "same"
    FOLLOW = "follow"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Side:
    """One node's configuration. `fresh`: as it was installed, and never yet on any other node."""

    version: Version
    fresh: bool = False

    @property
    def rank(self) -> tuple[bool, Version]:
        return not self.fresh, self.version


def course(
    mine: Side | None,
    theirs: Side | None,
    *,
    in_my_chain: Callable[[Version], bool],
    common: Version | None,
    holds_mine: bool = False,
) -> Course:
    """What to do here. `common` is the last version that this very peer and I have both had.

    `holds_mine` is the other's word that my version is in its chain; without it, as long as it has not
    been asked, the answer may be CONFLICT where FOLLOW would do.
    """
    if theirs is None:
        return Course.LEAD
    if mine is None:
        return Course.FOLLOW
    if mine.version.digest == theirs.version.digest:
        return Course.SAME
    if in_my_chain(theirs.version) or mine.rank > theirs.rank:
        return Course.LEAD
    return Course.FOLLOW if holds_mine or mine.version == common else Course.CONFLICT


def agreed(mine: Version, theirs: Version) -> Version:
    """The name that both give to the same contents."""
    return max(mine, theirs)
