"""What load balancers and monitors ask: /healthz, /readyz and /metrics."""

from __future__ import annotations

from contextlib import suppress

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from hmi import desk
from hmi.replication import conflicts


@require_safe
async def healthz(_: HttpRequest) -> JsonResponse:
    """200 while this process serves."""
    return JsonResponse({"status": "ok"})


@require_safe
async def readyz(_: HttpRequest) -> JsonResponse:
    """200 only where this node is active and its modules run: what a load balancer asks."""
    gateway = await desk.agateway()
    ready = gateway["state"] == "Active"
    body = {"ready": ready, "state": gateway["state"], "why": gateway["why"]}
    return JsonResponse(body, status=200 if ready else 503)


@require_safe
async def metrics(_: HttpRequest) -> HttpResponse:
    """Prometheus text. Numbers only, no names of tags or people, so it stays open to the plant's network."""
    try:
        counters = await desk.aask("metrics")
    except desk.DeskError:
        counters = {}
    gateway = await desk.agateway()
    lines = [
        "# TYPE tandem_active gauge",
        f"tandem_active {int(gateway['state'] == 'Active')}",
        "# TYPE tandem_epoch counter",
        f"tandem_epoch {gateway['epoch'] or 0}",
    ]
    with suppress(DatabaseError):  # that it can't be read is in tandem_history_failing and in the state
        waiting = await conflicts.open_ones().acount()
        lines += ["# TYPE tandem_config_conflicts gauge", f"tandem_config_conflicts {waiting}"]
    for name, value in sorted(counters.items()):
        lines += [f"# TYPE tandem_{name} untyped", f"tandem_{name} {value}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
