"""The node's runtime inside a Celery worker: one thread, one asyncio loop, as long as the worker lives."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Any, Protocol

from celery import bootsteps, signals

log = logging.getLogger(__name__)

# Seconds: for handing the role over, and for Celery to end after that. The node's parent allows 12.
DRAIN = 9.0
FAREWELL = 2.0
FAILED = 70


class Served(Protocol):
    """What the thread runs (hmi.worker.wiring.NodeWorker)."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


class RuntimeThread:
    """Runs `served` until it is told to stop. If it ends by itself the process ends, to be started anew."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="runtime", daemon=True)

    def start(self) -> None:
        # Celery stops its steps only once its own loop looks up, which takes up to seconds when Redis is
        # gone: the signal that announces the shutdown starts the draining at once.
        signals.worker_shutting_down.connect(self._shutting_down, weak=False)
        self._thread.start()

    def stop(self) -> None:
        """Drain and wait for it."""
        self._ask()
        self._thread.join(DRAIN)
        signals.worker_shutting_down.disconnect(self._shutting_down)

    terminate = stop

    def _shutting_down(self, **_: Any) -> None:
        self._ask()

    def _ask(self) -> None:
        # Called from a signal handler too: it may only leave word.
        self._stopping = True
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._served.stop)

    def _live(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException:
            log.exception("the runtime died")
            os._exit(FAILED)
        if not self._stopping:
            log.error("the runtime ended by itself")
            os._exit(FAILED)
        # The role is handed over and everything is stored. Celery may still be waiting for a Redis that
        # is gone; this thread is a daemon, so it gets here only if the process outlives it.
        time.sleep(FAREWELL)
        os._exit(0)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stopping:
            return
        await self._served.run()


class RuntimeStep(bootsteps.StartStopStep):
    """A step of the worker, not of its consumer: it keeps its sessions while Redis is away."""

    requires = ("celery.worker.components:Pool",)

    def create(self, _worker: Any) -> RuntimeThread:  # type: ignore[override]  # the stub forgets the object
        # Not before: the models can be imported only once Celery has set Django up.
        from hmi.worker.wiring import node_worker

        return RuntimeThread(node_worker())
