"""`manage.py node try host|edge`: checks what is wanted, founds the node, and becomes its parent."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from hmi.node.supervisor import say
from hmi.trial import arguments, configuration, founding
from hmi.trial.wishes import EdgeWishes, HostWishes, Wishes, wishes

__all__ = ["arguments", "start"]

_OPTIONS = {*HostWishes.model_fields, *EdgeWishes.model_fields, "file"}


def start(options: Mapping[str, Any]) -> NoReturn:
    """Ends by becoming the node's parent. Raises ConfigError before anything is started."""
    started = time.monotonic()
    given = {name: value for name, value in options.items() if name in _OPTIONS}
    wanted = wishes(HostWishes if options["kind"] == "host" else EdgeWishes, given)
    founding.judge(wanted)
    folder = Path(tempfile.mkdtemp(prefix="tandem-try-") if wanted.dir is None else wanted.dir).resolve()
    # Otherwise it would leave a temporary folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        say(_headline(wanted))
        password = founding.found(folder, wanted, say)
    except BaseException:
        if wanted.dir is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    say(_where(wanted, folder, password))
    command = [sys.executable, "-m", "hmi.trial.running", "--dir", str(folder), "--since", str(started)]
    # The parent stays small: it replaces this process, and knows no models.
    os.execv(sys.executable, command + (["--temporary"] if wanted.dir is None else []))


def _headline(wanted: Wishes) -> str:
    at = ", ".join(wanted.servers)
    if isinstance(wanted, HostWishes):
        return f"Sparkplug host {wanted.host_id!r} at {at}"
    assert isinstance(wanted, EdgeWishes)
    edges = ", ".join(f"{wanted.group}/{edge}" for edge in wanted.edge)
    waits = f", while the host {wanted.host_id!r} is online" if wanted.host_id else ""
    return f"Sparkplug edge nodes {edges} at {at}{waits}"


def _where(wanted: Wishes, folder: Path, password: str) -> str:
    who = f"sign in as {configuration.ADMINISTRATOR!r}, password {password}  (said only once)"
    if not password:
        who = f"sign in as {configuration.ADMINISTRATOR!r} with the password of the first start"
    stays = "goes at the end" if wanted.dir is None else "stays"
    return f"pages   http://{wanted.http}\n        {who}\nfolder  {folder} ({stays}); its logs are in log/"
