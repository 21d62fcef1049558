"""Who a request comes from: the session's user, or the bearer of a token."""

from __future__ import annotations

import secrets
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from hmi.people.models import Token, User
from hmi.replication import people
from hmi.replication.people import Actor

_SCHEME = "bearer "


def user_of(request: HttpRequest) -> User | None:
    """The signed-in person or the token's owner, read from the database; None for nobody and the disabled.

    A request that shows a token is judged by it alone: a wrong one is nobody, whatever its cookies say.
    """
    header = request.headers.get("Authorization")
    if header is None:
        user: Any = getattr(request, "user", None)
        # `request.user` is a lazy stand-in: asked for what it is, not for its class.
        return user if getattr(user, "is_authenticated", False) and user.is_active else None
    if not header.lower().startswith(_SCHEME):
        return None
    held = Token.objects.filter(hash=people.token_hash(header[len(_SCHEME) :].strip())).select_related("user")
    token = held.first()
    return token.user if token is not None and token.user.is_active else None


def issue(actor: Actor, user: User, name: str) -> str:
    """A new token for `user`: 256 random bits, shown this once. Raises NotActive, Invalid."""
    plain = secrets.token_urlsafe(32)
    with people.change(actor, f"token {name}"):
        Token.objects.create(user=user, name=name, hash=people.token_hash(plain), created=timezone.now())
    return plain


def revoke(actor: Actor, token: Token) -> None:
    """End a token on both nodes. Raises NotActive."""
    with people.change(actor, f"token {token.name}"):
        token.delete()
