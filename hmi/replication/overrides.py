"""Fields of a resource that apply on the Backup only: the same broker at another address, other TLS files.

Both nodes hold them, as a part of the resource, so they are replicated, checked and audited like the rest.
Only a node whose role is Backup uses them. The role is configured and never changes by itself: what a
failover moves is who acts, not where a node finds its brokers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from hmi.replication.schema import Invalid, ServerDocument, parse
from redundancy.config import Role

SERVER_FIELDS = (
    *("target", "host", "port", "mqtt_version", "transport", "path", "keep_alive", "connect_timeout"),
    *("tls", "ca_file", "certificate_file", "key_file", "verify"),
)
Overridable = TypeVar("Overridable", bound=ServerDocument)


def seen_by(part: Overridable, role: Role) -> Overridable:
    """The resource as a node of this role uses it. Raises Invalid."""
    if role is not Role.BACKUP or not part.backup:
        return part
    return parse(type(part), part.model_dump(mode="json") | part.backup | {"backup": {}})


def faults(part: ServerDocument) -> Iterator[str]:
    """Why its fields for the Backup can't be used."""
    if unknown := sorted(part.backup.keys() - set(SERVER_FIELDS)):
        yield f"{unknown[0]!r} is none of {', '.join(SERVER_FIELDS)}"
        return
    try:
        seen_by(part, Role.BACKUP)
    except Invalid as error:
        yield from (f"{each.field}: {each.reason}" for each in error.problems)
