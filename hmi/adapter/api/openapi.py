"""The adapter's part of /api/openapi.json, made from the catalogue like the views themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hmi.adapter.facets.catalogue import COMPONENT_LIST, FACETS, SECRET_LIST, SYSTEM, Kind, Verb

Described = dict[str, Any]
_TAG = "adapter"
_REF = "#/components/schemas/Adapter{model}"
_WORDS = {
    Verb.GET: "What is configured.",
    Verb.POST: "Create it; entries are added to a list.",
    Verb.PUT: "Replace it. What is left out takes its default.",
    Verb.PATCH: "Change the properties that are given; entries of a list carry their id.",
    Verb.DELETE: "Remove it.",
}
_REFUSALS = {
    400: "What is wrong, each fault in a sentence; nothing was changed",
    401: "Not signed in",
    403: "No right to configure",
    404: "There is no such component, facet or entry",
    409: "This node does not act (the resolution names the one that does), or there is nothing to patch",
    413: "More than 64,000,000 bytes",
    503: "The node is starting or stopping",
}


class Error(BaseModel):
    """Every refusal. `errors` comes with a body that is no JSON, `count` with the whole configuration."""

    error: str
    reason: str
    resolution: str


def added(schema: Described) -> Described:
    """The API's description with the adapter's paths and schemas in it."""
    schema["paths"] |= dict(_paths())
    schema["components"].setdefault("schemas", {}).update(_schemas())
    return schema


def _schemas() -> Described:
    shapes: list[type[BaseModel]] = [kind.shape for kind in (*FACETS, COMPONENT_LIST, SECRET_LIST)]
    shapes.append(Error)
    models: list[tuple[type[BaseModel], Any]] = [(shape, "validation") for shape in shapes]
    _, found = models_json_schema(models, by_alias=True, ref_template=_REF)
    return {f"Adapter{name}": shape for name, shape in found["$defs"].items()}


def _paths() -> Iterator[tuple[str, Described]]:
    root = "/api/v1/configuration"
    anything = {"type": "object", "description": "component -> facet -> value"}
    yield root, _operations("everything", anything, (Verb.GET, Verb.PUT), ())
    one = {"type": "object", "description": "facet -> value"}
    yield f"{root}/{{component}}", _operations("component", one, (Verb.GET,), ("component",))
    yield from _list_paths(f"{root}/system/components", [COMPONENT_LIST], ())
    yield f"{root}/system/logging", _of_kind([kind for kind in FACETS if SYSTEM in kind.of], ())
    for name in dict.fromkeys(kind.name for kind in FACETS):
        kinds = [kind for kind in FACETS if kind.name == name]
        place = f"{root}/{{component}}/{name}"
        if kinds[0].is_list:
            yield from _list_paths(place, kinds, ("component",))
        else:
            yield place, _of_kind(kinds, ("component",))
    yield from _list_paths("/api/v1/management/secrets", [SECRET_LIST], ())
    yield from _others()


def _others() -> Iterator[tuple[str, Described]]:
    found, place = {"type": "object"}, "/api/v1/configuration/{component}/discoveries"
    by_id = ("component", "id")
    yield (
        place,
        _operations("discoveries", found, (Verb.GET, Verb.POST, Verb.DELETE), ("component",), done=202),
    )
    yield f"{place}/{{id}}", _operations("discovery", found, (Verb.GET, Verb.DELETE), by_id, done=200)
    result = _operations("discovery_result", found, (Verb.GET, Verb.DELETE), by_id, done=200)
    yield f"{place}/{{id}}/result", result
    yield f"{place}/{{id}}/cancel", _bare("discovery_cancel", by_id, 200)
    for choice in ("select", "unselect"):
        path = f"/api/v1/configuration/{{component}}/dataSelection/{choice}"
        described = _bare(f"dataSelection_{choice}", ("component",), 200)
        described["parameters"].append(_parameter("discoveryId", "query"))
        yield path, described
    for function in ("Start", "Stop"):
        yield f"/api/v1/administration/{{component}}/{function}", _bare(function, ("component",), 204)
    for name in ("ProductInformation", "system"):
        yield f"/api/v1/diagnostics/{name}", _operations(name, found, (Verb.GET,), ())


def _list_paths(place: str, kinds: list[Kind], known: tuple[str, ...]) -> Iterator[tuple[str, Described]]:
    yield place, _of_kind(kinds, known)
    verbs = kinds[0].verbs - {Verb.POST}
    entry = _one_of(kinds)
    yield f"{place}/{{id}}", _operations(f"{kinds[0].name}_entry", entry, verbs, (*known, "id"))


def _of_kind(kinds: list[Kind], known: tuple[str, ...]) -> Described:
    entry = _one_of(kinds)
    shape = {"type": "array", "items": entry} if kinds[0].is_list else entry
    name = kinds[0].name if known else f"system_{kinds[0].name}"
    return _operations(name, shape, kinds[0].verbs, known)


def _one_of(kinds: list[Kind]) -> Described:
    shapes = [{"$ref": _REF.format(model=kind.shape.__name__)} for kind in kinds]
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _operations(
    name: str, shape: Described, verbs: Any, known: tuple[str, ...], *, done: int = 204
) -> Described:
    described: Described = {"parameters": [_parameter(each, "path") for each in known]}
    for verb in sorted(verbs):
        operation = _operation(f"{verb.lower()}_{name}", _WORDS[verb], 200 if verb is Verb.GET else done)
        if verb in (Verb.POST, Verb.PUT, Verb.PATCH):
            sent = _some_of(shape) if verb is Verb.PATCH else shape
            operation["requestBody"] = {"required": True, "content": _json(sent)}
        if verb is Verb.GET:
            operation["responses"]["200"]["content"] = _json(shape)
        described[verb.lower()] = operation
    return described


def _some_of(shape: Described) -> Described:
    """The same with nothing required."""
    some = {"type": "object", "description": "Some properties of what GET answers"}
    return {"type": "array", "items": some} if shape.get("type") == "array" else some


def _bare(name: str, known: tuple[str, ...], done: int) -> Described:
    """A function: it is called by POST, with nothing to say."""
    parameters = [_parameter(each, "path") for each in known]
    return {"parameters": parameters, "post": _operation(f"post_{name}", f"{name}.", done)}


def _operation(name: str, words: str, done: int) -> Described:
    error = _json({"$ref": _REF.format(model=Error.__name__)})
    refusals = {str(status): {"description": why, "content": error} for status, why in _REFUSALS.items()}
    return {
        "operationId": f"adapter_{name}",
        "summary": words,
        "tags": [_TAG],
        "responses": {str(done): {"description": "Done"}, **refusals},
    }


def _json(shape: Described) -> Described:
    return {"application/json": {"schema": shape}}


def _parameter(name: str, where: str) -> Described:
    return {"name": name, "in": where, "required": True, "schema": {"type": "string"}}
