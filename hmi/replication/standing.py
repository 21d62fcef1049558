"""Whether this node acts, and who does if it does not: what every edit of the configuration asks first."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from hmi import desk


@dataclass(frozen=True, slots=True)
class Standing:
    """`active_node` and `active_url` are empty while nobody is known to act."""

    active: bool
    state: str
    epoch: int
    node: str
    active_node: str = ""
    active_url: str = ""

    @property
    def reason(self) -> str:
        """Why an edit is refused here, in one sentence."""
        node = self.node or "This node"
        return f"{node} is {self.state}; the configuration is edited on the active node only."

    @property
    def resolution(self) -> str:
        """Where to go instead."""
        if self.active_url:
            return f"Edit on {self.active_node}: {self.active_url}"
        return "Wait until one of the two nodes is active."


class NotActive(Exception):
    """An edit on a node that does not act; nothing of it was kept."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.reason)
        self.standing = standing


def standing() -> Standing:
    """This node's, now. A silent runtime is not active."""
    seen = desk.gateway()
    state, epoch, name = seen["state"], int(seen["epoch"] or 0), str(seen["node"])
    if state == "Active":
        url = settings.NODE.url if settings.NODE else ""
        return Standing(True, state, epoch, name, name, url)
    peer = settings.NODE.peer if settings.NODE else None
    seen_peer = seen.get("peer") or {}
    if peer is None or seen_peer.get("state") != "Active":
        return Standing(False, state, epoch, name)
    return Standing(False, state, epoch, name, peer.node, peer.url)
