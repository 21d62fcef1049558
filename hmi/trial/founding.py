"""The folder of a node that is tried: made the first time, looked after when it is used again.

`trial.json` (mode 0600) remembers what was asked for, so that another start knows what has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hmi.node import schema
from hmi.plant.credentials import password as new_password
from hmi.replication.checks import check
from hmi.replication.schema import ConfigDocument, Invalid, parse
from hmi.trial import configuration
from hmi.trial.wishes import Wishes
from redundancy import identity, whole_file
from redundancy.config import ConfigError

FILE = "trial.json"
_DATABASES = ("config.db", "history.db", schema.STAMP)
# Where the folder is and what holds the password says nothing about the node.
_NOT_REMEMBERED = {"dir", "password", "password_file"}


def judge(wishes: Wishes) -> dict[str, Any]:
    """The configuration document that these wishes make, checked as any other one. Raises ConfigError."""
    document = configuration.config(wishes)
    shown = json.loads(json.dumps(document))
    for server in shown["server_sets"][0]["servers"]:
        # It is sealed by the node itself, with a key that does not exist yet.
        server["password"] = ""
    try:
        check(parse(ConfigDocument, shown))
    except Invalid as error:
        problem = error.problems[0]
        raise ConfigError(problem.field or problem.where, f"{problem.where}: {problem.reason}") from None
    return document


def found(folder: Path, wishes: Wishes, say: Callable[[str], None]) -> str:
    """Make `folder` a node that can start. Answers the administrator's password if it is a new one, else "".

    A folder that holds another kind of node, or anything else, is refused; a changed wish is taken over,
    and said. Raises ConfigError.
    """
    document = judge(wishes)
    before = _remembered(folder)
    keys = _keys(folder, before)
    _of_one_kind(folder, before, wishes)
    now = _memory(wishes, keys["secret_key"])
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _hold(folder)
    identity.save(folder, configuration.node_file(wishes, **keys))
    _databases(folder)
    password = ""
    if before is None:
        password = new_password()
        _manage(folder, "found", {"config": document, "people": configuration.people(password)})
    elif changed := sorted(name for name in now if now[name] != before.get(name)):
        say(f"changed since the last start: {', '.join(changed)}; the configuration is written anew")
        _manage(folder, "import", document)
    _write(folder / FILE, now)
    return password


def _databases(folder: Path) -> None:
    """Empty ones are made once for each release, and copied: making them takes seconds."""
    kept = schema.BASE_DIR / "var" / "databases" / schema.fingerprint()
    fresh = not (folder / _DATABASES[0]).exists()
    if fresh and kept.exists():
        for name in _DATABASES:
            shutil.copy(kept / name, folder / name)
    schema.bring_up_to_date(folder)
    if fresh and not kept.exists():
        _keep(folder, kept)


def _keep(folder: Path, kept: Path) -> None:
    """Whole or not at all. Where nothing can be kept, the next start makes them again."""
    place = kept.with_name(f"{os.getpid()}.new")
    with contextlib.suppress(OSError):
        place.mkdir(parents=True)
        for name in _DATABASES:
            shutil.copy(folder / name, place / name)
        place.rename(kept)
    shutil.rmtree(place, ignore_errors=True)


def _hold(folder: Path) -> None:
    """Keep others out for as long as this process lives, also as what it becomes: a running node's
    configuration is not written behind its back."""
    descriptor = os.open(folder / "trial.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ConfigError("dir", f"a node runs in {folder} already") from None
    os.set_inheritable(descriptor, True)


def _remembered(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError("dir", f"{folder / FILE} can't be read: {error}") from None
    return found


def _keys(folder: Path, before: dict[str, Any] | None) -> dict[str, str]:
    if before is None:
        return {"plant_key": secrets.token_hex(32), "secret_key": secrets.token_urlsafe(48)}
    raw = json.loads((folder / identity.FILE).read_text(encoding="utf-8"))
    return {name: raw[name] for name in ("plant_key", "secret_key")}


def _of_one_kind(folder: Path, before: dict[str, Any] | None, wishes: Wishes) -> None:
    kind = configuration.names(wishes)[0]
    if before is not None and before["kind"] != kind:
        raise ConfigError("dir", f"{folder} holds a {before['kind'].lower()}; take another folder for this")
    if before is None and folder.exists() and any(folder.iterdir()):
        raise ConfigError("dir", f"{folder} holds something else, or a half-made node; take an empty folder")


def _memory(wishes: Wishes, secret_key: str) -> dict[str, Any]:
    """What to compare the next start with; of the password only what tells whether it is the same."""
    told: dict[str, Any] = wishes.model_dump(mode="json", exclude=_NOT_REMEMBERED)
    digest = hmac.new(secret_key.encode(), wishes.password.encode(), hashlib.sha256).hexdigest()
    return told | {"kind": configuration.names(wishes)[0], "password": digest}


def _manage(folder: Path, action: str, document: dict[str, Any]) -> None:
    """In a process with the node's own settings. What it refuses is refused here."""
    command = [sys.executable, "manage.py", "config", action, *(["-"] if action == "import" else [])]
    environment = {**os.environ, "TANDEM_DIR": str(folder)}
    ended = subprocess.run(
        command,
        input=json.dumps(document),
        capture_output=True,
        text=True,
        cwd=schema.BASE_DIR,
        env=environment,
        check=False,
    )
    if ended.returncode != 0:
        raise ConfigError("configuration", f"was refused: {ended.stderr.strip() or ended.stdout.strip()}")


def _write(path: Path, content: dict[str, Any]) -> None:
    whole_file.replace(path, json.dumps(content, indent=1).encode())
