"""Laying out the plant's folders: identities, keys, databases. Done once; later starts only look.

The schema is made once, in a template, and copied; masters are given the tutorial's configuration and
the accounts. Backups start empty and get both over the pair link, as a new backup of a real plant does.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from hmi.node import schema
from hmi.plant import credentials, tutorial
from hmi.plant.layout import WITNESS, Layout, PlantNode, node_file
from redundancy import identity
from redundancy.config import ConfigError, Role

_DATABASES = ("config.db", "history.db")
_SEEDED = "seeded"


def lock(folder: Path) -> TextIO:
    """Hold the plant's folder for as long as the answer is open. Raises ConfigError when taken."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "plant.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ConfigError("dir", f"a plant already runs in {folder}") from None
    return file


async def found(folder: Path, plant: Layout, say: Callable[[str], None]) -> dict[str, Any]:
    """Bring the folder to a plant that can start; answers its credentials."""
    folder.chmod(0o700)
    people = credentials.credentials(folder)
    keys = credentials.keys(folder, plant.gateways)
    _write_witness(folder / WITNESS, plant, keys["plant_key"])
    for node in plant.nodes:
        (folder / node.name).mkdir(exist_ok=True)
        raw = node_file(plant, node, keys["plant_key"], keys["secret_keys"][node.gateway])
        identity.save(folder / node.name, raw)
    await _databases(folder, plant, say)
    masters = [n for n in plant.nodes if n.role is Role.MASTER and not (folder / n.name / _SEEDED).exists()]
    if masters:
        say("writing the tutorial's configuration to the masters")
        await asyncio.gather(*(_seed(folder, plant, node, people, keys) for node in masters))
    return people


def _write_witness(folder: Path, plant: Layout, key: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / "witness.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"listen": str(plant.witness), "plant_key": key, "lease": 2.0}, file)


async def _databases(folder: Path, plant: Layout, say: Callable[[str], None]) -> None:
    """A node without databases gets the template's; one of an older release is migrated."""
    stamp = schema.fingerprint()
    behind = [n for n in plant.nodes if _stamp(folder / n.name) != stamp]
    fresh = [n for n in behind if not (folder / n.name / _DATABASES[0]).exists()]
    if fresh:
        say("making the databases")
        template = folder / "template"
        shutil.rmtree(template, ignore_errors=True)
        template.mkdir()
        shutil.copy(folder / fresh[0].name / identity.FILE, template / identity.FILE)
        await asyncio.to_thread(schema.bring_up_to_date, template)
        for node in fresh:
            for name in (*_DATABASES, schema.STAMP):
                shutil.copy(template / name, folder / node.name / name)
        shutil.rmtree(template)
    for node in behind:
        if node not in fresh:
            say(f"bringing the databases of {node.name} to this release")
            await asyncio.to_thread(schema.bring_up_to_date, folder / node.name)


def _stamp(folder: Path) -> str:
    path = folder / schema.STAMP
    return path.read_text(encoding="ascii") if path.exists() else ""


async def _seed(folder: Path, plant: Layout, node: PlantNode, people: Any, keys: Any) -> None:
    """Give a master its configuration and accounts, in a process of its own with the node's settings."""
    documents = {
        "config": tutorial.config(plant, node.gateway, keys["brokers"], people["mqtt"]),
        "people": tutorial.people(people),
    }
    command = [sys.executable, "manage.py", "config", "found"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=schema.BASE_DIR,
        env={**os.environ, "TANDEM_DIR": str(folder / node.name)},
    )
    output, _ = await process.communicate(json.dumps(documents).encode())
    if process.returncode != 0:
        raise ConfigError(
            node.name, f"its configuration was refused: {output.decode(errors='replace').strip()}"
        )
    (folder / node.name / _SEEDED).touch()
