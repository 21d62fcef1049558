"""`python -m redundancy.distributor --config FILE`.

What must outlive a stop is in FILE with the suffix `.kept`, until the next start.
Says `distributor ready on HOST:PORT` on stdout once it listens. Exit codes: 0 after SIGTERM or SIGINT,
2 for a configuration that cannot be used, 3 for an address that cannot be listened on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import secrets
import signal
import sys
from pathlib import Path

from redundancy.clock import Clock
from redundancy.config import ConfigError
from redundancy.distributor import config
from redundancy.distributor.server import Distributor, Stamp, stamp


def main() -> int:
    parser = argparse.ArgumentParser(prog="distributor", description="Tandem's MQTT server")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE")
    path: Path = parser.parse_args().config
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    seen = stamp(path)
    try:
        settings = config.load(path)
    except ConfigError as error:
        print(f"distributor: {error}", file=sys.stderr)
        return 2
    return asyncio.run(_serve(settings, path, seen))


async def _serve(settings: config.Settings, path: Path, seen: Stamp | None) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    distributor = Distributor(settings, Clock(), path.with_suffix(".kept"), seed=secrets.token_hex(4))
    try:
        host, port = await distributor.start()
    except OSError as error:
        print(f"distributor: {error.strerror}", file=sys.stderr)
        return 3
    print(f"distributor ready on {host}:{port}", flush=True)
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            logging.warning("%s holds password hashes but others may read it: mode 0600, please", path)
    watcher = asyncio.create_task(distributor.watch(path, seen))
    await stopped.wait()
    watcher.cancel()
    await distributor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
