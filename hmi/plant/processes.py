"""The processes of one node of the plant, taken as one thing: a process group.

Every node leads a group of its own, so that power loss, a frozen machine and its thaw are one signal
to all of its processes at the same moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from redundancy.config import ConfigError


class ProcessGroup:
    """A command, its children and its children's children."""

    def __init__(
        self, name: str, command: list[str], log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = environment or {}
        self._process: asyncio.subprocess.Process | None = None
        self.paused = False

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Raises ConfigError when it runs already."""
        if self.pid is not None:
            raise ConfigError("node", f"{self.name} runs already")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self._environment},
            )
        self.paused = False

    async def stop(self, grace: float) -> None:
        """SIGTERM to the parent, which ends its children in order; after `grace` seconds, power off."""
        process = self._alive()
        if self.paused:
            self.resume()
        process.terminate()
        try:
            async with asyncio.timeout(grace):
                await process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Power loss: SIGKILL to all of it at once."""
        process = self._alive()
        self._signal(signal.SIGKILL)
        await process.wait()
        self.paused = False

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self._signal(signal.SIGCONT)
        self.paused = False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._alive().pid, number)

    def _alive(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            raise ConfigError("node", f"{self.name} does not run")
        return self._process

    def last_words(self, lines: int = 3) -> str:
        """The end of the log: what the process said before it went."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])
