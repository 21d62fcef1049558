"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket

# Below the ports that the system hands to outgoing connections: one of those may take any of them between
# the look and the listening, and hold it for a minute after it has ended.
_RANGE = range(10_000, 32_000)
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which no other test gets, of any process."""
    for _ in range(200):
        port = random.choice(_RANGE)
        if _reserve(port) and unused(port):
            return port
    raise RuntimeError("no free port")


def _reserve(port: int) -> bool:
    """By a name that the system takes back when this process ends, however it ends."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0tandem-test-port-{port}")
    except OSError:
        name.close()
        return False
    _reserved.append(name)
    return True


def unused(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
