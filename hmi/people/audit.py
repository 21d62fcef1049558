"""The audit trail: one row for everything that somebody did or tried, the same on both nodes.

Rows are written once, in the transaction of what they tell about, and reach the other node as records.
There is no function to change or delete one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from hmi.people.models import AuditRow, User
from hmi.replication import ledger
from hmi.replication.poke import push_after_commit

DONE, REFUSED, FAILED = "done", "refused", "failed"
_LONGEST = 8_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from which address. `who` is a username, or a part of Tandem."""

    who: str
    role: str = ""
    address: str = ""

    @classmethod
    def of(cls, request: HttpRequest, user: Any = None) -> Actor:
        """The person behind a request; `user` where the request was signed by a token."""
        user = user or request.user
        return cls(str(user.get_username()) or "anonymous", getattr(user, "role", ""), address_of(request))


def address_of(request: HttpRequest) -> str:
    """The peer's address as the server saw it; a header that anybody can write is not believed."""
    return str(request.META.get("REMOTE_ADDR", ""))


def record(
    who: str | Actor | User,
    action: str,
    target: str = "",
    *,
    old: Any = "",
    new: Any = "",
    outcome: str = DONE,
    reason: str = "",
    node: str | None = None,
    address: str = "",
    role: str = "",
) -> AuditRow:
    """Write one row and its record. `old` and `new` are text, or values that are written as JSON.

    `node` is where it happened, this node by default. Secrets are the caller's to mask.
    """
    if isinstance(who, User):
        who = Actor(who.username, who.role, address)
    actor = who if isinstance(who, Actor) else Actor(who, role, address)
    here = settings.NODE.node if settings.NODE else ""
    row = AuditRow(
        at=timezone.now(),
        who=actor.who[:150],
        role=actor.role,
        node=here if node is None else node,
        address=actor.address[:100],
        action=action[:60],
        target=target[:1000],
        old=_text(old),
        new=_text(new),
        outcome=outcome[:300],
        reason=reason[:_LONGEST],
    )
    with transaction.atomic():
        row.save(force_insert=True)
        ledger.append(ledger.AUDIT, str(row.pk), _body(row))
        push_after_commit()
    return row


def project(key: str, body: bytes) -> None:
    """A row of the other node. Raises ValueError if it is none. What is here already stays as it is."""
    raw = json.loads(body)
    if not isinstance(raw, dict) or set(raw) != {*_FIELDS, "at"}:
        raise ValueError("is not an audit row")
    if not all(isinstance(raw[name], str) for name in raw):
        raise ValueError("holds a field that is not text")
    at = datetime.fromisoformat(raw.pop("at"))
    if at.tzinfo is None:
        raise ValueError("at: has no time zone")
    AuditRow.objects.bulk_create([AuditRow(pk=UUID(key), at=at, **raw)], ignore_conflicts=True)


def search(
    *,
    who: str = "",
    action: str = "",
    target: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditRow]:
    """Rows for the audit page, newest first. Empty arguments ask for everything."""
    wanted = Q()
    if who:
        wanted &= Q(who=who)
    if action:
        wanted &= Q(action__startswith=action)
    if target:
        wanted &= Q(target__icontains=target)
    if since:
        wanted &= Q(at__gte=since)
    if until:
        wanted &= Q(at__lt=until)
    return AuditRow.objects.filter(wanted).order_by("-at")


_FIELDS = ("who", "role", "node", "address", "action", "target", "old", "new", "outcome", "reason")


def _body(row: AuditRow) -> bytes:
    fields: Mapping[str, str] = {name: getattr(row, name) for name in _FIELDS}
    return json.dumps({"at": row.at.isoformat(), **fields}, ensure_ascii=False, sort_keys=True).encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text[:_LONGEST]
