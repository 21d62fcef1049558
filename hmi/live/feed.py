"""A value stream is a birth and then numbered changes: the pure half of the live feed.

`Image` is what a web process knows of its worker's tags, folded from numbered batches; a batch that
does not follow the last one is a gap, and a gap means birth again. `Outbox` is what one browser is
still owed: the newest value of each tag wins, so a slow browser costs at most one value a tag.
Nothing here knows of sockets, Redis or time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Point = tuple[Any, str, int]
"""A value as it travels: (value, quality word, ms since 1970)."""

NOT_FOUND: Point = (None, "NotFound", 0)
UNKNOWN: Point = (None, "Stale", 0)


class Gap(Exception):
    """A batch of another run, or one whose number is not the next: what is known may be wrong."""


def point(raw: Any) -> Point:
    """`[value, quality, ms]` from the wire. Raises ValueError for any other shape."""
    if not isinstance(raw, list | tuple) or len(raw) != 3:
        raise ValueError(f"a point is [value, quality, ms], not {raw!r:.80}")
    value, quality, at = raw
    if not isinstance(quality, str) or isinstance(at, bool) or not isinstance(at, int):
        raise ValueError(f"a point is [value, quality, ms], not {raw!r:.80}")
    return value, quality, at


def apply(changes: Mapping[str, Point], old: Mapping[str, Point]) -> dict[str, Point]:
    """What a reader holds after `changes` if it held `old`."""
    return {**old, **changes}


@dataclass(slots=True)
class Image:
    """The watched tags of one worker run. `fetch` answers what `apply` of every change adds up to."""

    run: str = ""
    epoch: int = 0
    seq: int = 0
    stale: bool = False
    _points: dict[str, Point] = field(default_factory=dict)
    _changed_at: dict[str, int] = field(default_factory=dict)

    def fold(self, batch: Mapping[str, Any]) -> dict[str, Point]:
        """Take one published batch in; answers what it changed. Raises Gap, or ValueError if malformed."""
        run, epoch, seq = _heading(batch)
        if run != self.run:
            raise Gap(f"run {run} instead of {self.run}")
        if seq <= self.seq:
            return {}
        if seq != self.seq + 1:
            raise Gap(f"batch {seq} after {self.seq}")
        changes = _points(batch)
        self.seq, self.epoch = seq, epoch
        self._points.update(changes)
        self._changed_at.update(dict.fromkeys(changes, seq))
        return changes

    def restart(self, birth: Mapping[str, Any]) -> dict[str, Point] | None:
        """Take the worker's answer to `watch` in, whole; answers what it changed, None if the stream broke.

        Batches may overtake the answer on their way here; a path that changed after the answer's
        number keeps the newer value. After None every reader needs a birth.
        """
        run, epoch, seq = _heading(birth)
        points = _points(birth)
        broke = run != self.run or epoch != self.epoch or self.stale
        if broke:
            self._points, self._changed_at, self.seq = {}, {}, seq
        changes = {
            path: new
            for path, new in points.items()
            if self._changed_at.get(path, -1) <= seq and self._points.get(path) != new
        }
        self.run, self.epoch, self.stale, self.seq = run, epoch, False, max(self.seq, seq)
        self._points.update(changes)
        return None if broke else changes

    def lose(self) -> bool:
        """The worker is silent: values stay readable and count as stale. True if that is news."""
        if self.stale:
            return False
        self.stale = True
        self._points = {path: aged(old) for path, old in self._points.items()}
        return True

    def fetch(self, paths: Iterable[str]) -> dict[str, Point]:
        """The points of `paths`; one that the worker does not know is `NotFound`, unasked ones are stale."""
        missing = UNKNOWN if self.stale or not self.run else NOT_FOUND
        return {path: self._points.get(path, missing) for path in paths}

    def knows(self, paths: Iterable[str]) -> bool:
        return all(path in self._points for path in paths)

    def keep(self, paths: Iterable[str]) -> None:
        """Forget what nobody watches any more."""
        wanted = set(paths)
        for path in self._points.keys() - wanted:
            del self._points[path]
            self._changed_at.pop(path, None)


def aged(old: Point) -> Point:
    """A point whose source is gone: value and time stay, good turns stale."""
    value, quality, at = old
    return value, "Stale" if quality in ("Good", "Uncertain") else quality, at


@dataclass(slots=True)
class Outbox:
    """What one browser is owed: a birth, or the newest change of each of its tags; never more."""

    seq: int = 0
    epoch: int = 0
    birth_due: bool = False
    _changes: dict[str, Point] = field(default_factory=dict)
    _notices: dict[str, dict[str, Any]] = field(default_factory=dict)

    def change(self, changes: Mapping[str, Point], epoch: int) -> None:
        """Owe these values. While a birth is due nothing adds up: the birth will have them."""
        if epoch != self.epoch:
            self.birth_due = True
        if self.birth_due:
            self._changes.clear()
        else:
            self._changes.update(changes)

    def notice(self, kind: str, frame: dict[str, Any]) -> None:
        """Owe a frame that is no value (`gateway`); the newest of each kind wins."""
        self._notices[kind] = {"type": kind, **frame}

    def forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._changes.pop(path, None)

    def __len__(self) -> int:
        return len(self._changes) + len(self._notices) + self.birth_due

    def drain(self, image: Image, paths: Iterable[str]) -> list[dict[str, Any]]:
        """The frames to send now: notices, then a birth from `image` or the changes that are owed."""
        frames = list(self._notices.values())
        self._notices = {}
        if self.birth_due:
            self.birth_due, self._changes, self.seq, self.epoch = False, {}, 0, image.epoch
            values: Mapping[str, Point] = image.fetch(paths)
            frames.append({"type": "birth", "epoch": self.epoch, "seq": 0, "values": values})
        elif self._changes:
            self.seq += 1
            frames.append({"type": "data", "epoch": self.epoch, "seq": self.seq, "values": self._changes})
            self._changes = {}
        return frames


def _heading(message: Mapping[str, Any]) -> tuple[str, int, int]:
    run, epoch, seq = message.get("run"), message.get("epoch"), message.get("seq")
    if not isinstance(run, str) or not isinstance(epoch, int) or not isinstance(seq, int):
        raise ValueError("a batch carries run, epoch and seq")
    return run, epoch, seq


def _points(message: Mapping[str, Any]) -> dict[str, Point]:
    values = message.get("values")
    if not isinstance(values, dict):
        raise ValueError("a batch carries values")
    return {path: point(raw) for path, raw in values.items()}
