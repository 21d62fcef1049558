"""JSON paths as the adapter's documents write them, evaluated by a library that knows RFC 9535.

What people copy from elsewhere is older than the RFC: `$.[*].value`, `$.1`, `$.@type`. Such spellings are put
into the RFC's words first. What could hold a payload up for long is refused where it is written: regular
expressions altogether, and more than one `..`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import IndexSelector, NameSelector

MOST_FOUND = 10_000
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MEMBER = re.compile(r"[^.\[\]\s()]*")
_SIMPLE_ITEM = (NameSelector, IndexSelector)
Key = str | int


class _Environment(JSONPathEnvironment):
    """RFC 9535 and no more, without the functions that take regular expressions."""

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        for name in ("match", "search"):
            self.function_extensions.pop(name, None)


_ENVIRONMENT = _Environment(strict=True)


class JsonPath:
    """A path that has been read. Made by `read`."""

    __slots__ = ("_keys", "_path", "deep", "text")

    def __init__(self, text: str, path: JSONPath) -> None:
        self.text, self._path = text, path
        self._keys = _keys(path)
        # Whether it looks at more than the way to one place, or at all entries of one list.
        self.deep = self._keys is None and (".." in text or "?" in text or text.count("*") > 1)

    @property
    def whole(self) -> bool:
        """Whether it means the payload itself: `$`."""
        return self._keys == ()

    def find(self, document: object) -> list[object]:
        """What the path leads to in a parsed payload, in order; at most MOST_FOUND. Raises ValueError."""
        if self._keys is not None:
            return _walk(document, self._keys)
        try:
            found = islice(self._path.finditer(document), MOST_FOUND)  # type: ignore[arg-type]
            return [match.obj for match in found]
        except (JSONPathError, RecursionError, TypeError) as error:
            raise ValueError(f"{self.text} cannot be followed: {_first_line(error)}") from None


@lru_cache(10_000)
def read(text: str) -> JsonPath:
    """Raises ValueError with what is wrong."""
    if not text.startswith("$"):
        raise ValueError("is no JSON path: it does not begin with $")
    if len(text) > 1 and text[1] not in ".[":
        raise ValueError("is no JSON path: after $ comes . or [")
    try:
        path = _ENVIRONMENT.compile("".join(_spelled(text)))
    except (JSONPathError, RecursionError, re.error) as error:
        raise ValueError(f"is no JSON path: {_first_line(error)}") from None
    if not isinstance(path, JSONPath):
        raise ValueError("is more than one JSON path")
    if sum(not isinstance(segment, JSONPathChildSegment) for segment in path.segments) > 1:
        raise ValueError("looks everywhere (..) more than once, which could take longer than there is time")
    return JsonPath(text, path)


def step(name: str) -> str:
    """What leads from an object to its field of this name."""
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    return _quoted(name)


def _keys(path: JSONPath) -> tuple[Key, ...] | None:
    """The names and places on the way of a path that can lead to one place only; None for any other."""
    keys: list[Key] = []
    for segment in path.segments:
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) != 1:
            return None
        (selector,) = segment.selectors
        if not isinstance(selector, _SIMPLE_ITEM):
            return None
        keys.append(selector.name if isinstance(selector, NameSelector) else selector.index)
    return tuple(keys)


def _walk(document: object, keys: tuple[Key, ...]) -> list[object]:
    for key in keys:
        if isinstance(key, str):
            if not isinstance(document, dict) or key not in document:
                return []
            document = document[key]
        else:
            if not isinstance(document, list) or not -len(document) <= key < len(document):
                return []
            document = document[key]
    return [document]


def _spelled(text: str) -> Iterator[str]:
    """The path in the RFC's words: no dot before a bracket, and quotes around what is no plain name."""
    at, depth, quote = 0, 0, ""
    while at < len(text):
        char = text[at]
        if quote or depth:
            yield char
            if quote and char == "\\":
                at += 1
                yield text[at : at + 1]
            elif quote:
                quote = "" if char == quote else quote
            else:
                quote = char if char in "'\"" else ""
                depth += {"[": 1, "]": -1}.get(char, 0)
            at += 1
        elif char == ".":
            dots = ".." if text.startswith("..", at) else "."
            found = _MEMBER.match(text, at + len(dots))
            name = found[0] if found else ""
            yield _member(dots, name, text[at + len(dots) + len(name) :])
            at += len(dots) + len(name)
        else:
            depth += char == "["
            yield char
            at += 1


def _member(dots: str, name: str, rest: str) -> str:
    if not name:
        return "" if dots == "." and rest.startswith("[") else dots
    if name == "*" or _PLAIN_NAME.fullmatch(name):
        return dots + name
    return f"{'..' if dots == '..' else ''}{_quoted(name)}"


def _quoted(name: str) -> str:
    return f"[{json.dumps(name, ensure_ascii=False)}]"


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
