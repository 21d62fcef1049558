"""What must fit together in a configuration's tags and dashboards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hmi.replication.schema import ConfigDocument, Problem, TagDocument, WidgetDocument
from hmi.tags.path import DEFAULT, PROVIDERS, PathError, canonical, parent, split
from hmi.tags.value import OWN_TYPES
from hmi.tags.wire import from_wire
from sparkplug.datatypes import DataType

_COUNTING = ("Int64", "UInt64", "Double")


def tags(document: ConfigDocument) -> Iterator[Problem]:
    """Each tag by itself, then all paths against each other: a tag can't be a folder as well."""
    seen: dict[str, str] = {}
    for tag in document.tags:
        where = f"tag/{tag.path}"
        if other := seen.get(tag.path.casefold()):
            same = other == tag.path
            why = "is there twice" if same else f"differs from {other} only in upper and lower case"
            yield Problem(where, "path", why)
        seen[tag.path.casefold()] = tag.path
        yield from (Problem(where, field, reason) for field, reason in _tag(tag))
    for tag in document.tags:
        folder = parent(tag.path) if tag.path.startswith("[") and "]" in tag.path else None
        while folder is not None:
            if folder.casefold() in seen:
                yield Problem(f"tag/{tag.path}", "path", f"{folder} is a tag and can't be a folder as well")
            folder = parent(folder)


def some_tags(
    changed: Iterable[TagDocument],
    spelled_like: Callable[[str], Iterable[str]],
    inside: Callable[[str], str | None],
) -> Iterator[Problem]:
    """The same of a few tags among very many. Both functions answer with keys of all ("tag/<path>"):
    those that are this key but for upper and lower case, and one that is below it."""
    for tag in changed:
        where = f"tag/{tag.path}"
        yield from (Problem(where, field, reason) for field, reason in _tag(tag))
        for other in spelled_like(where):
            if other != where:
                reason = f"differs from {other.removeprefix('tag/')} only in upper and lower case"
                yield Problem(where, "path", reason)
        if below := inside(where):
            yield Problem(below, "path", f"{tag.path} is a tag and can't be a folder as well")
        folder = parent(tag.path) if tag.path.startswith("[") and "]" in tag.path else None
        while folder is not None:
            if any(spelled_like(f"tag/{folder}")):
                yield Problem(where, "path", f"{folder} is a tag and can't be a folder as well")
            folder = parent(folder)


def _tag(tag: TagDocument) -> Iterator[tuple[str, str]]:
    if fault := path_fault(tag.path):
        yield "path", fault
    elif split(tag.path)[0] != DEFAULT:
        yield "path", f"tags are made under [{DEFAULT}] only"
    if tag.datatype not in OWN_TYPES:
        yield "datatype", f"{tag.datatype!r} is none of {', '.join(OWN_TYPES)}"
        return
    try:
        from_wire(DataType[tag.datatype], tag.initial)
    except ValueError as error:
        yield "initial", str(error)
    if tag.kind == "counter":
        if tag.datatype not in _COUNTING:
            yield "datatype", f"a counter is one of {', '.join(_COUNTING)}"
        if tag.writable:
            yield "writable", "a counter shows the clock and can't be written"
    yield from _limits(tag.low, tag.high)


def path_fault(path: str) -> str | None:
    """Why this is not a tag's canonical path; None if it is one."""
    try:
        spelled = canonical(path)
    except PathError as error:
        return str(error)
    if spelled.endswith("]"):
        return "names a provider and no tag"
    return None if spelled == path else f"is to be written {spelled}"


def _limits(low: float | None, high: float | None) -> Iterator[tuple[str, str]]:
    if low is not None and high is not None and low >= high:
        yield "high", f"{high:g} is not above the low limit {low:g}"


def boards(document: ConfigDocument) -> Iterator[Problem]:
    """Dashboards and their widgets. A path may name a tag that does not exist yet: an edge brings it."""
    seen: set[str] = set()
    for board in document.dashboards:
        where = f"dashboard/{board.slug}"
        if board.slug.casefold() in seen:
            yield Problem(where, "slug", "is there twice")
        seen.add(board.slug.casefold())
        for number, widget in enumerate(board.widgets, 1):
            for field, reason in _widget(widget):
                yield Problem(where, f"widgets.{number}.{field}", reason)


def _widget(widget: WidgetDocument) -> Iterator[tuple[str, str]]:
    if widget.kind == "label":
        if not widget.label:
            yield "label", "a label needs a text"
        if not widget.path:
            return
    if fault := path_fault(widget.path):
        yield "path", fault
    elif split(widget.path)[0] not in PROVIDERS:
        yield "path", f"its provider is none of {', '.join(PROVIDERS)}"
    if widget.kind == "indicator" and not widget.states:
        yield "states", "an indicator needs at least one state"
    yield from _limits(widget.low, widget.high)
