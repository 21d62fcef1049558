"""How `plant kill`, `stop`, `start` and the rest reach the plant that runs in another terminal.

One JSON line each way over a unix socket in the plant's folder, readable only by its owner.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from redundancy.config import ConfigError

SOCKET = "plant.sock"
_PATIENCE = 90.0


def ask(folder: Path, op: str, **arguments: Any) -> Any:
    """Ask the running plant. Raises ConfigError when none runs there, or with the plant's refusal."""
    path = folder / SOCKET
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(_PATIENCE)
        try:
            wire.connect(str(path))
        except OSError:
            raise ConfigError("dir", f"no plant runs in {folder}") from None
        wire.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
        with wire.makefile("rb") as reader:
            line = reader.readline()
    if not line:
        raise ConfigError(op, "the plant ended before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise ConfigError(answer["field"], answer["refused"])
    return answer["result"]
