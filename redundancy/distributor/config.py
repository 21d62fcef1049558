"""The Distributor's own file: JSON, mode 0600, checked whole before any of it counts.

    {"listen": "127.0.0.1:1883",
     "users": [{"username": "edge", "password_hash": "pbkdf2_sha256$...", "acl": ["RW spBv1.0/#"],
                "client_ids": ["Primary-*"]}],
     "reserved_client_ids": ["Primary-*"], "fenced_client_ids": ["Primary-cmd"],
     "lease": 2.0, "limits": {"connections": 1000}}

`client_ids`, the two lists, `lease` (seconds), `limits` (see Limits) and `listeners` (more addresses, with
TLS or in WebSockets: see listeners.py) may be left out. Port 0 takes any free port.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from redundancy.config import ConfigError
from redundancy.distributor import passwords
from redundancy.distributor.access import Access, Patterns, Rights, User, entry_fault
from redundancy.distributor.limits import LARGEST_CONNECT, Limits
from redundancy.distributor.listeners import Listener, address, listeners
from redundancy.distributor.packets import LARGEST

_FIELDS = {"listen", "users", "reserved_client_ids", "fenced_client_ids", "lease", "limits", "listeners"}
_RANGES: dict[str, tuple[float, float]] = {
    "packet": (1024, LARGEST),
    "inflight": (1, 65535),
    "topic_aliases": (0, 65535),
    "session_expiry": (0, 0xFFFFFFFF),
    "connect_timeout": (0.1, 600),
    "refusal_delay": (0, 60),
    "slow_client": (0.1, 3600),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says. Only `host`, `port` and `listeners` need a restart to change."""

    host: str
    port: int
    access: Access
    limits: Limits
    lease: float
    listeners: tuple[Listener, ...] = ()


def load(path: Path) -> Settings:
    """Raises ConfigError with the field and the reason, also when the file cannot be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("config", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError("config", f"{path} is not JSON: {error}") from None
    return parse(raw)


def parse(raw: Any) -> Settings:
    """Raises ConfigError with the field and the reason."""
    if not isinstance(raw, dict):
        raise ConfigError("config", "must hold one object")
    unknown = sorted(set(raw) - _FIELDS)
    if unknown:
        raise ConfigError(unknown[0], "is not a setting")
    host, port = address(raw.get("listen"))
    users = raw.get("users")
    if not isinstance(users, list):
        raise ConfigError("users", "must be a list")
    known: dict[str, User] = {}
    for index, entry in enumerate(users):
        user = _user(entry, f"users[{index}]")
        if user.username in known:
            raise ConfigError(f"users[{index}].username", f"{user.username!r} comes twice")
        known[user.username] = user
    reserved = Patterns(_texts(raw, "reserved_client_ids", "reserved_client_ids"))
    fenced = Patterns(_texts(raw, "fenced_client_ids", "fenced_client_ids"))
    lease = _number(raw.get("lease", 2.0), "lease", 0.1, 600)
    more = listeners(raw.get("listeners", []))
    return Settings(host, port, Access(known, reserved, fenced), _limits(raw.get("limits", {})), lease, more)


def _user(raw: Any, where: str) -> User:
    if not isinstance(raw, dict):
        raise ConfigError(where, "must be an object with username, password_hash and acl")
    username, password_hash = raw.get("username"), raw.get("password_hash")
    if not isinstance(username, str) or not username:
        raise ConfigError(f"{where}.username", "is missing")
    if not isinstance(password_hash, str):
        raise ConfigError(f"{where}.password_hash", "is missing")
    fault = passwords.fault(password_hash)
    if fault is not None:
        raise ConfigError(f"{where}.password_hash", fault)
    acl = _texts(raw, "acl", f"{where}.acl")
    for entry in acl:
        fault = entry_fault(entry)
        if fault is not None:
            raise ConfigError(f"{where}.acl", fault)
    return User(
        username, password_hash, Rights(acl), Patterns(_texts(raw, "client_ids", f"{where}.client_ids"))
    )


def _texts(raw: dict[str, Any], name: str, where: str) -> list[str]:
    values = raw.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ConfigError(where, "must be a list of texts")
    return values


def _limits(raw: Any) -> Limits:
    if not isinstance(raw, dict):
        raise ConfigError("limits", "must be an object")
    whole = {entry.name: isinstance(entry.default, int) for entry in fields(Limits)}
    checked: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in whole:
            raise ConfigError(f"limits.{name}", "is not a limit")
        low, high = _RANGES.get(name, (1, float("inf")))
        number = _number(value, f"limits.{name}", low, high)
        if whole[name] and number != int(number):
            raise ConfigError(f"limits.{name}", "must be a whole number")
        checked[name] = int(number) if whole[name] else number
    limits = Limits(**checked)
    if limits.queue_bytes < min(limits.packet, LARGEST_CONNECT):
        raise ConfigError("limits.queue_bytes", "is smaller than one packet")
    return limits


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(where, f"must be a number between {low:g} and {high:g}")
    return float(value)
