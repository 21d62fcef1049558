"""Password hashes of MQTT users: `pbkdf2_sha256$<iterations>$<salt>$<base64>`, the form Django uses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ALGORITHM = "pbkdf2_sha256"
MOST_ITERATIONS = 5_000_000


def hash_password(password: str, *, iterations: int = 100_000, salt: str | None = None) -> str:
    """A new hash. Machines' random passwords do well with few iterations, people's need the default."""
    salt = secrets.token_hex(12) if salt is None else salt
    digest = _derive(password.encode(), salt, iterations)
    return f"{ALGORITHM}${iterations}${salt}${base64.b64encode(digest).decode()}"


def fault(password_hash: str) -> str | None:
    """Why this is not a hash that `verify` can check; None if it is one."""
    parts = password_hash.split("$")
    if len(parts) != 4 or parts[0] != ALGORITHM:
        return f"is not {ALGORITHM}$<iterations>$<salt>$<base64>"
    if not parts[1].isascii() or not parts[1].isdigit() or not 1 <= int(parts[1]) <= MOST_ITERATIONS:
        return f"needs between 1 and {MOST_ITERATIONS} iterations"
    if not password_hash.isascii():
        return "holds characters beyond ASCII"
    try:
        digest = base64.b64decode(parts[3], validate=True)
    except ValueError:
        return "does not end in base64"
    return None if len(digest) == hashlib.sha256().digest_size else "does not end in 32 bytes"


def verify(password_hash: str, password: bytes) -> bool:
    """Is this the password? Takes tens of milliseconds on purpose: call it off the loop."""
    if fault(password_hash) is not None:
        return False
    _, iterations, salt, encoded = password_hash.split("$")
    return hmac.compare_digest(_derive(password, salt, int(iterations)), base64.b64decode(encoded))


def _derive(password: bytes, salt: str, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password, salt.encode(), iterations)


class Verified:
    """Remembers, per hash, the one password that was right, so that a reconnect costs microseconds.

    Only a keyed digest is kept, under a key that lives as long as the process.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}

    def knows(self, password_hash: str, password: bytes) -> bool:
        right = self._right.get(password_hash)
        return right is not None and hmac.compare_digest(right, self._digest(password))

    def remember(self, password_hash: str, password: bytes) -> None:
        self._right[password_hash] = self._digest(password)

    def keep_only(self, password_hashes: set[str]) -> None:
        self._right = {known: right for known, right in self._right.items() if known in password_hashes}

    def _digest(self, password: bytes) -> bytes:
        return hmac.digest(self._key, password, "sha256")
