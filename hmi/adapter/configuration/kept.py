"""The adapter's rows as parts of the configuration's document, and back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hmi.adapter.models import Component, Secret


def components() -> list[dict[str, Any]]:
    """As hmi.replication.schema.ComponentDocument has them."""
    return [
        {"id": row.component_id, "type": row.type, "running": row.running, **row.facets}
        for row in Component.objects.all()
    ]


def secrets() -> list[dict[str, Any]]:
    """As hmi.replication.schema.SecretDocument has them."""
    return [
        {
            "id": row.secret_id,
            "description": row.description,
            "expiration_date": row.expiration_date,
            "sealed": row.sealed,
            "made_by": row.made_by,
        }
        for row in Secret.objects.all()
    ]


def component_fields(document: BaseModel) -> dict[str, Any]:
    """A ComponentDocument as a row's fields; a facet that was never set is left out."""
    plain = document.model_dump(mode="json")
    fields = {"component_id": plain.pop("id"), "type": plain.pop("type"), "running": plain.pop("running")}
    return fields | {"facets": {name: value for name, value in plain.items() if value not in (None, [])}}


def secret_fields(document: BaseModel) -> dict[str, Any]:
    """A SecretDocument as a row's fields."""
    plain = document.model_dump(mode="json")
    return {"secret_id": plain.pop("id"), **plain}
