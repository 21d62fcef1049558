"""Watching a pull: one that makes no progress gets a new connection (Sync Timeout)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class StallWatch:
    """Over the pull of `what`. `since()` tells since when (loop time) it waits for progress, None while it
    waits for nothing.

    After `patience` seconds of it `stalled(why)` is called, and the watch ends until it is started again.
    """

    def __init__(
        self, what: str, patience: float, since: Callable[[], float | None], stalled: Callable[[str], None]
    ) -> None:
        self._what = what
        self._patience = patience
        self._since = since
        self._stalled = stalled
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """On the running loop; from now on for one connection."""
        self.stop()
        self._look()

    def stop(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        since = self._since()
        if since is not None and loop.time() >= since + self._patience:
            self._timer = None
            why = f"the pull of {self._what} made no progress for {self._patience:g} s and is begun anew"
            self._stalled(why)
            return
        self._timer = loop.call_later(self._patience / 4, self._look)
