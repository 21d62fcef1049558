"""Secrets: a protected property never stays where it was written; the facet keeps `{{id}}` in its place.

A plain value becomes a secret that is named after its place, `MQTT1.RedundantServers.server1.Password`,
and is gone when nothing refers to it any more. Secrets that a person made stay until they are deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hmi.adapter.facets import answers
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import MASK, Kind
from hmi.gateways import sealing
from hmi.replication.schema import SecretDocument

_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
_LONGEST = 600
Fields = dict[str, Any]


def reference(value: Any) -> str | None:
    """The id that `{{id}}` refers to; None for anything else."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def references(kind: Kind, value: Any) -> Iterator[str]:
    """Every secret that a facet's value refers to."""
    for entry in _entries(kind, value):
        for name in kind.protected:
            if (found := reference(entry.get(name))) is not None:
                yield found


class Vault:
    """The secrets of a gateway while a request changes them."""

    def __init__(self, secrets: Iterable[SecretDocument]) -> None:
        self._secrets = {each.id.casefold(): each for each in secrets}

    def __iter__(self) -> Iterator[SecretDocument]:
        return iter(sorted(self._secrets.values(), key=lambda each: each.id.casefold()))

    def shown(self) -> list[Fields]:
        """As they are answered: never with their value."""
        return [
            {
                "id": each.id,
                "description": each.description or None,
                "expirationDate": each.expiration_date or None,
                "value": MASK,
            }
            for each in self
        ]

    def protected(self, owner: str, kind: Kind, before: Any, after: Any) -> Any:
        """`after` with references for what is plain and for what is masked. Raises Refused."""
        if not kind.protected or not after:
            return after
        held = {str(each.get(kind.key, "")).casefold(): each for each in _entries(kind, before)}
        kept = [
            self._entry(owner, kind, held.get(str(each.get(kind.key, "")).casefold(), {}), each)
            for each in _entries(kind, after)
        ]
        return kept if kind.is_list else kept[0]

    def replace(self, entries: Iterable[Fields], used: Mapping[str, str]) -> None:
        """The secrets become these; a masked value stays as it is. Raises Refused."""
        after = {entry["id"].casefold(): self._secret(entry) for entry in entries}
        for gone in self._secrets.keys() - after.keys():
            if gone in used:
                raise Refused(400, f"Secret '{self._secrets[gone].id}' is in use by {used[gone]}.")
        self._secrets = after

    def forget_unused(self, used: Mapping[str, str]) -> None:
        """Drop what was made by a facet and has no use any more."""
        for key in [key for key, each in self._secrets.items() if each.made_by and key not in used]:
            del self._secrets[key]

    def _entry(self, owner: str, kind: Kind, before: Fields, after: Fields) -> Fields:
        kept = dict(after)
        for name in kind.protected:
            value = after.get(name)
            if value is None or value == "":
                kept[name] = None
            elif value == MASK:
                if not before.get(name):
                    raise answers.masked_secret()
                kept[name] = before[name]
            elif (asked := reference(value)) is not None:
                if asked.casefold() not in self._secrets:
                    raise Refused(400, f"{name}: there is no secret '{asked}'.")
            else:
                place = [owner, *([str(after[kind.key])] if kind.key else []), name[:1].upper() + name[1:]]
                kept[name] = self._store(".".join(place), owner, value)
        return kept

    def _store(self, wanted: str, owner: str, value: str) -> str:
        wanted = wanted.replace("{", "(").replace("}", ")")[:_LONGEST]
        name, number = wanted, 2
        while (held := self._secrets.get(name.casefold())) is not None and held.made_by != owner:
            # A person's own secret of this name is not overwritten by a facet.
            name, number = f"{wanted}.{number}", number + 1
        name = held.id if held else name
        fields = {"id": name, "sealed": _sealed(value, held), "made_by": owner}
        self._secrets[name.casefold()] = SecretDocument(**fields)
        return f"{{{{{name}}}}}"

    def _secret(self, entry: Fields) -> SecretDocument:
        held, value = self._secrets.get(entry["id"].casefold()), entry["value"]
        if value == MASK and held is None:
            raise answers.masked_secret()
        if not value:
            raise Refused(400, "value: is empty")
        if reference(value) is not None:
            raise Refused(400, "value: is itself a reference to a secret")
        return SecretDocument(
            id=held.id if held else entry["id"],
            description=entry["description"] or "",
            expiration_date=entry["expirationDate"] or "",
            sealed=held.sealed if held and value == MASK else _sealed(value, held),
            made_by=held.made_by if held else "",
        )


def _entries(kind: Kind, value: Any) -> list[Fields]:
    if not value:
        return []
    found: list[Fields] = value if kind.is_list else [value]
    return found


def _sealed(value: str, held: SecretDocument | None) -> str:
    """What did not change keeps its form, so that nothing is replicated for it."""
    if held is not None:
        try:
            if sealing.unseal(held.sealed) == value:
                return held.sealed
        except sealing.Unsealable:
            pass
    return sealing.seal(value)
