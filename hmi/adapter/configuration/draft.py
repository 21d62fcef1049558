"""The adapter's part of the configuration while a request changes it: all of it, or nothing.

A draft begins as what is in force and knows no database. `changes` says what has become of it, for
`hmi.adapter.configuration.session` to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hmi.adapter.facets import answers, names
from hmi.adapter.facets.catalogue import (
    COMPONENT_LIST,
    MASK,
    SECRET_LIST,
    SYSTEM,
    Kind,
    Verb,
    facet_of,
    facets_of,
)
from hmi.adapter.facets.verbs import Fields, apply
from hmi.adapter.secrets import vault
from hmi.replication import resources
from hmi.replication.schema import ComponentDocument, SecretDocument


class Draft:
    """`system` is the component that holds what belongs to none; it is there without being listed."""

    def __init__(self, components: Iterable[ComponentDocument], secrets: Iterable[SecretDocument]) -> None:
        self._components = {each.id.casefold(): each for each in components}
        self.vault = vault.Vault(secrets)
        self._before = self._resources()

    def began_as(self, other: Draft) -> bool:
        """Whether both began as the same configuration."""
        return self._before == other._before

    def __iter__(self) -> Iterator[ComponentDocument]:
        """The components in the order of their ids."""
        found = [each for each in self._components.values() if each.type != SYSTEM]
        return iter(sorted(found, key=lambda each: each.id.casefold()))

    @property
    def system(self) -> ComponentDocument:
        return self._components.get(SYSTEM.casefold()) or ComponentDocument(id=SYSTEM, type=SYSTEM)

    def component(self, asked: str) -> ComponentDocument:
        """The component of this id, in any case. Raises Refused (404)."""
        if asked.casefold() == SYSTEM.casefold():
            return self.system
        found = self._components.get(asked.casefold())
        if found is None:
            raise answers.no_component(asked)
        return found

    def facet(self, component: ComponentDocument, asked: str) -> Kind:
        """Raises Refused (404)."""
        kind = facet_of(component.type, asked)
        if kind is None:
            raise answers.no_facet(asked)
        return kind

    def value(self, component: ComponentDocument, kind: Kind) -> Any:
        """A facet's value: None or an empty list where nobody has set it."""
        if kind is COMPONENT_LIST:
            return [{"componentId": each.id, "componentType": each.type} for each in self]
        value = getattr(component, kind.name)
        if value is None:
            return kind.shape().kept() if kind.begins == "" else None
        return [kind.in_order(each) for each in value] if kind.is_list else kind.in_order(value)

    def all_of(self, component: ComponentDocument) -> dict[str, Any]:
        """A component's facets by their titles; what was never set is an empty object or list."""
        kinds = facets_of(component.type)
        kinds = (COMPONENT_LIST, *kinds) if component.type == SYSTEM else kinds
        return {kind.title: self.shown(component, kind) for kind in kinds}

    def shown(self, component: ComponentDocument, kind: Kind) -> Any:
        value = self.value(component, kind)
        return {} if value is None else value

    def change(
        self, component: ComponentDocument, kind: Kind, verb: Verb, body: Any, item: str | None
    ) -> None:
        """Do it, with everything that follows from it. Raises Refused."""
        if kind is COMPONENT_LIST:
            self._change_components(verb, body, item)
            return
        before = self.value(component, kind)
        source = component.dataSource or {}
        self.put(component, kind, apply(kind, verb, before, body, item, source))

    def put(self, component: ComponentDocument, kind: Kind, value: Any) -> None:
        """Give a facet a value that the verbs have made. Raises Refused for its secrets."""
        owner = f"{component.id}.{kind.title}"
        before = getattr(component, kind.name)
        update: Fields = {kind.name: self.vault.protected(owner, kind, before, value)}
        if value is not None:
            for other in facets_of(component.type):
                if other.begins == kind.name and getattr(component, other.name) is None:
                    update[other.name] = other.shape().kept()
        self._components[component.id.casefold()] = component.model_copy(update=update)
        self.vault.forget_unused(self._references())

    def run(self, component: ComponentDocument, *, running: bool) -> None:
        self._components[component.id.casefold()] = component.model_copy(update={"running": running})

    def secrets_shown(self) -> list[Fields]:
        return self.vault.shown()

    def change_secrets(self, verb: Verb, body: Any, item: str | None) -> None:
        """Raises Refused, also for a secret that a facet refers to and that would be gone."""
        after = apply(SECRET_LIST, verb, self.vault.shown(), body, item, {})
        self.vault.replace(after, self._references())

    def changes(self) -> resources.Changes:
        """What has become of it, as resources."""
        return resources.changes(self._before, self._resources())

    def documents(self) -> dict[str, list[Fields]]:
        """The two parts of a ConfigDocument that are the adapter's."""
        return {
            "components": [each.model_dump(mode="json") for each in self._components.values()],
            "secrets": [each.model_dump(mode="json") for each in self.vault],
        }

    def _change_components(self, verb: Verb, body: Any, item: str | None) -> None:
        if verb is Verb.DELETE and item is None:
            raise names.all_at_once()
        before = self.value(self.system, COMPONENT_LIST)
        after = apply(COMPONENT_LIST, verb, before, body, item, {})
        kept = {entry["componentId"].casefold() for entry in after}
        fresh = [
            names.checked(entry, self._components.get(entry["componentId"].casefold())) for entry in after
        ]
        for gone in [
            key for key, each in self._components.items() if key not in kept and each.type != SYSTEM
        ]:
            del self._components[gone]
        for entry in fresh:
            document = ComponentDocument(id=entry["componentId"], type=entry["componentType"])
            self._components.setdefault(document.id.casefold(), document)
        self.vault.forget_unused(self._references())

    def _references(self) -> dict[str, str]:
        """Secret in small letters -> the first facet that refers to it."""
        found: dict[str, str] = {}
        for component in self._components.values():
            for kind in facets_of(component.type):
                for reference in vault.references(kind, getattr(component, kind.name)):
                    found.setdefault(reference.casefold(), f"{component.id} {kind.title}")
        return found

    def _resources(self) -> dict[str, str]:
        parts = {f"component/{each.id}": each for each in self._components.values()}
        secrets = {f"secret/{each.id}": each for each in self.vault}
        return {
            key: resources.spelled(key, each.model_dump(mode="json"))
            for key, each in (*parts.items(), *secrets.items())
        }


Work = Callable[[Draft], Any]
__all__ = ["MASK", "Draft", "Work"]
