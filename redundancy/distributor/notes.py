"""Sentences for the log that can't flood it."""

from __future__ import annotations

_QUIET = 60.0
_MOST = 1000


class Notes:
    """The first of a kind about the same client is kept, its repetitions within a minute are not."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}
        self._fresh: list[str] = []

    def add(self, kind: str, about: str, text: str, now: float) -> None:
        last = self._last.get((kind, about))
        if last is None or now - last >= _QUIET:
            if len(self._last) >= _MOST:
                self._last.clear()
            self._last[kind, about] = now
            self._fresh.append(text)

    def take(self) -> list[str]:
        """What was added since the last time."""
        if not self._fresh:
            return []
        fresh, self._fresh = self._fresh, []
        return fresh
