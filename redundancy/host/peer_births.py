"""Births on record with both nodes of a pair, and those that only the peer has received.

A server's name may mean another broker on the other node ("this node's own"), so a record names the
server by its address, which means the same everywhere.
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
    DataType,
    EdgeNodeId,
    Effect,
    HostSession,
    MessageType,
    Metric,
    Payload,
    RemoteProtocolError,
    Topic,
    encode,
)
from sparkplug.vocabulary import BD_SEQ


class PeerBirths:
    """Hands them to the host session; `perform` carries out what follows. `servers` answers the set as
    this node names it now."""

    def __init__(
        self,
        host: HostSession,
        site: Site,
        servers: Callable[[], Sequence[Server]],
        perform: Callable[[Sequence[Effect]], None],
    ) -> None:
        self._host = host
        self._site = site
        self._servers = servers
        self._perform = perform
        self.due = True
        """Whether `known` may tell news: at first, and when a server has come back, where edge nodes that
        never noticed will not be born again."""

    def keep(self, birth: Birth) -> None:
        """Put a birth that was received here on record."""
        address = next((one.address for one in self._servers() if one.name == birth.server), birth.server)
        key = str(birth.edge) if birth.device is None else f"{birth.edge}/{birth.device}"
        self._site.ledger.note(BIRTH, key, replace(birth, server=address).encode())

    def applied(self, records: Iterable[Record]) -> None:
        """The peer has just recorded these; what is older than what is known here changes nothing."""
        for record in records:
            if record.body:
                self._adopt(record.body)
            else:
                self._bury(record.key)

    def known(self) -> None:
        """All that is on record: right only while the peer is active, or its deaths may be missing."""
        self.due = False
        # Nodes before their devices: "Group/Edge" sorts before "Group/Edge/Device".
        for _, body in sorted(self._site.ledger.all(BIRTH).items()):
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
        listened, and nobody will send it again."""
        edge = EdgeNodeId(*key.split("/")) if key.count("/") == 1 else None
        node = self._host.node(edge) if edge is not None else None
        if edge is None or node is None or not (node.online and node.adopted):
            return
        now = self._site.clock.now()
        death = encode(Payload(now.wall, (Metric(BD_SEQ, DataType.Int64, node.bd_seq, now.wall),)))
        topic = str(Topic(MessageType.NDEATH, edge))
        self._perform(self._host.receive(node.server, topic, death, now))
