"""Births on record with both nodes of a pair, and those that only the peer has received.

A server's name may mean another broker on the other node ("this node's own"), so a record names the
server by its address, which means the same everywhere.

The node that acts keeps the record, and nobody else. A standby may be late (it was frozen, or its session at
a broker broke off between a goodbye and the birth behind it): what it would write last would take births off
the record that stand, and then neither it nor the next node that joins could ever learn of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from redundancy.config import Server
from redundancy.replication.ledger import BIRTH
from redundancy.replication.records import Record
from redundancy.site import Site
from sparkplug import (
    Birth,
    DeviceBorn,
    DeviceDied,
    EdgeNodeId,
    Effect,
    HostSession,
    NodeBorn,
    NodeDied,
    RemoteProtocolError,
)


class PeerBirths:
    """Hands them to the host session; `perform` carries out what follows. `servers` answers the set as
    this node names it now; `keeps`, whether this node acts."""

    def __init__(
        self,
        host: HostSession,
        site: Site,
        servers: Callable[[], Sequence[Server]],
        perform: Callable[[Sequence[Effect]], None],
        keeps: Callable[[], bool],
    ) -> None:
        self._host = host
        self._site = site
        self._servers = servers
        self._perform = perform
        self._keeps = keeps
        self.due = True
        """Whether `known` may tell news: at first, and when a server has come back, where edge nodes that
        never noticed will not be born again."""

    def follow(self, effect: NodeBorn | DeviceBorn | NodeDied | DeviceDied) -> None:
        """As the host session sees it: on record, if this node keeps it."""
        if not self._keeps():
            return
        match effect:
            case NodeBorn(birth=birth) | DeviceBorn(birth=birth):
                self._keep(birth)
            case DeviceDied(edge, device, _):
                self._forget(_key(edge, device))
            case NodeDied(edge):
                self._forget_all(edge)

    def take_over(self) -> None:
        """This node keeps the record from now on: let it say what is known here."""
        for birth in self._host.births():
            self._keep(birth)
        for key in self._site.ledger.all(BIRTH):
            if self._host.has_died(_edge(key), _device(key)):
                self._forget(key)

    def applied(self, records: Iterable[Record]) -> None:
        """The peer has just recorded these; what is older than what is known here changes nothing.

        A node that acts takes no word for it: deaths may be missing, and it can ask for a birth itself.
        """
        records = list(records)
        if not records:
            return
        if self._keeps():
            self.take_over()  # the peer acted, too, in a partition, or was late
            return
        for record in records:
            if not record.body:
                self._bury(record.key)
        # With all that is on record of them: a device's birth may have come before its node's.
        born = {_edge(record.key) for record in records if record.body}
        self._adopt_all(lambda key: _edge(key) in born)

    def known(self) -> None:
        """All that is on record: right only while the peer is active, or its deaths may be missing."""
        self.due = False
        self._adopt_all(lambda _: True)

    def _keep(self, birth: Birth) -> None:
        address = next((one.address for one in self._servers() if one.name == birth.server), birth.server)
        key = _key(birth.edge, birth.device)
        self._site.ledger.note(BIRTH, key, replace(birth, server=address).encode())

    def _forget_all(self, edge: EdgeNodeId) -> None:
        for key in self._site.ledger.all(BIRTH):
            if _edge(key) == edge:
                self._forget(key)

    def _forget(self, key: str) -> None:
        self._site.ledger.note(BIRTH, key, b"")

    def _adopt_all(self, wanted: Callable[[str], bool]) -> None:
        # Nodes before their devices: "Group/Edge" sorts before "Group/Edge/Device".
        for key, body in sorted(self._site.ledger.all(BIRTH).items()):
            if wanted(key):
                self._adopt(body)

    def _adopt(self, body: bytes) -> None:
        try:
            birth = Birth.decode(body)
        except RemoteProtocolError as error:
            self._site.trouble("birth-record", str(error))
            return
        name = next((one.name for one in self._servers() if one.address == birth.server), None)
        if name is not None:
            self._perform(self._host.adopt(replace(birth, server=name), self._site.clock.now()))

    def _bury(self, key: str) -> None:
        """An edge node has died whose birth we have only from the record: its NDEATH came before we
        listened, and nobody will send it again. The record doesn't say which of its births has ended."""
        edge = _edge(key)
        node = self._host.node(edge) if _device(key) is None else None
        if node is not None and node.online and node.adopted:
            why = "the peer has heard that it died"
            self._perform(self._host.out_of_sight(edge, why, self._site.clock.now()))


def _edge(key: str) -> EdgeNodeId:
    group, edge, *_ = key.split("/", 2)
    return EdgeNodeId(group, edge)


def _device(key: str) -> str | None:
    return key.split("/", 2)[2] if key.count("/") > 1 else None


def _key(edge: EdgeNodeId, device: str | None) -> str:
    return str(edge) if device is None else f"{edge}/{device}"
