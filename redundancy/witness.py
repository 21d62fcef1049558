"""The witness: a third vote for every pair of the plant, best at a third place.

It knows nothing of gateways but their names. Each pair has its own voter (redundancy.core.voter) and its
own promise on disk; a promise is written and fsynced before the grant that rests on it leaves. Any node
can serve as one: `Witness` runs on any loop. Alone: `python -m redundancy.witness --dir D`, where
D/witness.json holds {"listen": "host:port", "plant_key": hex, "lease": seconds}.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redundancy import promise
from redundancy.clock import Clock
from redundancy.config import ConfigError, Endpoint
from redundancy.core.actions import Persist
from redundancy.core.messages import Heartbeat, Message, from_wire, to_wire
from redundancy.core.voter import Voter
from redundancy.identity import endpoint
from redundancy.link.intruders import Intruders
from redundancy.link.listener import Listener
from redundancy.link.speaker import WITNESS, Speaker, expect_voters

FILE = "witness.json"
MOST_PAIRS = 64
PORT_TAKEN = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WitnessConfig:
    """Where the witness listens, the plant's key, and the lease in seconds, the same as its pairs'."""

    listen: Endpoint
    plant_key: bytes = field(repr=False)
    lease: float = 2.0

    @classmethod
    def load(cls, folder: Path) -> WitnessConfig:
        """From `folder/witness.json`. Raises ConfigError naming the field."""
        path = folder / FILE
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError("dir", f"{path} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise ConfigError(FILE, f"is not JSON: {error}") from None
        if not isinstance(raw, dict):
            raise ConfigError(FILE, "must hold one object")
        lease = raw.get("lease", 2.0)
        if isinstance(lease, bool) or not isinstance(lease, int | float) or not 0.2 <= lease <= 60:
            raise ConfigError("lease", "must be between 0.2 and 60 seconds")
        return cls(endpoint(raw.get("listen"), "listen"), _key(raw.get("plant_key")), float(lease))


class Witness:
    """Votes on the loop that started it. `folder` keeps one promise per pair."""

    def __init__(self, config: WitnessConfig, folder: Path, clock: Clock) -> None:
        self._lease = config.lease
        self._folder = folder
        self._clock = clock
        self._started = clock.now().mono
        self._voters: dict[str, Voter] = {}
        self._pairs: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk = ThreadPoolExecutor(1, "promise")
        me = Speaker("witness", "witness", WITNESS, os.urandom(8).hex())
        self._listener = Listener(
            me,
            config.listen,
            config.plant_key,
            self._take,
            check=self._admit,
            intruders=Intruders(),
            channels=frozenset({"lease"}),
            max_peers=2 * MOST_PAIRS,
        )

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        await self._listener.start()

    async def close(self) -> None:
        await self._listener.close()
        self._disk.shutdown()

    def _admit(self, other: Speaker) -> str | None:
        if other.gateway not in self._pairs and len(self._pairs) >= MOST_PAIRS:
            return f"this witness votes for {MOST_PAIRS} pairs already"
        return expect_voters(other)

    def _take(
        self, sender: Speaker, _: str, raw: dict[str, Any], reply: Callable[[dict[str, Any]], bool]
    ) -> None:
        try:
            message = from_wire(raw)
        except ValueError as error:
            _log.warning("%s sent what is not a message: %s", sender, error)
            return
        if isinstance(message, Heartbeat):
            return
        task = asyncio.get_running_loop().create_task(self._vote(sender, message, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _vote(self, sender: Speaker, message: Message, reply: Callable[[dict[str, Any]], bool]) -> None:
        """One question at a time for each pair: no answer overtakes the promise of the one before."""
        async with self._pairs.setdefault(sender.gateway, asyncio.Lock()):
            try:
                voter = self._voters.get(sender.gateway) or await self._load(sender.gateway)
            except (OSError, promise.PromiseError) as error:
                _log.error("no vote for %s: %s", sender.gateway, error)
                return
            answers, persist = voter.handle(sender.node, message, self._clock.now().mono)
            if persist is None or await self._keep(sender.gateway, voter, persist):
                for answer in answers:
                    reply(to_wire(answer))

    async def _load(self, gateway: str) -> Voter:
        loop = asyncio.get_running_loop()
        kept = await loop.run_in_executor(self._disk, promise.load, self._path(gateway))
        voter = self._voters[gateway] = Voter(self._lease, kept, self._started)
        return voter

    async def _keep(self, gateway: str, voter: Voter, persist: Persist) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, promise.save, self._path(gateway), persist.promise)
        except OSError as error:
            voter.not_saved()
            _log.error("the promise to %s could not be written: %s", gateway, error)
            return False
        return True

    def _path(self, gateway: str) -> Path:
        # A name may hold anything; a file's name may not.
        return self._folder / f"promise-{hashlib.sha256(gateway.encode()).hexdigest()[:24]}.json"


def _key(raw: Any) -> bytes:
    try:
        key = bytes.fromhex(raw)
    except (ValueError, TypeError):
        raise ConfigError("plant_key", "is not hexadecimal") from None
    if len(key) < 16:
        raise ConfigError("plant_key", "is shorter than 16 bytes")
    return key


async def serve(config: WitnessConfig, folder: Path) -> int:
    """Vote until SIGTERM. Answers the exit code."""
    witness = Witness(config, folder, Clock())
    try:
        await witness.start()
    except OSError as error:
        print(f"the witness does not start: {config.listen}: {error.strerror}", file=sys.stderr, flush=True)
        return PORT_TAKEN
    print(f"witness ready on {config.listen}", flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    await witness.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="redundancy.witness", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="folder with witness.json; promises go there")
    folder: Path = parser.parse_args(arguments).dir.resolve()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = WitnessConfig.load(folder)
    except ConfigError as error:
        print(f"the witness does not start: {error}", file=sys.stderr, flush=True)
        return 2
    return asyncio.run(serve(config, folder))


if __name__ == "__main__":
    raise SystemExit(main())
