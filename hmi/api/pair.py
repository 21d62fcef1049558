"""The API of the pair: how it stands, its changeovers, and what may be ordered of it."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Field, Query, Router, Status
from ninja.errors import HttpError

from hmi import audited, desk
from hmi.api import shapes
from hmi.api.access import NotAllowed, holding
from hmi.people.audit import Actor
from hmi.people.rights import Right, may
from hmi.replication import reports
from hmi.replication.models import Changeover

router = Router(tags=["pair"])


class Failover(shapes.Reason):
    """An ordinary switch needs the reason alone."""

    even_if_peer_silent: bool = Field(
        False,
        description="Have this node act although neither its peer nor the witness can be asked; for "
        "administrators, with `confirm`",
    )
    confirm: str = Field("", description="This node's name, where it is to act although its peer is silent")


class Maintenance(shapes.Reason):
    on: bool = Field(description="Begin or end; it lasts over restarts")


@router.get("/gateway", auth=holding(Right.LOOK), response=shapes.PROBLEMS | {200: dict[str, Any]})
async def gateway(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001
    """This node, its pair and its witness. Active only while the lease holds at the moment of the answer."""
    return await desk.agateway()


@router.get("/redundancy", auth=holding(Right.LOOK), response=shapes.PROBLEMS | {200: dict[str, Any]})
async def redundancy(request: HttpRequest, minutes: float = 15.0) -> Any:  # noqa: ARG001
    """Settings, links, providers and the last minutes of the timeline."""
    return await desk.aask("pair", minutes=minutes)


@router.post(
    "/redundancy/failover",
    auth=holding(Right.FAILOVER),
    response=shapes.PROBLEMS | {202: shapes.ChangeoverStarted},
)
async def failover(request: HttpRequest, body: Failover) -> Status[dict[str, Any]]:
    """Ask for a planned switch, on either node of the pair. 409 with the reason when it can't be done."""
    arguments: dict[str, Any] = {}
    if body.even_if_peer_silent:
        await _may_force(request, body.confirm)
        arguments["even_if_silent"] = True
    order = sync_to_async(audited.order)
    return Status(202, await order(_actor(request), "failover", body.reason, **arguments))


@router.post(
    "/redundancy/maintenance", auth=holding(Right.FAILOVER), response=shapes.PROBLEMS | {202: dict[str, Any]}
)
async def maintenance(request: HttpRequest, body: Maintenance) -> Status[dict[str, Any]]:
    """Begin or end the maintenance of this node: it hands over what it has, and takes no role."""
    order = sync_to_async(audited.order)
    return Status(202, await order(_actor(request), "maintenance", body.reason, on=body.on))


@router.post(
    "/redundancy/resync", auth=holding(Right.RESYNC), response=shapes.PROBLEMS | {202: dict[str, Any]}
)
async def resync(request: HttpRequest) -> Status[dict[str, Any]]:
    """Send the active node's whole state to the standby again."""
    return Status(202, await sync_to_async(audited.order)(_actor(request), "resync"))


@router.get(
    "/redundancy/changeovers",
    auth=holding(Right.LOOK),
    response=shapes.PROBLEMS | {200: list[shapes.Changeover]},
    by_alias=True,
)
async def changeovers(request: HttpRequest, asked: Query[shapes.Newest]) -> list[dict[str, Any]]:  # noqa: ARG001
    """Every change of the acting node, newest first."""
    return [row.as_dict() async for row in Changeover.objects.order_by("-started")[: asked.limit]]


@router.get(
    "/redundancy/changeovers/{identity}",
    auth=holding(Right.LOOK),
    response=shapes.PROBLEMS | {200: dict[str, Any]},
)
async def changeover(request: HttpRequest, identity: str) -> dict[str, Any]:  # noqa: ARG001
    """One of them with its steps, its edge nodes and the commands that were on their way."""
    report = await sync_to_async(reports.whole)(identity)
    if report is None:
        raise HttpError(404, f"there is no changeover {identity}")
    return report


async def _may_force(request: HttpRequest, confirm: str) -> None:
    user = request.auth  # type: ignore[attr-defined]
    if not may(user, Right.FORCE):
        raise NotAllowed(403, f"the role {user.role} has no right to {Right.FORCE}")
    node = str((await desk.agateway()).get("node") or "")
    if confirm != node:
        raise HttpError(422, f"confirm: must be {node}, the node that is to act")


def _actor(request: HttpRequest) -> Actor:
    return Actor.of(request, request.auth)  # type: ignore[attr-defined]
