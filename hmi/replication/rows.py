"""The configuration's rows as one document, and back.

Writing replaces the whole: what the document lacks is deleted, what differs is updated in place (so a
page that an engineer has open still points at the same row), what is new is created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models

from hmi.adapter.configuration import kept
from hmi.adapter.models import Component, Secret
from hmi.dashboards.models import Dashboard, Widget
from hmi.gateways.models import (
    BrokerUser,
    EngineSettings,
    Gateway,
    Node,
    Server,
    ServerSet,
    TransmissionSettings,
    Transmitter,
)
from hmi.replication.schema import (
    ConfigDocument,
    EngineDocument,
    Strict,
    TagDocument,
    TransmissionDocument,
    parse,
)
from hmi.replication.upsert import upsert
from hmi.tags.models import Tag

_NULLABLE = ("mqtt", "mqtts", "mqtt_ws", "mqtt_wss", "witness", "serve_witness")
_AT_ONCE = 5_000  # rows in one statement


def read() -> ConfigDocument | None:
    """The rows as a document, None while there is no gateway. Raises Invalid for rows out of shape."""
    return _read([_plain(tag) for tag in Tag.objects.all()])


def read_frame() -> ConfigDocument | None:
    """The document without its tags: there may be very many, and most questions are not about them."""
    return _read([])


def read_tags(wanted: Iterable[Tag]) -> list[TagDocument]:
    """These rows as parts of a document. Raises Invalid for rows out of shape."""
    return parse(_Tags, {"tags": [_plain(tag) for tag in wanted]}).tags


def write_frame(document: ConfigDocument) -> None:
    """Make the rows say what the document says, but for tags. It has been checked; in a transaction."""
    _replace_modules(document)
    Gateway.objects.update_or_create(pk=1, defaults=document.gateway.model_dump())
    _replace(Node, ("name",), map(_node_fields, document.nodes))
    _replace(BrokerUser, ("username",), (user.model_dump() for user in document.broker_users))
    _replace_dashboards(document)
    _replace(Component, ("component_id",), map(kept.component_fields, document.components))
    _replace(Secret, ("secret_id",), map(kept.secret_fields, document.secrets))


def write_tags(wanted: Iterable[TagDocument], gone: Sequence[str]) -> None:
    """Make the rows of these tags say so, and delete those of the paths in `gone`; in a transaction."""
    for at in range(0, len(gone), _AT_ONCE):
        Tag.objects.filter(path__in=gone[at : at + _AT_ONCE]).delete()
    names = [field.name for field in Tag._meta.concrete_fields if not field.primary_key]
    upsert(Tag, "path", names, ([getattr(tag, name) for name in names] for tag in wanted))


class _Tags(Strict):
    tags: list[TagDocument]


def _read(tags: list[dict[str, Any]]) -> ConfigDocument | None:
    gateway = Gateway.objects.first()
    if gateway is None:
        return None
    return parse(ConfigDocument, {"gateway": _plain(gateway), **_parts(), "tags": tags})


def _parts() -> dict[str, Any]:
    engine, transmission = EngineSettings.objects.first(), TransmissionSettings.objects.first()
    return {
        "nodes": [_node(node) for node in Node.objects.all()],
        "server_sets": [
            {**_plain(group), "servers": [_plain(server, "server_set") for server in group.servers.all()]}
            for group in ServerSet.objects.prefetch_related("servers")
        ],
        "engine": None if engine is None else _module(engine),
        "transmission": None if transmission is None else _transmission(transmission),
        "broker_users": [_plain(user) for user in BrokerUser.objects.all()],
        "components": kept.components(),
        "secrets": kept.secrets(),
        "dashboards": [
            {
                **_plain(board, "gateway"),
                "widgets": [_plain(widget, "dashboard") for widget in board.widgets.all()],
            }
            for board in Dashboard.objects.prefetch_related("widgets")
        ],
    }


def _plain(row: models.Model, *without: str) -> dict[str, Any]:
    """A row's fields by name; its id, its place in a list and the named ones are not part of a document."""
    left_out = {"id", "order", *without}
    return {field.name: getattr(row, field.name) for field in row._meta.fields if field.name not in left_out}


def _node(node: Node) -> dict[str, Any]:
    plain = _plain(node)
    return plain | {name: plain[name] or None for name in _NULLABLE}


def _node_fields(node: Strict) -> dict[str, Any]:
    plain = node.model_dump(mode="json")
    return plain | {name: plain[name] or "" for name in _NULLABLE}


def _module(module: EngineSettings | TransmissionSettings) -> dict[str, Any]:
    return _plain(module, "server_set") | {"server_set": module.server_set.name}


def _transmission(module: TransmissionSettings) -> dict[str, Any]:
    transmitters = [_plain(each, "transmission") for each in module.transmitters.all()]
    return _module(module) | {"transmitters": transmitters}


def _replace_modules(document: ConfigDocument) -> None:
    """Server sets and the modules that point at them: new sets first, sets that are gone last."""
    wanted = [entry.name for entry in document.server_sets]
    servers = [server.name for entry in document.server_sets for server in entry.servers]
    Server.objects.exclude(name__in=servers).delete()
    for entry in document.server_sets:
        group, _ = ServerSet.objects.update_or_create(
            name=entry.name, defaults={"description": entry.description}
        )
        for order, server in enumerate(entry.servers):
            fields = server.model_dump(exclude={"name"}) | {"server_set": group, "order": order}
            Server.objects.update_or_create(name=server.name, defaults=fields)
    _put_module(EngineSettings, document.engine)
    _put_module(TransmissionSettings, document.transmission)
    transmitters = document.transmission.transmitters if document.transmission else []
    _replace(Transmitter, ("group", "edge"), (t.model_dump() for t in transmitters), {"transmission_id": 1})
    ServerSet.objects.exclude(name__in=wanted).delete()


def _put_module(
    model: type[EngineSettings] | type[TransmissionSettings],
    module: EngineDocument | TransmissionDocument | None,
) -> None:
    if module is None:
        model._default_manager.all().delete()
        return
    fields = module.model_dump(exclude={"server_set", "transmitters"})
    fields["server_set"] = ServerSet.objects.get(name=module.server_set)
    model._default_manager.update_or_create(pk=1, defaults=fields)


def _replace_dashboards(document: ConfigDocument) -> None:
    boards = [
        board.model_dump(exclude={"widgets"}) | {"order": order}
        for order, board in enumerate(document.dashboards)
    ]
    _replace(Dashboard, ("slug",), boards)
    for board in document.dashboards:
        row = Dashboard.objects.get(slug=board.slug)
        _replace(
            Widget,
            ("order",),
            (widget.model_dump() | {"order": order} for order, widget in enumerate(board.widgets)),
            {"dashboard_id": row.pk},
        )


def _replace(
    model: type[models.Model],
    key: tuple[str, ...],
    wanted: Iterable[Mapping[str, Any]],
    scope: Mapping[str, Any] | None = None,
) -> None:
    """Rows of `model` (within `scope`) become exactly the wanted ones, told apart by the fields of `key`."""
    manager, scope = model._default_manager, dict(scope or {})
    held = {tuple(getattr(row, name) for name in key): row for row in manager.filter(**scope)}
    fresh = []
    for fields in wanted:
        row = held.pop(tuple(fields[name] for name in key), None)
        if row is None:
            fresh.append(model(**fields, **scope))
        elif any(getattr(row, name) != value for name, value in fields.items()):
            for name, value in fields.items():
                setattr(row, name, value)
            row.save()
    manager.filter(pk__in=[row.pk for row in held.values()]).delete()
    manager.bulk_create(fresh)
