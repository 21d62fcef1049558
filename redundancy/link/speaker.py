"""Who speaks on a link, and whom a node accepts there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redundancy.config import NodeConfig, Role

WITNESS = "Witness"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Speaker:
    """One end of a link, as it says in its hello and as the plant key vouches for.

    `role` is one of config.Role's words, or "Witness". `boot_id` is new for every run of the process.
    """

    gateway: str
    node: str
    role: str
    boot_id: str

    @classmethod
    def of(cls, node: NodeConfig, boot_id: str) -> Speaker:
        """The node's own identity on its links."""
        return cls(node.gateway, node.node, node.role.value, boot_id)

    @classmethod
    def parse(cls, raw: Any) -> Speaker:
        """From a hello. Raises ValueError naming the field."""
        if not isinstance(raw, dict):
            raise ValueError("hello: is not an object")
        return cls(*(_name(raw, field) for field in ("gateway", "node", "role", "boot_id")))

    def to_wire(self) -> dict[str, str]:
        """The inverse of `parse`."""
        return {"gateway": self.gateway, "node": self.node, "role": self.role, "boot_id": self.boot_id}

    def __str__(self) -> str:
        return self.node


# Why a speaker is not accepted, in one sentence, or None if it is.
Check = Callable[[Speaker], str | None]


def expect_peer(node: NodeConfig, boot_id: str) -> Check:
    """Accepts the configured peer and nobody else; names the mix-up that the sender most likely is."""

    def check(other: Speaker) -> str | None:
        if other.role == WITNESS:
            return f"{other.node} is a witness, not a node of {node.gateway}"
        if other.gateway != node.gateway:
            return f"{other.node} belongs to gateway {other.gateway}, not to {node.gateway}"
        if other.node == node.node:
            return (
                f"{node.node} is paired with itself"
                if other.boot_id == boot_id
                else f"two nodes are named {node.node}"
            )
        if other.role == node.role.value:
            return f"both {node.node} and {other.node} are configured as {node.role.value}"
        if other.role == Role.INDEPENDENT.value:
            return f"{other.node} is Independent and has no peer"
        if node.peer is None or other.node != node.peer.node:
            expected = "nobody" if node.peer is None else node.peer.node
            return f"{other.node} is not the peer of {node.node}, which expects {expected}"
        return None

    return check


def expect_witness(other: Speaker) -> str | None:
    """What a node accepts at the witness's address."""
    return None if other.role == WITNESS else f"{other.node} is a {other.role}, not a witness"


def expect_third(node: NodeConfig) -> Check:
    """A witness; with certificates, one that is neither node of this pair and so has no second vote.

    Without them a name proves nothing, and a witness in another gateway's node may happen to have the same.
    """
    pair = {node.node, node.peer.node} if node.link_tls and node.peer else set()

    def check(other: Speaker) -> str | None:
        if other.node in pair:
            return f"{other.node} is a node of {node.gateway} and can't be its third vote"
        return expect_witness(other)

    return check


def expect_voters(other: Speaker) -> str | None:
    """What a witness accepts: the nodes of any pair."""
    return f"{other.node} is a witness, too" if other.role == WITNESS else None


def _name(raw: dict[str, Any], field: str) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise ValueError(f"hello.{field}: is not a name")
    return value
