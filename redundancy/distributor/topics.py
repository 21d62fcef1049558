"""Topic names and filters (MQTT 4.7): validity, matching, and the two stores that live on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# A topic has 65535 bytes at most, which could be as many levels; nobody means that.
MAX_LEVELS = 200


def name_fault(topic: str) -> str | None:
    """Why `topic` may not be published to; None if it may."""
    if not topic:
        return "the topic is empty"
    if "+" in topic or "#" in topic:
        return "the topic holds a wildcard"
    if topic.count("/") >= MAX_LEVELS:
        return f"the topic has more than {MAX_LEVELS} levels"
    return None


def filter_fault(text: str) -> str | None:
    """Why `text` is not a topic filter; None if it is one."""
    if not text:
        return "the topic filter is empty"
    levels = text.split("/")
    if len(levels) > MAX_LEVELS:
        return f"the topic filter has more than {MAX_LEVELS} levels"
    if any("#" in level and (level != "#" or index < len(levels) - 1) for index, level in enumerate(levels)):
        return "# is not alone on the last level"
    if any("+" in level and level != "+" for level in levels):
        return "+ is not alone on its level"
    return None


def matches(text: str, topic: str) -> bool:
    """Does the filter `text` match the topic name? Leading wildcards never match `$` topics (4.7.2)."""
    if topic[:1] == "$" and text[:1] in ("+", "#"):
        return False
    levels, names = text.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        if len(names) < len(levels):
            return False
    elif len(names) != len(levels):
        return False
    return all(level in ("+", name) for level, name in zip(levels, names, strict=False))


def covers(wide: str, narrow: str) -> bool:
    """Does `wide` match every topic that the filter `narrow` matches?"""
    if narrow[:1] == "$" and wide[:1] in ("+", "#"):
        return False
    left, right = wide.split("/"), narrow.split("/")
    for index, level in enumerate(left):
        if level == "#":
            return True
        if index >= len(right):
            return False
        if right[index] == "#" or (level != "+" and level != right[index]):
            return False
    return len(left) == len(right)


def overlaps(one: str, other: str) -> bool:
    """Is there a topic that both filters match?"""
    if (one[:1] == "$" and other[:1] in ("+", "#")) or (other[:1] == "$" and one[:1] in ("+", "#")):
        return False
    left, right = one.split("/"), other.split("/")
    for mine, theirs in zip(left, right, strict=False):
        if mine == "#" or theirs == "#":
            return True
        if "+" not in (mine, theirs) and mine != theirs:
            return False
    shorter, longer = sorted((left, right), key=len)
    return len(shorter) == len(longer) or longer[len(shorter)] == "#"


class _Node(Generic[K, V]):
    __slots__ = ("children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node[K, V]] = {}
        self.here: dict[K, V] = {}


class Subscriptions(Generic[K, V]):
    """Who subscribed to what: filter -> {subscriber: options}, found by topic name."""

    def __init__(self) -> None:
        self._root: _Node[K, V] = _Node()

    def add(self, text: str, subscriber: K, options: V) -> None:
        """Sets or replaces the subscriber's options for this very filter."""
        node = self._root
        for level in text.split("/"):
            node = node.children.setdefault(level, _Node())
        node.here[subscriber] = options

    def remove(self, text: str, subscriber: K) -> None:
        """Does nothing if there is no such subscription."""
        path = [self._root]
        levels = text.split("/")
        for level in levels:
            child = path[-1].children.get(level)
            if child is None:
                return
            path.append(child)
        path[-1].here.pop(subscriber, None)
        for level, parent in zip(reversed(levels), reversed(path[:-1]), strict=True):
            child = parent.children[level]
            if child.here or child.children:
                return
            del parent.children[level]

    def match(self, topic: str) -> Iterator[tuple[K, V]]:
        """Every (subscriber, options) whose filter matches; one subscriber may come several times."""
        names = topic.split("/")
        nodes = [self._root]
        special = topic[:1] == "$"
        for name in names:
            below = []
            for node in nodes:
                children = node.children
                if not special:
                    if "#" in children:
                        yield from children["#"].here.items()
                    if "+" in children:
                        below.append(children["+"])
                if name in children:
                    below.append(children[name])
            special = False
            nodes = below
        for node in nodes:
            yield from node.here.items()
            if "#" in node.children:
                yield from node.children["#"].here.items()


class Retained(Generic[V]):
    """One retained value per topic name, found by topic filter."""

    _KEY = 0

    def __init__(self) -> None:
        self._root: _Node[int, V] = _Node()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def get(self, topic: str) -> V | None:
        node = self._root
        for name in topic.split("/"):
            child = node.children.get(name)
            if child is None:
                return None
            node = child
        return node.here.get(self._KEY)

    def put(self, topic: str, value: V) -> None:
        node = self._root
        for name in topic.split("/"):
            node = node.children.setdefault(name, _Node())
        self._size += self._KEY not in node.here
        node.here[self._KEY] = value

    def drop(self, topic: str) -> None:
        path = [self._root]
        names = topic.split("/")
        for name in names:
            child = path[-1].children.get(name)
            if child is None:
                return
            path.append(child)
        if path[-1].here.pop(self._KEY, None) is not None:
            self._size -= 1
        for name, parent in zip(reversed(names), reversed(path[:-1]), strict=True):
            child = parent.children[name]
            if child.here or child.children:
                return
            del parent.children[name]

    def match(self, text: str) -> list[V]:
        """The values of all topics that the filter matches, in no promised order."""
        nodes = [self._root]
        for depth, level in enumerate(text.split("/")):
            if level == "#":
                return self._below(nodes, whole=depth == 0)
            below: list[_Node[int, V]] = []
            for node in nodes:
                if level != "+":
                    if level in node.children:
                        below.append(node.children[level])
                else:
                    below.extend(
                        child for name, child in node.children.items() if depth or not name.startswith("$")
                    )
            nodes = below
        return [value for node in nodes for value in node.here.values()]

    def _below(self, nodes: list[_Node[int, V]], *, whole: bool) -> list[V]:
        found: list[V] = []
        if whole:
            nodes = [child for name, child in self._root.children.items() if not name.startswith("$")]
        stack = list(nodes)
        while stack:
            node = stack.pop()
            found.extend(node.here.values())
            stack.extend(node.children.values())
        return found
