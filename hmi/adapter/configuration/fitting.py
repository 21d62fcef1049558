"""What must fit together in the adapter's part of a configuration, whoever made it.

The API has judged its own bodies before; this is for documents, the other node's among them. Every facet
must be spelled as this version spells it, so that both nodes mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hmi.adapter.configuration import frozen
from hmi.adapter.facets import names
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import MASK, SYSTEM, Kind, facets_of
from hmi.adapter.facets.verbs import read
from hmi.adapter.secrets import vault
from hmi.gateways import sealing
from hmi.replication.schema import ComponentDocument, ConfigDocument, Problem, SecretDocument
from redundancy.config import ConfigError

_NOT_SPELLED = "is not spelled as this version of Tandem spells it"


def problems(document: ConfigDocument) -> Iterator[Problem]:
    """Everything that is wrong with components and secrets."""
    known = {each.id.casefold() for each in document.secrets}
    yield from _distinct("component", (each.id for each in document.components))
    yield from _distinct("secret", (each.id for each in document.secrets))
    for component in document.components:
        yield from _component(component, known)
    yield from _rivals(document)
    for secret in document.secrets:
        yield from _secret(secret)


def last_word(document: ConfigDocument) -> Iterator[Problem]:
    """What the sessions will be told is made once, for a document that has no other problems."""
    for component in document.components:
        alone = document.model_copy(update={"components": [component]})
        faults: list[str] = []
        try:
            frozen.components(alone, None)
            frozen.streams(component, lambda stream, why, faults=faults: faults.append(f"{stream}: {why}"))  # type: ignore[misc]
        except ConfigError as error:
            yield Problem(f"component/{component.id}", error.field, error.reason)
        yield from (Problem(f"component/{component.id}", "dataSelection", fault) for fault in faults)


def _rivals(document: ConfigDocument) -> Iterator[Problem]:
    """A host id belongs to one host application: two would fight over its STATE at every server."""
    holders = {document.engine.host_id: "MQTT Engine"} if document.engine and document.engine.enabled else {}
    for component in document.components:
        host = (component.dataSource or {}).get("primaryHostId")
        if host and host in holders:
            why = f"{host!r} is the host id of {holders[host]}; two hosts would fight over its STATE"
            yield Problem(f"component/{component.id}", "dataSource.primaryHostId", why)
        elif host:
            holders[host] = component.id


def _component(component: ComponentDocument, known: set[str]) -> Iterator[Problem]:
    where = f"component/{component.id}"
    if (component.type == SYSTEM) != (component.id == SYSTEM):
        yield Problem(where, "type", f"{SYSTEM} is the id and the type of the one that is no component")
        return
    if component.type != SYSTEM and (fault := names.id_fault(component.id)):
        yield Problem(where, "id", fault)
    kinds = {kind.name: kind for kind in facets_of(component.type)}
    for name, value in component.model_dump(exclude={"id", "type", "running"}).items():
        if value in (None, []):
            continue
        if name not in kinds:
            yield Problem(where, name, f"is no facet of {component.type}")
            continue
        yield from _facet(where, kinds[name], value, component.dataSource or {}, known)


def _facet(
    where: str, kind: Kind, value: Any, source: Mapping[str, Any], known: set[str]
) -> Iterator[Problem]:
    entries = value if kind.is_list else [value]
    for entry in entries:
        try:
            if read(kind, entry, source) != entry:
                yield Problem(where, kind.name, _NOT_SPELLED)
                continue
        except Refused as refused:
            yield from (Problem(where, kind.name, message) for message in refused.messages)
            continue
        for name in kind.protected:
            if entry[name] is None:
                continue
            asked = vault.reference(entry[name])
            if asked is None:
                yield Problem(where, f"{kind.name}.{name}", "is kept as a secret, and here as {{id}} of one")
            elif asked.casefold() not in known:
                yield Problem(where, f"{kind.name}.{name}", f"there is no secret {asked!r}")
    if kind.is_list:
        yield from _distinct(f"{where}.{kind.name}", (str(each.get(kind.key, "")) for each in entries))


def _secret(secret: SecretDocument) -> Iterator[Problem]:
    where = f"secret/{secret.id}"
    try:
        if sealing.unseal(secret.sealed) == MASK:
            yield Problem(where, "sealed", "is only the mask of a secret")
    except sealing.Unsealable as error:
        yield Problem(where, "sealed", str(error))


def _distinct(where: str, ids: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for each in ids:
        if each.casefold() in seen:
            yield Problem(where, "id", f"{each!r} is there twice, or differs only in upper and lower case")
        seen.add(each.casefold())
