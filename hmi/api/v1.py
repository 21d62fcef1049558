"""The HTTP API of the contract. Every answer about the plant comes from the runtime, by the desk."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Query
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from hmi import audited, desk
from hmi.adapter.api import openapi
from hmi.api import configuration, pair, shapes
from hmi.api.access import holding
from hmi.history import query as history_query
from hmi.people.audit import Actor
from hmi.people.rights import Right
from hmi.tags.wire import unfit


class Api(NinjaAPI):
    """The adapter's addresses take any case and any verb: views of their own, described with the rest."""

    def get_openapi_schema(self, **arguments: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**arguments)
        openapi.added(schema)
        return schema


api = Api(
    title="Tandem",
    version="1",
    description="A redundant Sparkplug B gateway: tags, history and the pair.",
    openapi_url="/openapi.json",
    docs_url="/docs",
    urls_namespace="api",
)
api.add_router("/v1", pair.router)
api.add_router("/v1/configuration", configuration.router)

_RESOLUTION = {
    400: "Correct the request and send it again.",
    401: "Send `Authorization: Bearer <token>`, or sign in.",
    403: "Ask an administrator for the right.",
    404: "Look at /api/docs for what there is.",
    409: "Read the reason; ask the active node.",
    422: "Correct the field that the reason names.",
    503: "Try again in a moment, or ask the other node.",
}


def problem(
    request: HttpRequest, status: int, reason: str, error: str = "", resolution: str = ""
) -> HttpResponse:
    """Every error of the API, in the contract's shape."""
    body = {
        "error": error or {401: "not signed in", 403: "forbidden", 404: "not found"}.get(status, "refused"),
        "reason": reason,
        "resolution": resolution or _RESOLUTION.get(status, ""),
    }
    return api.create_response(request, body, status=status)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, error.status_code, str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"][1:] if part not in ("body", "payload"))
    return problem(request, 422, f"{field or 'body'}: {first['msg']}", "invalid request")


@api.exception_handler(desk.DeskError)
def _desk(request: HttpRequest, error: desk.DeskError) -> HttpResponse:
    return problem(request, error.status, error.reason, error.error, error.resolution)


def _actor(request: HttpRequest) -> Actor:
    return Actor.of(request, request.auth)  # type: ignore[attr-defined]


@api.get(
    "/v1/tags/browse",
    auth=holding(Right.LOOK),
    response=shapes.PROBLEMS | {200: list[shapes.Child]},
    tags=["tags"],
)
async def browse(request: HttpRequest, path: str = "") -> Any:  # noqa: ARG001
    """The children of a folder; of nothing, the providers."""
    return await desk.aask("browse", path=path)


@api.post(
    "/v1/tags/read",
    auth=holding(Right.LOOK),
    response=shapes.PROBLEMS | {200: list[shapes.TagValue]},
    tags=["tags"],
)
async def read(request: HttpRequest, body: shapes.Paths) -> Any:  # noqa: ARG001
    """Current values, in the order of the paths."""
    return await desk.aask("read", paths=body.paths)


@api.post(
    "/v1/tags/write",
    auth=holding(Right.WRITE),
    response=shapes.PROBLEMS | {200: list[shapes.Outcome]},
    tags=["tags"],
)
async def write(request: HttpRequest, body: shapes.Writes) -> Any:
    """Write values; each answer says what became of it. A standby refuses and names the active node."""
    for number, item in enumerate(body.writes):
        for field, value in (("path", item.path), ("value", item.value)):
            if fault := unfit(value):
                raise HttpError(400, f"writes.{number}.{field}: {fault}")
    writes = [{"path": item.path, "value": item.value} for item in body.writes]
    return await sync_to_async(audited.write)(_actor(request), writes)


@api.get(
    "/v1/history",
    auth=holding(Right.LOOK),
    response=shapes.PROBLEMS | {200: shapes.Samples},
    tags=["history"],
)
async def history(request: HttpRequest, asked: Query[shapes.Range]) -> Any:  # noqa: ARG001
    """Stored samples of one tag in time order; `next` is the cursor of the following page."""
    find = sync_to_async(history_query.samples)
    try:
        return await find(asked.path, asked.start, asked.end, asked.limit, asked.after)
    except ValueError as error:
        raise HttpError(400, str(error)) from None
