"""`python -m hmi.trial.running --dir D`: the node under its ordinary parent, and what it does, line by line.

The same processes as of `manage.py node run`; beside them only a reader of the node's journal. Ends on
SIGTERM and Ctrl-C with every goodbye that Sparkplug asks for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
from redis.exceptions import RedisError

from hmi.desk import connect
from hmi.node import redis_server
from hmi.node.supervisor import Child, Supervisor, prepare, say
from hmi.worker.journal import STREAM
from redundancy import identity
from redundancy.config import ConfigError, Endpoint

_LOOK = 0.1
_BLOCK_MS = 500


async def run(folder: Path, wanted: Sequence[Child], http: Endpoint, started: float) -> None:
    """Until a signal comes; everything that happens is said."""
    supervisor = Supervisor(folder, wanted)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        say("stopping: the node says goodbye")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            loop.add_signal_handler(number, lambda: None)
        supervisor.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    beside = [
        asyncio.create_task(_read_aloud(folder)),
        asyncio.create_task(_say_when_served(http, started)),
    ]
    await supervisor.run()
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    say("stopped")


async def _read_aloud(folder: Path) -> None:
    """Every entry of the journal once, from the first, also over a Redis that was started again."""
    last = b"0"
    while True:
        with contextlib.suppress(RedisError, OSError):
            async with connect(f"unix://{folder / redis_server.SOCKET}") as redis:
                while True:
                    for _, entries in await redis.xread({STREAM: last}, block=_BLOCK_MS) or []:
                        for number, fields in entries:
                            say(line(*orjson.loads(fields[b"entry"])))
                            last = number
        await asyncio.sleep(_LOOK)


def line(at: int, sentence: str) -> str:
    """An entry for a terminal: local time, and nothing of what a stranger sent that could steer it."""
    shown = "".join(character if character.isprintable() else "�" for character in sentence)
    return f"{time.strftime('%H:%M:%S', time.localtime(at / 1000))}  {shown}"


async def _say_when_served(http: Endpoint, started: float) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(http.host, http.port)
            writer.close()
            say(f"pages answer at http://{http} after {time.monotonic() - started:.1f} s; Ctrl-C ends it")
            return
        await asyncio.sleep(_LOOK)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="hmi.trial.running", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--since", type=float, default=time.monotonic(), help="CLOCK_MONOTONIC at the start")
    parser.add_argument("--temporary", action="store_true", help="remove the folder at the end")
    asked = parser.parse_args(arguments)
    folder: Path = asked.dir.resolve()
    # Its own, always: another node's journal would be told as this one's.
    os.environ.pop("REDIS_URL", None)
    try:
        wanted = prepare(folder)
        asyncio.run(run(folder, wanted, identity.load(folder).node.http, asked.since))
    except ConfigError as error:
        print(f"the node does not start: {error}", file=sys.stderr, flush=True)
        return 2
    finally:
        if asked.temporary:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
