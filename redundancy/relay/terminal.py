"""What the relay says while it works: one line that renews itself on a terminal, lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_RENEW = 0.25
_LINES = 10.0


class Terminal:
    """Writes to standard error, since lines may go to standard output.

    `every` seconds between two plain lines of progress; 0: only what happens, and the summary.
    """

    def __init__(self, name: str, every: float = _LINES, stream: TextIO | None = None) -> None:
        self._name = name
        self._stream = stream or sys.stderr
        self._renews = self._stream.isatty() and every > 0
        self._every = _RENEW if self._renews else every
        self._next = time.monotonic() + self._every
        self._shown = 0

    def say(self, text: str) -> None:
        """Something has happened."""
        self._clear()
        print(f"{self._name}: {text}", file=self._stream, flush=True)

    def renew(self, text: Callable[[], str]) -> None:
        """Progress, if it is time for it."""
        now = time.monotonic()
        if not self._every or now < self._next:
            return
        self._next = now + self._every
        line = f"{self._name}: {text()}"
        if self._renews:
            print(f"\r{line.ljust(self._shown)}", end="", file=self._stream, flush=True)
            self._shown = len(line)
        else:
            print(line, file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._shown:
            print("\r" + " " * self._shown + "\r", end="", file=self._stream)
            self._shown = 0


class Rate:
    """Messages a second between two looks."""

    def __init__(self) -> None:
        self._count = 0
        self._at = time.monotonic()

    def of(self, count: int) -> float:
        now = time.monotonic()
        rate = (count - self._count) / max(now - self._at, 1e-6)
        self._count, self._at = count, now
        return rate


def summary(counts: dict[str, int]) -> str:
    """`name=value` for every count, in one line."""
    return " ".join(f"{name}={value}" for name, value in counts.items())
