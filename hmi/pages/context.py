"""What every page shows whatever it is about: the strip, the banner, the pages one may open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hmi import desk
from hmi.live import condition
from hmi.people.rights import Right, may
from hmi.replication import conflicts

_PAGES = (
    ("Overview", "/", Right.LOOK),
    ("Dashboards", "/dashboards/", Right.LOOK),
    ("Tags", "/tags/", Right.LOOK),
    ("Redundancy", "/status/redundancy/", Right.LOOK),
    ("Components", "/config/components/", Right.CONFIGURE),
    ("Users", "/users/", Right.USERS),
    ("Audit", "/audit/", Right.CONFIGURE),
    ("Admin", "/admin/", Right.CONFIGURE),
)


def strip(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Lazy: a page without the strip (the admin site) asks nothing of the worker."""
    return {
        "strip": SimpleLazyObject(lambda: _strip(request)),
        "may": SimpleLazyObject(lambda: _may(request)),
    }


def _strip(request: HttpRequest) -> dict[str, Any]:
    node = settings.NODE
    own, other = [*settings.NODE_URLS, "", ""][:2]
    shown: dict[str, Any] = {
        "gateway": node.gateway if node else "Tandem",
        "node": node.node if node else "this node",
        "other_node": node.peer.node if node and node.peer else "",
        "own_url": own,
        "other_url": other,
    }
    user = getattr(request, "user", None)
    if not may(user, Right.LOOK):
        return shown
    gateway, now = desk.gateway(), datetime.now(UTC)
    return shown | {
        "fields": condition.strip(gateway),
        "conflicts": conflicts.open_ones().count(),
        "banner": condition.banner(gateway, settings.NODE_URLS),
        "clock": now.strftime("%H:%M:%S"),
        "time": round(now.timestamp() * 1000),
        "person": user.get_username(),  # type: ignore[union-attr]
        "role": user.role,  # type: ignore[union-attr]
        "pages": _pages(user, request.path),
    }


def _pages(user: Any, path: str) -> list[dict[str, Any]]:
    shown = [(name, href) for name, href, right in _PAGES if may(user, right)]
    return [{"name": name, "href": href, "here": _is_here(href, path)} for name, href in shown]


def _is_here(href: str, path: str) -> bool:
    return path == href if href == "/" else path.startswith(href)


def _may(request: HttpRequest) -> dict[str, bool]:
    return {right.value: may(getattr(request, "user", None), right) for right in Right}
