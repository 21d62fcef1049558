"""Putting a component's servers into another order. The data source is always the first of them.

A data source has no id of its own: whichever server goes to the front gives it its connection, and the one
that stood there goes on under that server's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets import shapes
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import Kind
from hmi.adapter.secrets import vault
from hmi.gateways import sealing
from hmi.replication.schema import ComponentDocument
from redundancy.adapter.config import DATA_SOURCE

_CONNECTION = tuple(to_camel(name) for name in shapes.Connection.model_fields)
Fields = dict[str, Any]


def reorder(draft: Draft, component: ComponentDocument, order: Sequence[str]) -> None:
    """`order` names every server once, the data source as `dataSource`. Raises Refused."""
    source = component.dataSource
    known = {each["serverId"]: each for each in component.redundantServers}
    if source is None or sorted(order) != sorted((DATA_SOURCE, *known)):
        raise Refused(400, "The order does not name every server once; somebody has changed them meanwhile.")
    first = order[0]
    # Passwords are kept under the place where they stand, so they move as what they are.
    connections = {name: _connection(draft, entry) for name, entry in known.items()}
    connections[DATA_SOURCE] = _connection(draft, source)
    rest = [first if each == DATA_SOURCE else each for each in order[1:]]
    if first != DATA_SOURCE:
        connections[DATA_SOURCE], connections[first] = connections[first], connections[DATA_SOURCE]
        draft.put(component, _kind(draft, component, "dataSource"), source | connections[DATA_SOURCE])
        component = draft.component(component.id)
    servers = [{"serverId": each, **connections[each]} for each in rest]
    draft.put(component, _kind(draft, component, "redundantServers"), servers)


def _kind(draft: Draft, component: ComponentDocument, name: str) -> Kind:
    return draft.facet(component, name)


def _connection(draft: Draft, entry: Mapping[str, Any]) -> Fields:
    return {name: _plain(draft, entry[name]) for name in _CONNECTION}


def _plain(draft: Draft, value: Any) -> Any:
    """What a reference that a facet made by itself stands for; a person's own secret stays referred to."""
    asked = vault.reference(value)
    if asked is None:
        return value
    for secret in draft.vault:
        if secret.id.casefold() == asked.casefold() and secret.made_by:
            try:
                return sealing.unseal(secret.sealed)
            except sealing.Unsealable as error:
                raise Refused(400, f"A password cannot be read: {error}") from None
    return value
