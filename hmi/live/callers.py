"""Who opens a WebSocket: the same session or bearer token that the pages and the API know."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, parse_cookie

from hmi.people.models import User
from hmi.people.tokens import user_of


@dataclass(frozen=True, slots=True)
class Caller:
    """`user` is None for nobody. `by_token` tells a script from a browser."""

    user: User | None
    by_token: bool


def origin_of(scope: Any) -> str | None:
    """The page that opened the socket; None when the header is missing, which no browser does."""
    return _header(scope, b"origin")


async def caller_of(scope: Any) -> Caller:
    """Looked up afresh each time, so that a sign-out and a changed role are seen."""
    cookies, authorization = _header(scope, b"cookie") or "", _header(scope, b"authorization")
    caller: Caller = await database_sync_to_async(_look_up)(cookies, authorization)
    return caller


def _look_up(cookies: str, authorization: str | None) -> Caller:
    request = HttpRequest()
    request.COOKIES = parse_cookie(cookies)
    if authorization is not None:
        request.META["HTTP_AUTHORIZATION"] = authorization
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = auth.get_user(request)
    return Caller(user_of(request), authorization is not None)


def _header(scope: Any, name: bytes) -> str | None:
    for key, value in scope.get("headers", ()):
        if key == name:
            return str(value.decode("latin-1"))
    return None
