"""What the verbs do to one facet: from its value and a body to its next value. Pure.

One engine for every facet and for the lists of components and of secrets; what differs is in the
catalogue. Nothing is changed in place, and whatever is wrong ends in Refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from hmi.adapter.facets import answers
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import Kind, Verb

Fields = dict[str, Any]


def apply(kind: Kind, verb: Verb, value: Any, body: Any, item: str | None, source: Mapping[str, Any]) -> Any:
    """The facet's value after `verb`; with `item`, on the entry of that id. `source` is the data source.

    Raises Refused.
    """
    if verb not in kind.verbs:
        raise answers.unsupported(verb, kind)
    if item is not None:
        if not kind.is_list:
            raise answers.no_items(kind)
        return _ITEM_VERBS[verb](kind, value, body, item, source)
    if kind.is_list:
        return _LIST_VERBS[verb](kind, value, body, source)
    return _OBJECT_VERBS[verb](kind, value, body)


def found(kind: Kind, value: Any, item: str) -> Fields:
    """The entry of this id, in any case. Raises Refused."""
    if not kind.is_list:
        raise answers.no_items(kind)
    at = place(kind, value, item)
    if at is None:
        raise answers.no_entry(item)
    entry: Fields = value[at]
    return entry


def place(kind: Kind, value: Sequence[Fields], item: str) -> int | None:
    """Where in the list the entry of this id is."""
    return places(kind, value).get(item.casefold())


def places(kind: Kind, value: Sequence[Fields]) -> dict[str, int]:
    """Where which entry is, by its id in small letters."""
    return {each[kind.key].casefold(): at for at, each in enumerate(value)}


def read(kind: Kind, raw: Any, source: Mapping[str, Any], *, status: int = 400) -> Fields:
    """One object as it is kept: known properties, defaults for the others, an id. Raises Refused."""
    known, unknown = named(kind, raw)
    if unknown:
        raise answers.unknown_fields(unknown)
    if kind.key and known.get(kind.key) in (None, ""):
        known.pop(kind.key, None)
    try:
        kept = kind.shape.model_validate(known).kept()
    except ValidationError as error:
        raise Refused(status, *_told(error)) from None
    if kind.key and not kept[kind.key]:
        if kind.new_id is None:
            raise answers.missing_id(kind)
        kept[kind.key] = kind.new_id(kept, source)
    return kept


def named(kind: Kind, raw: Any) -> tuple[Fields, list[str]]:
    """An object's properties under their canonical names, and the names that nobody knows."""
    if not isinstance(raw, dict):
        raise answers.not_an_object()
    properties = kind.properties
    known = {properties[key.casefold()]: value for key, value in raw.items() if key.casefold() in properties}
    return known, [key for key in raw if key.casefold() not in properties]


def _told(error: ValidationError) -> Iterable[str]:
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        reason = each["msg"].removeprefix("Value error, ")
        if each["type"] == "missing":
            reason = "is required"
        where = ".".join(str(part) for part in each["loc"])
        yield f"{where}: {reason}" if where else reason


def _put_object(kind: Kind, _value: Any, body: Any) -> Fields:
    if not isinstance(body, dict):
        raise answers.mismatch(kind)
    return read(kind, body, {})


def _post_object(kind: Kind, value: Any, body: Any) -> Fields:
    if value is not None:
        raise answers.exists(kind)
    return _put_object(kind, value, body)


def _patch_object(kind: Kind, value: Any, body: Any) -> Fields:
    if not isinstance(body, dict):
        raise answers.mismatch(kind)
    known, _ = named(kind, body)
    if not known:
        raise answers.no_known_field()
    if value is None:
        raise answers.never_configured(kind)
    return read(kind, value | known, {}, status=409)


def _delete_all(kind: Kind, *_rest: Any) -> Any:
    return kind.unset


def _put_list(kind: Kind, _value: Any, body: Any, source: Mapping[str, Any]) -> list[Fields]:
    if not isinstance(body, list):
        raise answers.mismatch(kind)
    return _distinct(kind, _each(kind, body, source))


def _post_list(kind: Kind, value: Any, body: Any, source: Mapping[str, Any]) -> list[Fields]:
    if not isinstance(body, list | dict):
        raise answers.mismatch(kind)
    entries = body if isinstance(body, list) else [body]
    return _distinct(kind, [*value, *_each(kind, entries, source)])


def _patch_list(kind: Kind, value: Any, body: Any, source: Mapping[str, Any]) -> list[Fields]:
    if not isinstance(body, list):
        raise answers.mismatch(kind)
    after, held = list(value), places(kind, value)
    for entry in body:
        known, _ = named(kind, entry)
        item = known.get(kind.key)
        if not isinstance(item, str) or not item:
            raise answers.missing_id(kind)
        if len(known) == 1:
            raise answers.no_known_field()
        at = held.get(item.casefold())
        if at is None:
            raise answers.no_entry_to_change(item, 409)
        after[at] = _patched(kind, after[at], known, source)
    return after


def _put_item(kind: Kind, value: Any, body: Any, item: str, source: Mapping[str, Any]) -> list[Fields]:
    if not isinstance(body, dict):
        raise answers.not_an_object()
    known, unknown = named(kind, body)
    if unknown:
        raise answers.unknown_fields(unknown)
    inside = known.get(kind.key)
    if inside is not None and (not isinstance(inside, str) or inside.casefold() != item.casefold()):
        raise answers.ids_differ(item, str(inside))
    at = place(kind, value, item)
    own = item if at is None else value[at][kind.key]
    entry = read(kind, known | {kind.key: inside or own}, source)
    return [*value, entry] if at is None else [*value[:at], entry, *value[at + 1 :]]


def _patch_item(kind: Kind, value: Any, body: Any, item: str, source: Mapping[str, Any]) -> list[Fields]:
    if not isinstance(body, dict):
        raise answers.not_an_object()
    known, _ = named(kind, body)
    if kind.key in known:
        raise answers.id_in_body(kind)
    if not known:
        raise answers.no_known_field()
    at = place(kind, value, item)
    if at is None:
        raise answers.no_entry_to_change(item, 409)
    return [*value[:at], _patched(kind, value[at], known, source), *value[at + 1 :]]


def _patched(kind: Kind, entry: Fields, known: Fields, source: Mapping[str, Any]) -> Fields:
    return read(kind, entry | known | {kind.key: entry[kind.key]}, source, status=409)


def _delete_item(kind: Kind, value: Any, _body: Any, item: str, _source: Mapping[str, Any]) -> list[Fields]:
    at = place(kind, value, item)
    if at is None:
        raise answers.no_entry_to_change(item, 400)
    return [*value[:at], *value[at + 1 :]]


def _post_item(kind: Kind, *_rest: Any) -> Any:
    raise answers.unsupported(Verb.POST, kind)


def _each(kind: Kind, body: Sequence[Any], source: Mapping[str, Any]) -> list[Fields]:
    """Every entry read; all that is wrong is told at once."""
    entries, wrong = [], []
    for number, raw in enumerate(body):
        try:
            entries.append(read(kind, raw, source))
        except Refused as refused:
            if len(body) == 1:
                raise
            wrong += [f"[{number}] {message}" for message in refused.messages]
    if wrong:
        raise Refused(400, *wrong[:_MOST_MESSAGES])
    return entries


_MOST_MESSAGES = 50


def _distinct(kind: Kind, entries: list[Fields]) -> list[Fields]:
    seen: set[str] = set()
    twice = []
    for entry in entries:
        folded = entry[kind.key].casefold()
        if folded in seen:
            twice.append(f"'{entry[kind.key]}'")
        seen.add(folded)
    if twice:
        raise answers.duplicates(twice[:_MOST_MESSAGES])
    return entries


_OBJECT_VERBS = {
    Verb.POST: _post_object,
    Verb.PUT: _put_object,
    Verb.PATCH: _patch_object,
    Verb.DELETE: _delete_all,
}
_LIST_VERBS = {Verb.POST: _post_list, Verb.PUT: _put_list, Verb.PATCH: _patch_list, Verb.DELETE: _delete_all}
_ITEM_VERBS = {Verb.POST: _post_item, Verb.PUT: _put_item, Verb.PATCH: _patch_item, Verb.DELETE: _delete_item}
