"""What a component may be called, and which types there are."""

from __future__ import annotations

from typing import Any

from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import SYSTEM, TYPES
from hmi.replication.schema import ComponentDocument

LONGEST = 99
_FORBIDDEN = frozenset('></:?#[]@!$&*"()\\+,;=|`{}')
# `conflicts` is an address of its own below /configuration; the others mean something in the original.
_RESERVED = frozenset({SYSTEM.casefold(), "management", "conflicts", "omfegress"})


def id_fault(text: str) -> str:
    """Why this is no component id; empty if it is one."""
    if not text:
        return "A component needs an ID."
    if text.casefold() in _RESERVED:
        return f"Cannot add component id '{text}'."
    if len(text) > LONGEST:
        return f"Component ID has more than {LONGEST} characters."
    if text != text.strip():
        return f"Component ID '{text}' begins or ends with a space."
    if wrong := sorted(set(text) & _FORBIDDEN):
        return f"Component ID '{text}' holds {' '.join(wrong)}, which no ID may."
    return "" if text.isprintable() else "Component ID holds characters that cannot be printed."


def checked(entry: dict[str, Any], held: ComponentDocument | None) -> dict[str, Any]:
    """The entry with its type as it is spelled. Raises Refused; one that is there keeps its type."""
    asked = entry["componentType"]
    known = {name.casefold(): name for name in TYPES}.get(asked.strip().casefold())
    if known is None:
        types = ", ".join(TYPES)
        raise Refused(
            400, f"Adapter type '{asked}' isn't registered. Please use the registered adapter type: {types}"
        )
    if fault := id_fault(entry["componentId"]):
        raise Refused(400, fault)
    if held is not None and held.type != known:
        raise Refused(400, f"Component '{held.id}' is of type {held.type}; delete it to give it another.")
    return entry | {"componentType": known}


def all_at_once() -> Refused:
    individually = "Individual components can be deleted by ID."
    return Refused(400, f"Entire components configuration cannot be deleted. {individually}")
