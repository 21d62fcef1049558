"""Passwords that must be read again (an MQTT client has to present them) are kept sealed.

The key comes from the pair's signing key, which is in each node's own file and never in a database, a
document or a backup of either. Both nodes of a pair can open what one of them sealed; nobody else can.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PREFIX = "sealed:"


class Unsealable(ValueError):
    """Sealed by another pair, or damaged."""


def is_sealed(text: str) -> bool:
    return text.startswith(_PREFIX)


def seal(text: str) -> str:
    """`text` as it is stored and replicated. Nothing stays nothing."""
    return _PREFIX + _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode() if text else ""


def unseal(text: str) -> str:
    """The inverse of `seal`. Raises Unsealable."""
    if not text:
        return ""
    if not is_sealed(text):
        raise Unsealable("is not sealed")
    try:
        return _fernet(settings.SECRET_KEY).decrypt(text.removeprefix(_PREFIX).encode()).decode()
    except (InvalidToken, UnicodeDecodeError):
        raise Unsealable("was sealed with another pair's key") from None


@lru_cache(maxsize=8)
def _fernet(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tandem: passwords of MQTT servers")
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret.encode())))
