"""The adapter's components as the database has them, frozen; each by itself, so that one that cannot be used
takes no other with it. Blocking: called in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hmi.adapter.configuration import frozen, kept
from hmi.adapter.facets.catalogue import SYSTEM
from hmi.adapter.selection.choice import Choice
from hmi.replication.schema import ComponentDocument, ConfigDocument, GatewayDocument, SecretDocument
from redundancy.adapter.config import ComponentConfig, Kind


@dataclass(frozen=True, slots=True)
class Component:
    """One component. `fault` says why its servers cannot be used, "" if they can; then there are none.

    `faults` are the streams that cannot be read, with reasons. `source` is its facet dataSource; `held` are
    all ids of its selection in small letters, those not selected among them. `spelled` is all that is said of
    its data.
    """

    config: ComponentConfig
    choice: Choice
    faults: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    fault: str = ""
    spelled: str = ""

    def same_as(self, other: Component) -> bool:
        """Whether both would do the same."""
        return (self.config, self.spelled, self.fault) == (other.config, other.spelled, other.fault)


@dataclass(frozen=True, slots=True)
class Components:
    """All of them, and what a person should know, in sentences. `logging` are the facets of that name by
    component, with that of the adapter as a whole (SYSTEM)."""

    components: tuple[Component, ...] = ()
    warnings: tuple[str, ...] = ()
    logging: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read(gateway: str, folder: Path | None) -> Components:
    """`folder` is the node's data folder, where its certificates are. Never raises for what the rows say."""
    documents = [ComponentDocument(**fields) for fields in kept.components()]
    if not documents:
        return Components()
    secrets = [SecretDocument(**fields) for fields in kept.secrets()]
    found: list[Component] = []
    warnings: list[str] = []
    logging = {document.id: document.logging or {} for document in documents}
    for document in documents:
        if document.type == SYSTEM:
            continue
        found.append(made(gateway, document, secrets, folder))
        warnings += _warnings(_alone(gateway, document, secrets), folder)
    return Components(tuple(found), tuple(warnings), logging)


def made(
    gateway: str, document: ComponentDocument, secrets: list[SecretDocument], folder: Path | None
) -> Component:
    """One component; what is wrong with it stands in it."""
    faults: dict[str, str] = {}
    choice = Choice(frozen.streams(document, faults.__setitem__))
    held = frozenset(str(item["streamId"]).casefold() for item in document.dataSelection)
    source, fault = document.dataSource or {}, ""
    try:
        (config,) = frozen.components(_alone(gateway, document, secrets), folder)
        # Of two filters that match the same topic a server may send each message twice.
        config = replace(config, filters=tuple(each for each in config.filters if each[0] in choice.topics))
    except (ValueError, OSError) as error:
        fault = str(error)
        config = ComponentConfig(document.id, Kind(document.type), running=document.running)
    spelled = document.model_dump_json(include={"dataSource", "dataSelection", "dataFilters"})
    return Component(config, choice, faults, source, held, fault, spelled)


def _warnings(alone: ConfigDocument, folder: Path | None) -> Iterable[str]:
    try:
        return frozen.warnings(alone, folder) if folder is not None else ()
    except (ValueError, OSError) as error:
        return (f"{alone.components[0].id}: {error}",)


def _alone(gateway: str, document: ComponentDocument, secrets: list[SecretDocument]) -> ConfigDocument:
    """A document with one component in it, and without the tags that would take their time."""
    named = GatewayDocument.model_construct(name=gateway)
    return ConfigDocument.model_construct(gateway=named, components=[document], secrets=secrets)
