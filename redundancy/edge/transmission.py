"""MQTT Transmission: the edge nodes of this gateway, published by whichever node holds the lease."""

from __future__ import annotations

from collections.abc import Callable

from redundancy.config import TransmissionConfig, Transmitter
from redundancy.edge.edge_link import EdgeLink
from redundancy.ports import EdgeTags, EdgeView
from redundancy.replication.ledger import TRANSMITTER
from redundancy.site import Site
from sparkplug import EdgeNodeId, Metric


class Transmission:
    """All transmitters. `on_progress` is called when one of them comes online or goes."""

    def __init__(
        self, config: TransmissionConfig, site: Site, tags: EdgeTags, on_progress: Callable[[], None]
    ) -> None:
        self.config = config
        self._site = site
        self._tags = tags
        self._on_progress = on_progress
        self._acting = self._peer_acts = False
        self._started = site.clock.now().mono
        self._links: dict[EdgeNodeId, EdgeLink] = {}
        for transmitter in config.transmitters:
            self._add(transmitter)

    def act(self) -> None:
        """Connect every edge node, all at the same time."""
        self._acting = True
        for link in self._links.values():
            link.act()

    def goodbye(self) -> None:
        """NDEATH and DISCONNECT for every edge node: the role moves, or the node stops for good."""
        self._acting = False
        for link in self._links.values():
            link.goodbye()

    def cut(self, why: str) -> None:
        """The lease is lost: say nothing more, anywhere."""
        self._acting = False
        for link in self._links.values():
            link.cut(why)

    def follow(self, *, peer_acts: bool) -> None:
        """Standing by: whether the peer acts. Its transmitters' records say how far that reaches."""
        self._peer_acts = peer_acts
        for edge, link in self._links.items():
            reaches = self._site.ledger.get(TRANSMITTER, str(edge)) == b"online"
            link.served_by_peer(peer_acts and reaches)

    def sample(self, edge: EdgeNodeId, device: str | None, metric: Metric, stored: bool) -> None:
        """A tag changed; one of an edge node that is not configured is nobody's."""
        link = self._links.get(edge)
        if link is not None:
            link.sample(device, metric, stored)

    def rebirth(self) -> None:
        """What the edge nodes publish has changed its shape: births again, where online."""
        for link in self._links.values():
            link.rebirth()

    def reconfigure(self, config: TransmissionConfig) -> None:
        """Follow the configuration; an edge node whose settings changed is born anew, with its samples."""
        if config == self.config:
            return
        same = _of_every_edge(config) == _of_every_edge(self.config)
        kept = set(config.transmitters) & set(self.config.transmitters) if same else set()
        self.config = config
        stays = {EdgeNodeId(one.group, one.edge) for one in kept}
        old = {edge: self._links.pop(edge) for edge in list(self._links) if edge not in stays}
        for link in old.values():
            link.goodbye()
        for transmitter in config.transmitters:
            if transmitter not in kept:
                link = self._add(transmitter)
                if link.edge in old:
                    link.window = old[link.edge].window
                if self._acting:
                    link.act()
        self.follow(peer_acts=self._peer_acts)

    @property
    def settled(self) -> bool:
        """Every edge node is born, or has tried and failed while another one is."""
        links = self._links.values()
        return not links or (self.born and all(link.online or link.failed for link in links))

    @property
    def born(self) -> bool:
        """At least one edge node is online."""
        return any(link.online for link in self._links.values())

    @property
    def resending(self) -> bool:
        """Some edge node is online and not yet done with what the host may lack."""
        return any(link.resending for link in self._links.values())

    @property
    def replayed(self) -> int:
        """Samples sent again since the start."""
        return sum(link.replayed for link in self._links.values())

    @property
    def dropped(self) -> int:
        """Samples that went before any host had them, since the start."""
        return sum(link.window.dropped for link in self._links.values())

    def online(self) -> set[EdgeNodeId]:
        """The edge nodes that publish now."""
        return {edge for edge, link in self._links.items() if link.online}

    def known(self) -> set[EdgeNodeId]:
        """The edge nodes that reached a host when their state was last heard of, from whichever node."""
        return {edge for edge in self._links if self._site.ledger.get(TRANSMITTER, str(edge)) == b"online"}

    def edges(self) -> dict[str, EdgeView]:
        """Every transmitter as it stands, by "group/edge"."""
        return {
            str(edge): EdgeView(edge, link.online, link.server, link.why)
            for edge, link in self._links.items()
        }

    def servers(self) -> dict[str, bool]:
        """Name -> whether one of the edge nodes is online there."""
        used = {link.server for link in self._links.values() if link.online}
        return {server.name: server.name in used for server in self.config.servers}

    def _add(self, transmitter: Transmitter) -> EdgeLink:
        link = EdgeLink(
            transmitter, self.config, self._site, self._tags, self._on_progress, started=self._started
        )
        self._links[link.edge] = link
        return link


def _of_every_edge(config: TransmissionConfig) -> object:
    """The settings with which every edge node has to begin anew; the others hold from the next start."""
    return config.host_id, config.servers, config.state_wait, config.rolling_window, config.legacy_state
