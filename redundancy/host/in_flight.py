"""The commands that wait for their echo, on record for the other node: should this one die, somebody must
say that nobody knows what became of them.

One record for a node, of all it has in flight: the ledger writes the newest body of a key only, so a
thousand commands at once are a few writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from redundancy.replication.ledger import COMMAND, Ledger
from sparkplug import EdgeNodeId, Value

MOST = 500
"""Commands in the record; more than that are on their way only where a script writes them."""

Key = tuple[EdgeNodeId, str | None, str]


def note(ledger: Ledger, node: str, orders: Iterable[tuple[Key, Value]]) -> None:
    """What `node` has in flight now."""
    shown = [_shown(key, value) for key, value in orders][:MOST]
    ledger.note(COMMAND, node, json.dumps(shown).encode() if shown else b"")


def take(ledger: Ledger, node: str) -> list[dict[str, Any]]:
    """What `node` had in flight when it was last heard of; from now on it is told, and gone."""
    body = ledger.get(COMMAND, node)
    if body is None:
        return []
    ledger.note(COMMAND, node, b"")
    try:
        found = json.loads(body)
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _shown(key: Key, value: Value) -> dict[str, Any]:
    edge, device, metric = key
    plain = value if isinstance(value, bool | int | float | str) else type(value).__name__
    where = str(edge) if device is None else f"{edge}/{device}"
    return {"metric": f"{where}/{metric}", "value": plain, "outcome": "unknown"}
