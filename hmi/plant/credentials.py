"""The plant's accounts: made at the first start, at random, kept in one file of mode 0600.

    {"admin": {"username", "password", "token"}, "engineer": {...}, "operator": {...}, "viewer": {...},
     "mqtt": {"observer": {"username", "password"}, "integrator": {...}}}

What only the plant's own nodes need (the plant's key, signing keys, broker accounts of the gateways)
is in a second file that is nobody's business: `keys.json`.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

PEOPLE = {"admin": "administrator", "engineer": "engineer", "operator": "operator", "viewer": "viewer"}
FILE = "credentials.json"
KEYS = "keys.json"
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def password() -> str:
    """Twenty characters that can be read aloud: 100 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def credentials(folder: Path) -> dict[str, Any]:
    """The plant's credentials, made if there are none yet."""
    return _kept(folder / FILE, _new_credentials)


def keys(folder: Path, gateways: tuple[str, ...]) -> dict[str, Any]:
    """{"plant_key": hex, "secret_keys": {gateway: text}, "brokers": {gateway: password}}."""
    return _kept(
        folder / KEYS,
        lambda: {
            "plant_key": secrets.token_hex(32),
            "secret_keys": {gateway: secrets.token_urlsafe(48) for gateway in gateways},
            "brokers": {gateway: secrets.token_urlsafe(24) for gateway in gateways},
        },
    )


def _new_credentials() -> dict[str, Any]:
    people: dict[str, Any] = {
        name: {"username": name, "password": password(), "token": secrets.token_urlsafe(32)}
        for name in PEOPLE
    }
    people["mqtt"] = {name: {"username": name, "password": password()} for name in ("observer", "integrator")}
    return people


def _kept(path: Path, make: Any) -> dict[str, Any]:
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    made: dict[str, Any] = make()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(made, file, indent=1)
    return made
