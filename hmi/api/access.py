"""Who is asking the API: a bearer token, or the browser's session with its CSRF token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.utils import check_csrf

from hmi.people.models import User
from hmi.people.rights import Right, may
from hmi.people.tokens import user_of

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotAllowed(HttpError):
    """403: signed in, but without the right."""


def holding(right: Right) -> Callable[[HttpRequest], Awaitable[User]]:
    """An authenticator that lets through who holds `right`; 401 for nobody, 403 for somebody else."""

    async def authenticate(request: HttpRequest) -> User:
        user = await sync_to_async(user_of)(request)
        if user is None:
            raise HttpError(401, "not signed in")
        by_session = "Authorization" not in request.headers
        if by_session and request.method not in _SAFE and check_csrf(request) is not None:
            raise HttpError(403, "the CSRF token is missing or wrong")
        if not may(user, right):
            raise NotAllowed(403, f"the role {user.role} has no right to {right.value}")
        return user

    return authenticate
