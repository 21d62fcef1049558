"""`manage.py witness run --dir D`: the third vote, alone at a third place."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs the witness: a third vote for every pair of the plant, without Django."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        run = actions.add_parser("run", help="start the witness and stay in the foreground")
        run.add_argument("--dir", type=Path, required=True, help="its folder, with witness.json")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = str(options["dir"].resolve())
        os.execv(sys.executable, [sys.executable, "-m", "redundancy.witness", "--dir", folder])
