"""Looking for what is on a component's servers: the routes, and the seam to whoever does the looking.

A discovery runs in the worker, beside the sessions. Its side of the seam are the desk's operations named
in `Discoveries`, each taking the arguments of the method as keywords; refusals are DeskErrors. A State is
the adapter's: {id, query, startTime, endTime, progress, itemsFound, newItems, resultUri, autoSelect,
status, errors}. A result is a list of selections as the facet dataSelection takes them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol, cast

from hmi import desk
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets import answers, verbs
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import Kind
from hmi.adapter.facets.scalars import Span, seconds, switch
from hmi.replication.schema import ComponentDocument
from redundancy.distributor.topics import filter_fault

State = dict[str, Any]
_ASKED = {"id": "id", "query": "query", "autoselect": "autoSelect"}
_READ_ONLY = frozenset(
    {"starttime", "endtime", "progress", "itemsfound", "newitems", "resulturi", "status", "errors"}
)
_WAIT = Span(30.0, 7 * 86_400.0)
_USUAL_WAIT = 60.0


class Discoveries(Protocol):
    """What the worker answers, by the desk's operation `discovery_<method>`."""

    def start(
        self, *, component: str, id: str, query: str, topics: list[str], wait: float, auto_select: bool
    ) -> State:
        """`wait` in seconds. 409 for an id that is taken, 400 while another one is active."""

    def every(self, *, component: str) -> list[State]: ...

    def one(self, *, component: str, id: str) -> State:
        """404 where there is none, like all that follow."""

    def result(self, *, component: str, id: str) -> list[dict[str, Any]]: ...

    def cancel(self, *, component: str, id: str) -> None:
        """409 for one that has ended."""

    def delete(self, *, component: str, id: str | None) -> None:
        """None: all that have ended."""

    def delete_result(self, *, component: str, id: str) -> None: ...


class Asked:
    """Discoveries by the desk."""

    def __getattr__(self, method: str) -> Any:
        return lambda **arguments: desk.ask(f"discovery_{method}", **arguments)


discoveries = cast(Discoveries, Asked())


def begin(component: ComponentDocument, body: Any) -> State:
    """Start one. Raises Refused, DeskError."""
    if not isinstance(body, dict):
        raise Refused(400, "Type mismatch - a discovery is one object.")
    asked = {key.casefold(): value for key, value in body.items()}
    if asked.keys() & _READ_ONLY:
        raise Refused(400, "One or more fields are read only.")
    if unknown := [key for key in body if key.casefold() not in _ASKED]:
        raise answers.unknown_fields(unknown)
    name, query = asked.get("id") or str(uuid.uuid4()), asked.get("query") or ""
    if not isinstance(name, str) or not isinstance(query, str) or not name.isprintable() or len(name) > 100:
        raise Refused(400, "id: is a text of at most 100 characters that can be printed, and so is query.")
    try:
        auto_select = switch(asked.get("autoselect") or False)
    except ValueError as error:
        raise Refused(400, f"autoSelect: {error}") from None
    topics, wait = parsed(query)
    return discoveries.start(
        component=component.id, id=name, query=query, topics=topics, wait=wait, auto_select=auto_select
    )


def parsed(query: str) -> tuple[list[str], float]:
    """`Topics=a,b/#;WaitTime=00:00:30` as topic filters and seconds; of nothing, everything for a minute.

    Raises Refused.
    """
    topics, wait = ["#"], _USUAL_WAIT
    for part in filter(None, (each.strip() for each in query.split(";"))):
        name, equals, value = part.partition("=")
        if name.strip().casefold() == "topics" and equals:
            topics = [each.strip() for each in value.split(",") if each.strip()] or ["#"]
        elif name.strip().casefold() == "waittime" and equals:
            try:
                wait = seconds(_WAIT.read(value.strip()))
            except ValueError as error:
                raise Refused(400, f"query: WaitTime {error}") from None
        else:
            raise Refused(400, "query: is not Topics=<filters>;WaitTime=<time>")
    for topic in topics:
        if fault := _topic_fault(topic):
            raise Refused(400, f"query: {fault}")
    return topics, wait


def _topic_fault(topic: str) -> str:
    if topic.startswith(("/", "$")):
        return "a topic begins with / or $"
    if topic.endswith("/"):
        return "a topic ends with /"
    return filter_fault(topic) or ""


def differing(kind: Kind, held: list[dict[str, Any]], result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a discovery found that is not in the selection, or is there in another way."""
    places = verbs.places(kind, held)
    return [
        entry
        for entry in result
        for at in [places.get(entry[kind.key].casefold())]
        if at is None or _without_choice(held[at]) != _without_choice(entry)
    ]


def choose(
    draft: Draft, component: ComponentDocument, kind: Kind, result: list[dict[str, Any]], *, selected: bool
) -> dict[str, int]:
    """Merge what a discovery found into the selection, or mark it as not selected."""
    held, added = list(draft.value(component, kind)), 0
    places = verbs.places(kind, held)
    for entry in result:
        at = places.get(entry[kind.key].casefold())
        if at is not None:
            held[at] = held[at] | {"selected": selected}
        elif selected:
            held.append(entry | {"selected": True})
            added += 1
    draft.put(component, kind, held)
    return {"total": len(held), "added": added}


def found(component: ComponentDocument, kind: Kind, identity: str) -> list[dict[str, Any]]:
    """A discovery's result as entries of the selection. Raises DeskError, Refused."""
    raw = discoveries.result(component=component.id, id=identity)
    return [verbs.read(kind, entry, component.dataSource or {}) for entry in raw]


def _without_choice(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "selected"}
