"""A person decides a conflict: take what was kept, some of it, or leave all as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db import transaction

from hmi.people import audit
from hmi.people.audit import Actor
from hmi.replication import conflicts, documents, recorded
from hmi.replication.differences import Difference, differences
from hmi.replication.models import Conflict
from hmi.replication.poke import poke_after_commit
from hmi.replication.resources import ORDER, Changes, spelled
from hmi.replication.schema import Invalid, Problem
from hmi.replication.standing import NotActive, standing


class NoSuchConflict(LookupError):
    """There is none of this name that waits; somebody may have decided it in the meantime."""


def compared(conflict: Conflict) -> list[Difference]:
    """What is in force now (`old`) and what was kept (`new`), where they differ. Secrets are masked."""
    items: Changes = conflict.items or {}
    live = {key: json.loads(body) for key, body in recorded.bodies(items).items()}
    kept = {key: json.loads(body) for key, body in items.items() if body is not None}
    return list(differences(live, kept))


def choose(name: str, taken: Iterable[str] | None, actor: Actor, reason: str) -> int:
    """Put the kept items of these keys in force, all with None, and end the conflict; answers how many.

    Raises NoSuchConflict, NotActive, and Invalid where they do not fit what is in force.
    """
    here = standing()
    if not here.active:
        raise NotActive(here)
    with transaction.atomic():
        conflict = Conflict.objects.filter(pk=name, settled_at=None).first()
        if conflict is None:
            raise NoSuchConflict(name)
        items: Changes = conflict.items or {}
        keys = list(items) if taken is None else list(dict.fromkeys(taken))
        if unknown := [key for key in keys if key not in items]:
            raise Invalid([Problem(unknown[0][:200], "", "is not among what this conflict keeps")])
        if conflict.items is None and taken is None:
            raise Invalid([Problem(name, "", f"is kept on {conflict.node} only; decide it there")])
        if keys:
            documents.take(_in_order({key: items[key] for key in keys}), actor, reason)
        said = f"{len(keys)} of {len(items)} taken"
        audit.record(actor, "config.conflict", name, new=said, reason=reason)
        conflicts.settled(conflict, actor.who, len(keys))
        poke_after_commit()
        return len(keys)


def _in_order(taken: Changes) -> Changes:
    """With the dashboards' order as it must be, where some come or go and their order was not ticked."""
    slugs = {key.partition("/")[2]: body for key, body in taken.items() if key.startswith("dashboard/")}
    if not slugs or ORDER in taken:
        return taken
    held = recorded.bodies([ORDER]).get(ORDER)
    order = [slug for slug in json.loads(held)["order"] if slugs.get(slug, "") is not None] if held else []
    order += [slug for slug, body in slugs.items() if body is not None and slug not in order]
    return taken | {ORDER: spelled(ORDER, {"order": order}) if order else None}
