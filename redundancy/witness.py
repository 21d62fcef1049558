"""The witness: a third vote for every pair of a plant. `python -m redundancy.witness --dir D`.

D/witness.json, mode 0600: {"listen": "127.0.0.1:8070", "plant_key": "<hex>", "lease": 2.0}, and where the
links have TLS: "link_tls": {"ca": FILE, "certificate": FILE, "key": FILE} and "name", which its certificate
must name ("witness" if none is said). The votes it has given are kept in D/promises, one file a pair. It
says `witness ready on HOST:PORT` on stdout once it listens. Exit codes: 0 after SIGTERM or SIGINT, 2 for a
configuration that can't be used, 3 for an address or a folder that is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import hashlib
import json
import logging
import os
import re
import signal
import sys
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from redundancy import promise
from redundancy.clock import Clock
from redundancy.config import ConfigError, Endpoint, LinkTls, NodeConfig
from redundancy.core.messages import Heartbeat, Message, from_wire, to_wire
from redundancy.core.voter import Voter
from redundancy.identity import endpoint, link_tls
from redundancy.link.frames import Breach, FrameError
from redundancy.link.intruders import Intruders
from redundancy.link.listener import Listener, Reply
from redundancy.link.speaker import WITNESS, Speaker, expect_voters
from redundancy.link.tls import Papers

MAX_PAIRS = 64
FILE = "witness.json"
_WAITING = 64  # messages of one pair while its promise is being written; each is repeated by its sender
_log = logging.getLogger(__name__)


class Vote:
    """One pair's voter and its promise on disk. Whatever follows from a promise waits for the disk."""

    def __init__(self, voter: Voter, path: Path, clock: Clock, disk: ThreadPoolExecutor, boot: str) -> None:
        self._voter = voter
        self._path = path
        self._clock = clock
        self._disk = disk
        self._boot = boot
        self._queue: deque[tuple[str, Message, Reply]] = deque(maxlen=_WAITING)
        self._saving = False
        self.fault = ""

    def take(self, sender: str, message: Message, reply: Reply) -> None:
        """Answer in the order of arrival."""
        self._queue.append((sender, message, reply))
        self._work()

    def _work(self) -> None:
        while self._queue and not self._saving:
            sender, message, reply = self._queue.popleft()
            if isinstance(message, Heartbeat):
                reply(to_wire(self._sign_of_life(message)))
                continue
            answers, persist = self._voter.handle(sender, message, self._clock.now().mono)
            if persist is None:
                _say(answers, reply)
                continue
            self._saving = True
            loop = asyncio.get_running_loop()
            saving = loop.run_in_executor(self._disk, promise.save, self._path, persist.promise)
            saving.add_done_callback(partial(self._saved, answers, reply))

    def _saved(self, answers: list[Message], reply: Reply, saving: asyncio.Future[None]) -> None:
        self._saving = False
        if saving.cancelled():
            return
        error = saving.exception()
        if error is None:
            self.fault = ""
            _say(answers, reply)
        else:
            self._voter.not_saved()
            if not self.fault:
                _log.error("a promise can't be written, so nothing is promised: %s", error)
            self.fault = str(error)
        self._work()

    def _sign_of_life(self, message: Heartbeat) -> Heartbeat:
        waits = self._voter.waits(self._clock.now().mono)
        state = "Faulted" if self.fault else "Waiting" if waits else "Serving"
        return Heartbeat(self._boot, message.beat, WITNESS, state, self._voter.promise.epoch)


class Witness:
    """Serves `listen` from `start` to `close`, in a process of its own or on a node's loop.

    `lease` must be at least that of the pairs, seconds. `folder` is its own and kept across restarts:
    a witness that forgets breaks what it is for. `not_for` is the gateway of the node that it runs in: with
    two of its pair's three votes, that node's loss would be the pair's. `tell(why)` hears once of every kind
    of intruder.
    """

    def __init__(
        self,
        listen: Endpoint,
        key: bytes,
        folder: Path,
        clock: Clock,
        *,
        lease: float = 2.0,
        name: str = "witness",
        not_for: str = "",
        tell: Callable[[str], None] = _log.warning,
        tls: LinkTls | None = None,
    ) -> None:
        self._lease = lease
        self._not_for = not_for
        self._folder = folder / "promises"
        self._clock = clock
        self._disk = ThreadPoolExecutor(4, "promise")
        self._votes: dict[str, Vote] = {}
        self._lock = -1
        self._boot = str(uuid.uuid4())
        self._started = clock.now().mono
        self._tell = tell
        self._unreadable: set[str] = set()
        self.intruders = Intruders(tell, tell)
        self._listener = Listener(
            Speaker(name, name, WITNESS, self._boot),
            listen,
            key,
            self._take,
            check=self._admit,
            intruders=self.intruders,
            channels=frozenset({"lease"}),
            max_peers=2 * MAX_PAIRS,
            papers=None if tls is None else Papers(tls),
        )

    @classmethod
    def of(cls, node: NodeConfig, folder: Path, clock: Clock) -> Witness | None:
        """What a node serves to other gateways' pairs, with its own Failover Timeout; None if nothing."""
        if node.serve_witness is None:
            return None
        return cls(
            node.serve_witness,
            node.plant_key,
            folder / "witness",
            clock,
            lease=node.redundancy.failover_timeout,
            name=node.node,
            not_for=node.gateway,
            tls=node.link_tls,
        )

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken, or BlockingIOError if the folder is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._started = self._clock.now().mono  # a grant from before may live from here on for a lease
            await self._listener.start()
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    async def close(self) -> None:
        """Hang up; a promise that is being written is finished first."""
        await self._listener.close()
        await asyncio.to_thread(self._disk.shutdown)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _admit(self, other: Speaker) -> str | None:
        """Accept a node, once its pair's promise has been read."""
        why = expect_voters(other)
        if why is not None or other.gateway in self._votes:
            return why
        if other.gateway == self._not_for:
            return f"a node of {other.gateway} cannot be the witness of its own pair"
        if len(self._votes) >= MAX_PAIRS:
            return f"the witness serves {MAX_PAIRS} gateways already"
        path = self._folder / _file_of(other.gateway)
        try:
            given = promise.load(path)
        except (promise.PromiseError, OSError) as error:
            if other.gateway not in self._unreadable:
                self._unreadable.add(other.gateway)
                self._tell(str(error))
            return f"the witness does not vote for {other.gateway}: its promise can't be read"
        voter = Voter(self._lease, given, self._started)
        self._votes[other.gateway] = Vote(voter, path, self._clock, self._disk, self._boot)
        return None

    def _take(self, sender: Speaker, channel: str, raw: dict[str, Any], reply: Reply) -> None:  # noqa: ARG002
        try:
            message = from_wire(raw)
        except ValueError as error:
            self.intruders.refused(FrameError(Breach.GARBAGE, str(error)), sender.node)
            return
        self._votes[sender.gateway].take(sender.node, message, reply)


def _say(answers: list[Message], reply: Reply) -> None:
    for answer in answers:
        reply(to_wire(answer))


def _file_of(gateway: str) -> str:
    """A file name that is readable, safe, and different for every gateway."""
    slug = re.sub(r"[^a-z0-9]+", "-", gateway.lower()).strip("-")[:40]
    return f"{slug}.{hashlib.sha256(gateway.encode()).hexdigest()[:12]}.json"


def _read(folder: Path) -> dict[str, Any]:
    """`witness.json`, as the arguments of Witness. Raises ConfigError naming the field."""
    path = folder / FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("dir", f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(FILE, f"is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(FILE, "must hold one object")
    try:
        key = bytes.fromhex(str(raw.get("plant_key", "")))
    except ValueError:
        raise ConfigError("plant_key", "is not hexadecimal") from None
    if len(key) < 16:
        raise ConfigError("plant_key", "is shorter than 16 bytes")
    lease = raw.get("lease", 2.0)
    if isinstance(lease, bool) or not isinstance(lease, int | float) or not 0.2 <= lease <= 60.0:
        raise ConfigError("lease", "must be between 0.2 and 60 seconds")
    name = raw.get("name", "witness")
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable():
        raise ConfigError("name", "is not a name of at most 100 characters")
    listen, tls = endpoint(raw.get("listen"), "listen"), link_tls(raw.get("link_tls"))
    return {"listen": listen, "key": key, "lease": float(lease), "name": name, "tls": tls}


async def _serve(folder: Path) -> int:
    told = _read(folder)
    listen = told["listen"]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    witness = Witness(folder=folder, clock=Clock(), **told)
    try:
        await witness.start()
    except BlockingIOError:
        print(f"witness: another witness runs in {folder}", file=sys.stderr)
        return 3
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        print(f"witness: cannot serve {listen} from {folder}: {reason.lower()}", file=sys.stderr)
        return 3
    print(f"witness ready on {listen}", flush=True)
    await stopped.wait()
    await witness.close()
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="witness", description="The third vote of Tandem's pairs")
    parser.add_argument("--dir", required=True, type=Path, metavar="D", help="its folder, with witness.json")
    folder: Path = parser.parse_args().dir
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return asyncio.run(_serve(folder))
    except ConfigError as error:
        print(f"witness: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
