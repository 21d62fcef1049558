"""Who may come in, under which client id, and what they may read and write.

ACL entries are written as Ignition writes them: `R filter` (subscribe), `W filter` (publish),
`RW filter`. With a `-` in front an entry takes away what others give; a denial always wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from redundancy.distributor import topics

_CACHED = 2000
_LONGEST_CACHED = 512


def entry_fault(entry: str) -> str | None:
    """Why this is not an ACL entry; None if it is one."""
    kind, _, text = entry.partition(" ")
    if kind.removeprefix("-") not in ("R", "W", "RW"):
        return f"{entry!r} does not begin with R, W, RW, -R, -W or -RW and a space"
    fault = topics.filter_fault(text)
    return None if fault is None else f"{entry!r}: {fault}"


class Rights:
    """A compiled ACL. The entries must have no fault."""

    def __init__(self, acl: Iterable[str]) -> None:
        self.acl = tuple(acl)
        self._given: dict[str, list[str]] = {"R": [], "W": []}
        self._denied: dict[str, list[str]] = {"R": [], "W": []}
        self._writable: dict[str, bool] = {}
        for entry in self.acl:
            kind, _, text = entry.partition(" ")
            table = self._denied if kind.startswith("-") else self._given
            for right in kind.removeprefix("-"):
                table[right].append(text)

    def may_read(self, topic: str) -> bool:
        """May messages of this topic be delivered?"""
        return self._allows("R", topic)

    def may_write(self, topic: str) -> bool:
        """May the topic be published to? `$SYS` is the server's own whatever the ACL says."""
        known = self._writable.get(topic)
        if known is not None:
            return known
        allowed = not topic.startswith("$SYS/") and self._allows("W", topic)
        if len(topic) <= _LONGEST_CACHED:
            if len(self._writable) >= _CACHED:
                self._writable.clear()
            self._writable[topic] = allowed
        return allowed

    def may_subscribe(self, text: str) -> bool:
        """Could a subscription to this filter ever deliver anything?"""
        if any(topics.covers(denied, text) for denied in self._denied["R"]):
            return False
        return any(topics.overlaps(given, text) for given in self._given["R"])

    def _allows(self, right: str, topic: str) -> bool:
        if any(topics.matches(denied, topic) for denied in self._denied[right]):
            return False
        return any(topics.matches(given, topic) for given in self._given[right])


class Patterns:
    """Client id patterns in which only `*` is special: edge node names may hold brackets."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._expressions = [
            re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)
            for pattern in self.patterns
        ]

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def match(self, client_id: str) -> bool:
        return any(expression.fullmatch(client_id) for expression in self._expressions)


NOBODY = Patterns(())


@dataclass(frozen=True, slots=True)
class User:
    """One user name; several clients may use it. Without `client_ids` every unreserved id is theirs."""

    username: str
    password_hash: str = field(repr=False)
    rights: Rights
    client_ids: Patterns = NOBODY


@dataclass(frozen=True, slots=True)
class Access:
    """All users, and the client ids that are not for everybody.

    `reserved` ids need a user whose own patterns name them. Sessions of `fenced` ids do not outlive a
    stall of this process that is longer than a lease: their owner may have been replaced meanwhile.
    """

    users: dict[str, User]
    reserved: Patterns = NOBODY
    fenced: Patterns = NOBODY

    def today(self, user: User, client_id: str) -> User | None:
        """The account as it is now; None if it is gone, or may no longer use that client id."""
        found = self.users.get(user.username)
        return None if found is None or self.client_id_fault(found, client_id) is not None else found

    def client_id_fault(self, user: User, client_id: str) -> str | None:
        """Why the user may not use this client id; None if they may."""
        if user.client_ids:
            if not user.client_ids.match(client_id):
                return f"user {user.username} may not use client id {client_id!r}"
        elif self.reserved.match(client_id):
            return f"client id {client_id!r} is reserved"
        return None
