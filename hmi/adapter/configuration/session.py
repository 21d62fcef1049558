"""The adapter's configuration as it is in force, and the one way to change it: a draft, judged and recorded.

A change is made on the active node only. It is one edit of the replicated configuration like any other:
checked with all the rest, in the audit trail object by object, told to the other node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import transaction

from hmi.adapter.configuration import kept
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.answers import Refused
from hmi.people.audit import Actor
from hmi.replication import documents
from hmi.replication.schema import ComponentDocument, Invalid, SecretDocument
from hmi.replication.standing import NotActive, standing

T = TypeVar("T")


def in_force() -> Draft:
    """What is configured now."""
    return Draft(
        (ComponentDocument(**fields) for fields in kept.components()),
        (SecretDocument(**fields) for fields in kept.secrets()),
    )


def change(actor: Actor, summary: str, work: Callable[[Draft], T]) -> T:
    """Do `work` on a draft and put it in force, whole or not at all.

    Raises Refused, and NotActive on a node that does not act.
    """
    here = standing()
    if not here.active:
        raise NotActive(here)
    try:
        # Most of the work, and none of it keeps others from writing.
        draft = in_force()
        result = work(draft)
        with transaction.atomic():
            if not draft.began_as(now := in_force()):
                # Somebody was faster: the same again, on top of what they have done.
                draft, result = now, work(now)
            if changes := draft.changes():
                documents.take(changes, actor, summary)
            return result
    except Invalid as error:
        raise Refused(400, *(str(problem) for problem in error.problems)) from None


def install(by: str, work: Callable[[Draft], T]) -> T:
    """The same on a node that is stopped, by whoever may write its folder. Raises Refused."""
    draft = in_force()
    result = work(draft)
    try:
        documents.install(documents.export() | draft.documents(), by=by)
    except Invalid as error:
        raise Refused(400, *(str(problem) for problem in error.problems)) from None
    return result
