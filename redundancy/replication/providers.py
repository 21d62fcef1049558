"""The providers of what the nodes of a pair tell each other, each with what it is for and how it stands.

Whoever writes records registers here, once, at import; alarms and journals will do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redundancy.replication import ledger
from redundancy.replication.records import Record


@dataclass(frozen=True, slots=True)
class Provider:
    """`name` as in its records. `what`: one phrase for people."""

    name: str
    what: str


_REGISTERED: dict[str, Provider] = {}


def register(name: str, what: str) -> None:
    """Raises ValueError for a name that is taken: two writers of one key would undo each other."""
    if name in _REGISTERED:
        raise ValueError(f"provider {name} is registered already")
    _REGISTERED[name] = Provider(name, what)


def registered() -> list[Provider]:
    """In the order of their registration."""
    return list(_REGISTERED.values())


@dataclass(slots=True)
class Pulled:
    """What has come of one provider from the peer since the start. `last`: mono seconds, None for never."""

    records: int = 0
    last: float | None = None


class Pulls:
    """By provider, of one node."""

    def __init__(self) -> None:
        self._pulled: dict[str, Pulled] = {}

    def applied(self, records: Sequence[Record], now: float) -> None:
        """These records of the peer have won here."""
        for record in records:
            pulled = self._pulled.setdefault(record.provider, Pulled())
            pulled.records += 1
            pulled.last = now

    def of(self, provider: str) -> Pulled:
        """An empty one for a provider of which nothing has come."""
        return self._pulled.get(provider) or Pulled()


for _name, _what in (
    (ledger.STATE_CLOCK, "the highest STATE timestamp that was given out"),
    (ledger.HOST_STATE, "the highest STATE timestamp that an edge node has seen"),
    (ledger.BDSEQ, "bdSeq of each edge node's latest session"),
    (ledger.TRANSMITTER, "whether the samples of each edge node reach a host"),
    (ledger.BIRTH, "births, by which the standby understands data that it was not awake for"),
    (ledger.COMMAND, "commands that wait for their echo"),
    (ledger.MAINTENANCE, "nodes that are in maintenance"),
    (ledger.CHANGEOVER, "reports of changeovers"),
):
    register(_name, _what)
