"""The words of the adapter: what it refuses, with which status, and what an error looks like."""

from __future__ import annotations

from collections.abc import Iterable

from hmi.adapter.facets.catalogue import MASK, Kind


class Refused(Exception):
    """A request that is not done, and nothing of it. `messages` go into the answer's `error`."""

    def __init__(self, status: int, *messages: str, listed: bool = False) -> None:
        super().__init__("; ".join(messages))
        self.status = status
        self.messages = messages
        self.listed = listed


def no_component(asked: str) -> Refused:
    return Refused(404, f"Component with ID: '{asked}' was not found.")


def no_facet(asked: str) -> Refused:
    return Refused(404, f"Facet with name: '{asked}' was not found.")


def no_entry(asked: str) -> Refused:
    return Refused(404, f"Requested configuration entry with ID: '{asked}' was not found.")


def no_entry_to_change(asked: str, status: int) -> Refused:
    return Refused(status, f"Configuration entry with ID: '{asked}' wasn't found.")


def unsupported(verb: str, kind: Kind) -> Refused:
    return Refused(400, f"Operation '{verb}' is not supported on '{kind.title}' configuration.")


def no_items(kind: Kind) -> Refused:
    return Refused(400, f"Facet {kind.title} is not an array of entries with an ID.")


def mismatch(kind: Kind) -> Refused:
    needed = "array" if kind.is_list else "object"
    return Refused(400, f"Type mismatch - facet {kind.title} requires {needed} configuration.")


def not_an_object() -> Refused:
    return Refused(400, "Type mismatch - an entry is one object.")


def exists(kind: Kind) -> Refused:
    verbs = "Please use PUT verb to replace it or PATCH verb to patch it."
    return Refused(400, f"{kind.title} configuration already exists and cannot be created. {verbs}")


def never_configured(kind: Kind) -> Refused:
    return Refused(409, f"{kind.title} configuration doesn't exist and cannot be patched.")


def duplicates(ids: Iterable[str]) -> Refused:
    return Refused(400, f"Configuration object contains duplicate IDs: {', '.join(ids)}.")


def ids_differ(in_path: str, in_body: str) -> Refused:
    told = f"ID '{in_path}' in the PUT URL does not match configuration ID '{in_body}'."
    return Refused(400, told)


def unknown_fields(names: Iterable[str]) -> Refused:
    return Refused(400, f"Invalid fields specified - {', '.join(names)}")


def no_known_field() -> Refused:
    return Refused(400, "No known property was specified.")


def missing_id(kind: Kind) -> Refused:
    return Refused(400, f"Every entry needs its ID in '{kind.key}'.")


def id_in_body(kind: Kind) -> Refused:
    return Refused(400, f"The ID '{kind.key}' is a part of the path and cannot be patched.")


def masked_secret() -> Refused:
    return Refused(400, f"Secret fields can not be {MASK}")
