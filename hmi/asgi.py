"""What daphne serves: pages and API, and the live feed. The composition root of the web process."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application


def compose() -> Any:
    """The ASGI application, with the one hub of this process."""
    pages = get_asgi_application()
    # Only now: these need the application registry that the line above fills.
    from django.conf import settings

    from hmi import desk
    from hmi.live.hub import Hub
    from hmi.live.routing import websockets

    hub = Hub(settings.REDIS_URL, desk.aask, desk.agateway, desk.DeskError, settings.NODE_URLS)
    return ProtocolTypeRouter({"http": pages, "websocket": websockets(hub)})


application = compose()
