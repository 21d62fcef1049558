"""`manage.py adapter import FILE`: put a facet of a component in force from a file, leniently read."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hmi.adapter.configuration import loose, session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.answers import Refused
from hmi.adapter.facets.catalogue import FIRST, Verb
from hmi.people.audit import Actor
from hmi.replication.standing import NotActive, standing

_BY = "manage.py adapter import"
_NOBODY = "Starting"


class Command(BaseCommand):
    """Works on this node's database: through the active node's edits where it runs, by itself where it is
    stopped. The peer gets it by replication."""

    help = "Import a facet of the adapter. Its former value is replaced as a whole, or nothing happens."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        action = actions.add_parser("import", help="replace a facet by what a file holds")
        action.add_argument("file", help="objects, a list of them, or one a line; - for standard input")
        action.add_argument("--component", default=FIRST["id"], help="the component's id (%(default)s)")
        action.add_argument("--facet", default="RedundantServers", help="the facet's name (%(default)s)")

    def handle(self, *_args: Any, file: str, component: str, facet: str, **_options: Any) -> None:
        found = _read(file)

        def work(draft: Draft) -> str:
            held = draft.component(component)
            kind = draft.facet(held, facet)
            if not kind.is_list and len(found) != 1:
                raise Refused(400, f"{kind.title} is one object, and {file} holds {len(found)}.")
            draft.change(held, kind, Verb.PUT, found if kind.is_list else found[0], None)
            return f"{held.id}: {kind.title} replaced by {len(found)} from {file}"

        try:
            self.stdout.write(_put_in_force(work, f"imported {facet} of {component}"))
        except Refused as error:
            told = "\n".join(f"  {message}" for message in error.messages)
            raise CommandError(f"refused, nothing was changed:\n{told}") from None
        except NotActive as error:
            raise CommandError(f"{error.standing.reason} {error.standing.resolution}") from None


def _put_in_force(work: Callable[[Draft], str], summary: str) -> str:
    if standing().state == _NOBODY:
        # Nothing runs here that could be in the way.
        return session.install(_BY, work)
    return session.change(Actor(_BY), summary, work)


def _read(file: str) -> list[dict[str, Any]]:
    try:
        return loose.entries(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{file} can't be read: {error}") from None
