"""Every node in a network namespace of its own, joined by a bridge: cables that can be pulled.

Needs root. Names carry the process id of the run, so that what a run left behind is known as such when
the next one starts; `sweep` removes it. Nothing outside of the names below is touched.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from signal import SIGKILL
from typing import Any, TypeVar

_NAMES = "tandem-"
_NET = "10.213"
_NOBODY = "02:00:00:00:00:01"
_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def possible() -> bool:
    """Whether this process may make namespaces, and the machine has them."""
    if os.geteuid() != 0:
        return False
    try:
        return _run("ip", "netns", "list", check=False).returncode == 0
    except FileNotFoundError:
        return False


class Network:
    """One namespace for each name, with an address of its own; the bridge has one, too: ours.

    All are on one segment. `close` removes everything, also processes that still live inside.
    """

    def __init__(self, names: Iterable[str], run: int | None = None) -> None:
        """`run`: another process has opened it (`found_at` says where)."""
        self._run = f"{run or os.getpid():x}"
        self.bridge = f"tf{self._run}br"
        self._numbers = {name: number for number, name in enumerate(names, start=1)}
        third = next(n for n in range(1, 255) if f"{_NET}.{n}." not in _addresses())
        self.gateway = f"{_NET}.{third}.254"

    def found_at(self, gateway: str) -> None:
        self.gateway = gateway

    def address(self, name: str) -> str:
        return f"{self.gateway.rpartition('.')[0]}.{self._numbers[name]}"

    def namespace(self, name: str) -> str:
        return f"{_NAMES}{self._run}-{name}"

    def outer(self, name: str) -> str:
        """The bridge's end of the node's cable."""
        return f"tf{self._run}n{self._numbers[name]}"

    def inside(self, name: str) -> list[str]:
        """What a command begins with to run there."""
        return ["ip", "netns", "exec", self.namespace(name)]

    def open(self) -> None:
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", f"{self.gateway}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        for name in self._numbers:
            space, outer = self.namespace(name), self.outer(name)
            _ip("netns", "add", space)
            _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", outer, "master", self.bridge, "up")
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
            # One frame at a time: what the card would cut up later passes every limit on frames' size.
            _ip("-n", space, "link", "set", "eth0", "up", "gso_max_segs", "1")

    def close(self) -> None:
        for name in self._numbers:
            _remove(self.namespace(name))
        _run("ip", "link", "del", self.bridge, check=False)

    # -- what can be done to a cable

    def unplug(self, name: str) -> None:
        """The far end of the node's cable goes down: nothing passes, nothing is said to anybody."""
        _ip("link", "set", self.outer(name), "down")

    def plug(self, name: str) -> None:
        _ip("link", "set", self.outer(name), "up")

    def deafen(self, to: str, frm: str) -> None:
        """What `frm` sends to `to` is lost, silently: its frames go to a card that nobody has."""
        _ip("-n", self.namespace(frm), "neigh", "replace", self.address(to), "lladdr", _NOBODY,
            "dev", "eth0", "nud", "permanent")  # fmt: skip

    def hear(self, to: str, frm: str) -> None:
        _ip("-n", self.namespace(frm), "neigh", "del", self.address(to), "dev", "eth0")

    def cut(self, one: str, other: str) -> None:
        """These two can't reach each other, all others can."""
        self.deafen(one, other)
        self.deafen(other, one)

    def mend(self, one: str, other: str) -> None:
        self.hear(one, other)
        self.hear(other, one)

    def refuse(self, to: str, frm: str) -> None:
        """A blackhole route: `frm` is told by its own system that `to` can't be reached."""
        _ip("-n", self.namespace(frm), "route", "add", "blackhole", f"{self.address(to)}/32")

    def allow(self, to: str, frm: str) -> None:
        _ip("-n", self.namespace(frm), "route", "del", "blackhole", f"{self.address(to)}/32")

    def largest_frame(self, name: str, size: int) -> None:
        """The switch drops what is larger, on its way to the node and from it, and says nothing."""
        _ip("link", "set", self.outer(name), "mtu", str(size))

    def narrow(self, name: str, kbit: int | None) -> None:
        """Bandwidth of what the node receives; None: as it was."""
        if kbit is None:
            _run("tc", "qdisc", "del", "dev", self.outer(name), "root", check=False)
            return
        _run("tc", "qdisc", "add", "dev", self.outer(name), "root", "tbf",
             "rate", f"{kbit}kbit", "burst", "4kb", "latency", "1s")  # fmt: skip

    def there(self, name: str, call: Callable[[], T]) -> T:
        """What `call` answers when it runs inside, on a thread of its own: reaches a node that is cut off."""
        found: list[T] = []

        def enter() -> None:
            with Path(f"/run/netns/{self.namespace(name)}").open() as space:
                _enter(space.fileno())
            found.append(call())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not found:
            raise OSError(f"the call inside {name} failed")
        return found[0]


def sweep() -> list[str]:
    """Remove what runs before left behind, whose process is no more. Answers their namespaces."""
    stale = [space for space in _spaces() if not _lives(space)]
    for space in stale:
        _remove(space)
    for link in json.loads(_run("ip", "-json", "link", "show", "type", "bridge").stdout or "[]"):
        name = link["ifname"]
        if name.startswith("tf") and name.endswith("br") and not _lives(f"{_NAMES}{name[2:-2]}-"):
            _ip("link", "del", name)
    return stale


def _spaces() -> list[str]:
    rows = _run("ip", "-json", "netns", "list").stdout
    return [row["name"] for row in json.loads(rows or "[]") if row["name"].startswith(_NAMES)]


def _lives(space: str) -> bool:
    try:
        return Path(f"/proc/{int(space[len(_NAMES) :].split('-')[0], 16)}").exists()
    except ValueError:
        return True  # not a name of ours


def _remove(space: str) -> None:
    for pid in _run("ip", "netns", "pids", space, check=False).stdout.split():
        try:
            os.kill(int(pid), SIGKILL)
        except ProcessLookupError:
            continue
    _run("ip", "netns", "del", space, check=False)


def _addresses() -> str:
    return _run("ip", "-o", "-4", "addr").stdout


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done


def _enter(descriptor: int) -> None:
    library: Any = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
