"""`manage.py config export|import|check|found`: the configuration as one JSON document."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hmi.replication import documents, people
from hmi.replication.checks import check
from hmi.replication.schema import ConfigDocument, Invalid, parse


class Command(BaseCommand):
    """Works on this node's database, also while the node is stopped; the peer gets it by replication."""

    help = "Export, check or import this gateway's whole configuration."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("export", help="print the configuration; secrets stay sealed")
        for name, does in (
            ("import", "replace the whole configuration"),
            ("check", "only say what is wrong"),
        ):
            action = actions.add_parser(name, help=does)
            action.add_argument("file", help="a JSON document, - for standard input")
        actions.add_parser("found", help='first start: {"config": ..., "people": ...} on standard input')

    def handle(self, *_args: Any, action: str, file: str = "-", **_options: Any) -> None:
        try:
            getattr(self, f"_{action}")(file)
        except Invalid as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(f"refused, nothing was changed:\n{lines}") from None

    def _export(self, _file: str) -> None:
        self.stdout.write(json.dumps(documents.export(), indent=1, ensure_ascii=False, sort_keys=True))

    def _check(self, file: str) -> None:
        check(parse(ConfigDocument, documents.stored_form(_read(file))), settings.NODE)
        self.stdout.write("the configuration is valid")

    def _import(self, file: str) -> None:
        done = documents.install(_read(file), by="manage.py config import")
        self.stdout.write(f"configuration {done.version}")
        if done.restart:
            self.stdout.write("this node's own addresses changed; they take effect at its next start")

    def _found(self, file: str) -> None:
        both = _read(file)
        with transaction.atomic():
            people.install(both.get("people", {}))
            done = documents.install(both.get("config", {}))
        self.stdout.write(f"configuration {done.version}")


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{file} does not hold one JSON object")
    return found
