"""Sentences for the log that can't flood it."""

from __future__ import annotations

_QUIET = 60.0  # seconds before the same is said again
_MOST = 100  # sentences within that time, whoever they are about: strangers choose their own names
_LONGEST = 400


class Notes:
    """The first of a kind about the same client is kept; repetitions within a minute are not.

    Beyond a hundred sentences a minute only their number is kept.
    """

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()
        self._since = 0.0
        self._unsaid = 0
        self._fresh: list[str] = []

    def add(self, kind: str, about: str, text: str, now: float) -> None:
        if now - self._since >= _QUIET:
            if self._unsaid:
                self._fresh.append(f"{self._unsaid} more such lines within a minute were left out")
            self._since, self._unsaid = now, 0
            self._said.clear()
        if (kind, about) in self._said:
            return
        if len(self._said) >= _MOST:
            self._unsaid += 1
            return
        self._said.add((kind, about))
        self._fresh.append(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")

    def take(self) -> list[str]:
        """What was added since the last time."""
        if not self._fresh:
            return []
        fresh, self._fresh = self._fresh, []
        return fresh
