"""The API of the configuration: conflicts between the two nodes' edits, and a person's choice."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError

from hmi.api import shapes
from hmi.api.access import holding
from hmi.people.audit import Actor
from hmi.people.rights import Right
from hmi.replication import choices, conflicts
from hmi.replication.models import Conflict
from hmi.replication.schema import Invalid

router = Router(tags=["configuration"])


class Item(Schema):
    """One object in which the two differ. Secrets are masked."""

    target: str = Field(description="The object's key, such as `server/Chariot SCADA`")
    action: str = Field(description="What taking it would do: `create`, `change` or `delete`")
    in_force: str = Field(description="JSON of the fields that differ; empty if it is not there")
    kept: str = Field(description="JSON of the fields that differ; empty if it was deleted")


class Kept(Schema):
    """Changes of one node that are not in force since the pair went on with the other one's."""

    name: str
    node: str
    version: str
    at: str
    own_only: bool = Field(description="Just that node's own changes; false: all in which it differed")
    items: list[Item]


class Choice(shapes.Reason):
    name: str
    take: list[str] | None = Field(
        description="Keys to put in force: null for all, an empty list to keep what is in force"
    )


class Taken(Schema):
    taken: int


@router.get("/conflicts", auth=holding(Right.CONFIGURE), response=shapes.PROBLEMS | {200: list[Kept]})
async def waiting(request: HttpRequest) -> list[dict[str, Any]]:  # noqa: ARG001
    """Edits that were made on both sides of a cut and wait for a choice, newest first."""
    return await sync_to_async(lambda: [_as_dict(each) for each in conflicts.open_ones()])()


@router.post("/conflicts", auth=holding(Right.CONFIGURE), response=shapes.PROBLEMS | {200: Taken})
async def choose(request: HttpRequest, body: Choice) -> dict[str, int]:
    """Decide one conflict. 409 on a node that does not act, and where what is taken does not fit."""
    actor = Actor.of(request, request.auth)  # type: ignore[attr-defined]
    decide = sync_to_async(choices.choose)
    try:
        return {"taken": await decide(body.name, body.take, actor, body.reason)}
    except choices.NoSuchConflict:
        raise HttpError(404, f"no conflict of the name {body.name[:200]!r} waits for a choice") from None
    except Invalid as error:
        raise HttpError(409, str(error)) from None


def _as_dict(conflict: Conflict) -> dict[str, Any]:
    items = [
        {"target": each.target, "action": each.action, "in_force": each.old, "kept": each.new}
        for each in choices.compared(conflict)
    ]
    return {
        "name": conflict.name,
        "node": conflict.node,
        "version": conflict.version,
        "at": conflict.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "own_only": conflict.own_only,
        "items": items,
    }
