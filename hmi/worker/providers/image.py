"""The live tag image: every tag of every provider with its value as it is now.

It lives on the runtime's loop and is never shared with another thread: readers get frozen values.
Changes are noted only for paths that somebody watches, so the cost of a change that nobody looks at
is one store into a dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hmi.tags import path as paths
from hmi.tags.about import NOTHING, About
from hmi.tags.value import Quality, TagValue
from sparkplug import Value

FOLDER, TAG = "folder", "tag"


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of a folder. `datatype` is empty for folders."""

    name: str
    path: str
    kind: str
    datatype: str = ""


class TagImage:
    """Path -> TagValue, with the folders that the paths imply."""

    def __init__(self) -> None:
        self._values: dict[str, TagValue] = {}
        self._folders: dict[str, dict[str, None]] = {f"[{provider}]": {} for provider in paths.PROVIDERS}
        # Apart from the values: these change with a birth, those ten times a second.
        self._about: dict[str, About] = {}
        self._watched: frozenset[str] = frozenset()
        self._changed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, path: str) -> bool:
        return path in self._values

    def get(self, path: str) -> TagValue | None:
        """The tag at a canonical path."""
        return self._values.get(path)

    def about(self, path: str) -> About:
        """What is said of the tag beside its value."""
        return self._about.get(path, NOTHING)

    def describe(self, path: str, about: About) -> None:
        """This is said of the tag from now on."""
        if about == NOTHING:
            self._about.pop(path, None)
        elif path in self._values:
            self._about[path] = about

    def put(
        self, path: str, value: Value, timestamp: int, datatype: str, quality: Quality = Quality.GOOD
    ) -> None:
        """The tag at `path` now has this value; a path not seen before becomes a tag."""
        if path not in self._values:
            self._shelve(path)
        self._values[path] = TagValue(path, value, quality, timestamp, datatype)
        if path in self._watched:
            self._changed[path] = None

    def stale(self, path: str, at: int) -> None:
        """Nobody vouches for the value any longer; it stays, with the time at which trust ended."""
        tag = self._values.get(path)
        if tag is not None and tag.quality is not Quality.STALE:
            self.put(path, tag.value, at, tag.datatype, Quality.STALE)

    def remove(self, path: str) -> None:
        """The tag is gone, and with it every folder that held nothing else."""
        if self._values.pop(path, None) is None:
            return
        self._about.pop(path, None)
        if path in self._watched:
            self._changed[path] = None
        self._unshelve(path)

    def under(self, folder: str) -> Iterator[str]:
        """The paths of every tag in `folder` and below it."""
        for child in list(self._folders.get(folder, ())):
            if child in self._values:
                yield child
            yield from self.under(child)

    def browse(self, path: str) -> list[Child] | None:
        """The children of a folder, folders first, by name; of "" the providers; None: no such folder."""
        if not path:
            return [Child(provider, f"[{provider}]", FOLDER) for provider in paths.PROVIDERS]
        if path not in self._folders:
            return [] if path in self._values else None
        found = []
        for child in self._folders[path]:
            name = paths.name(child)
            # A path can be both: the metrics "A" and "A/B" of a foreign edge node.
            if child in self._folders:
                found.append(Child(name, child, FOLDER))
            if child in self._values:
                found.append(Child(name, child, TAG, self._values[child].datatype))
        return sorted(found, key=lambda child: (child.kind, child.name))

    def watch(self, watched: Iterable[str]) -> None:
        """From now on changes of exactly these paths are noted."""
        self._watched = frozenset(watched)
        self._changed = {path: None for path in self._changed if path in self._watched}

    def take_changes(self) -> list[str]:
        """The watched paths that changed since the last call; the tag may be gone by now."""
        changed, self._changed = list(self._changed), {}
        return changed

    def _shelve(self, path: str) -> None:
        folder = paths.parent(path)
        while folder is not None:
            children = self._folders.setdefault(folder, {})
            known = bool(children)
            children[path] = None
            if known:
                return
            path, folder = folder, paths.parent(folder)

    def _unshelve(self, path: str) -> None:
        folder = paths.parent(path)
        while folder is not None and path not in self._folders:
            children = self._folders[folder]
            children.pop(path, None)
            if children or paths.is_provider(folder):
                return
            del self._folders[folder]
            if folder in self._values:
                return
            path, folder = folder, paths.parent(folder)
