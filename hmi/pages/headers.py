"""The headers that keep a page to itself: no inline script or style, no foreign connection, no frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Next = Callable[[HttpRequest], HttpResponseBase]


def policy(urls: Iterable[str]) -> str:
    """The Content-Security-Policy. `urls` are the pair's nodes: the only ones a page may talk to."""
    talk = [form for url in urls for form in (url, "ws" + url.removeprefix("http"))]
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": " ".join(talk) or "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class SecurityHeaders:
    """Middleware. Pages are never cached: what they show is old the moment it is written."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Next) -> None:
        self._next = get_response
        self._policy = policy(settings.NODE_URLS)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._next(request)
        response.headers.setdefault("Content-Security-Policy", self._policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), usb=()")
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
