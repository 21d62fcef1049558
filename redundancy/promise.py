"""A voter's promise on disk: one small file, replaced whole and fsynced, with a checksum.

A voter that forgets what it has promised can give one term to two holders, so a file that can't be
trusted is an error and never an empty promise. Only a file that was never there is one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from redundancy import whole_file
from redundancy.core.actions import Promise


class PromiseError(ValueError):
    """The file is there and can't be trusted. The message is one sentence that names it."""


def load(path: Path) -> Promise:
    """What was last saved; Promise() if nothing ever was. Raises PromiseError, or OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Promise()
    try:
        raw = json.loads(data)
        promise = Promise(raw["epoch"], raw["holder"], raw["last_own"])
        whole = raw["sum"] == _sum(asdict(promise)) and _plausible(promise)
    except (ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise PromiseError(f"{path} is damaged: this voter can't know what it has promised")
    return promise


def save(path: Path, promise: Promise) -> None:
    """On disk, whole, when this returns. Blocks for as long as the disk takes. Raises OSError."""
    raw = asdict(promise)
    whole_file.replace(path, json.dumps({**raw, "sum": _sum(raw)}).encode())


def _sum(raw: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _plausible(promise: Promise) -> bool:
    numbers = (promise.epoch, promise.last_own)
    return isinstance(promise.holder, str) and all(type(n) is int and n >= 0 for n in numbers)
