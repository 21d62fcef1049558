"""`/configuration` itself: everything of every component, read and written at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import COMPONENT_LIST, COMPONENTS, DISCOVERIES, SYSTEM, Verb

# Facets that are only ever answered; what is sent of them is left aside.
_READ_ONLY = frozenset({DISCOVERIES, "historyrecoveries"})
_NOT_AN_OBJECT = "The configuration is one object: component -> facet -> value."


def shown(draft: Draft) -> dict[str, Any]:
    """Component -> facet -> value."""
    found = {SYSTEM: draft.all_of(draft.system)}
    return found | {component.id: draft.all_of(component) for component in draft}


def put(draft: Draft, body: Any) -> None:
    """Replace every facet that the body has. Raises Refused with all that is wrong, and then nothing is done.

    Components come and go only by System's Components in the same body.
    """
    wrong: list[str] = []
    for component, facet, value in _parts(body):
        try:
            _put(draft, component, facet, value)
        except Refused as refused:
            wrong += [f"{component}.{facet}: {message}" for message in refused.messages]
    if wrong:
        raise Refused(400, *wrong, listed=True)


def _parts(body: Any) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(body, dict) or not all(isinstance(part, dict) for part in body.values()):
        raise Refused(400, _NOT_AN_OBJECT, listed=True)
    found = [(component, facet, value) for component, part in body.items() for facet, value in part.items()]
    # What registers components comes first, wherever it stands.
    yield from sorted(found, key=lambda part: not _registers(*part[:2]))


def _registers(component: str, facet: str) -> bool:
    return component.casefold() == SYSTEM.casefold() and facet.casefold() == COMPONENTS


def _put(draft: Draft, asked: str, facet: str, value: Any) -> None:
    component = draft.component(asked)
    if facet.casefold() in _READ_ONLY:
        return
    kind = draft.facet(component, facet)
    if kind is not COMPONENT_LIST and not kind.is_list and Verb.DELETE in kind.verbs and value in ({}, None):
        draft.put(component, kind, kind.unset)
        return
    draft.change(component, kind, Verb.PUT, value, None)
