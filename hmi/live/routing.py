"""The WebSocket addresses. The hub is handed in: there is one a web process, and tests make their own."""

from __future__ import annotations

from channels.routing import URLRouter
from django.urls import path, re_path

from hmi.live.consumers import LiveConsumer, Nowhere
from hmi.live.hub import Hub


def websockets(hub: Hub) -> URLRouter:
    return URLRouter(
        [
            path("ws/live", LiveConsumer.as_asgi(hub=hub)),
            re_path(r"^.*$", Nowhere.as_asgi()),
        ]
    )
