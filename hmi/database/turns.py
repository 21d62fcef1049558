"""Whose turn it is: threads that want the same thing get it in the order in which they asked."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One queue. A `threading.Lock` would let whoever comes by at the right moment in first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def mine(self, until: float) -> Iterator[None]:
        """Have the turn for the block. Raises TimeoutError when it has not come by `until` (monotonic)."""
        self._take(until)
        try:
            yield
        finally:
            self._pass_on()

    def _take(self, until: float) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(max(0.0, until - time.monotonic())):
            return
        with self._lock:
            if not called.is_set():
                self._waiting.remove(called)
                raise TimeoutError
        # It has come at the very last moment.

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
