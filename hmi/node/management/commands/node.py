"""`manage.py node run --dir D`: one node, what a real installation runs on each machine.

`manage.py node try host|edge --url U`: one node alone, to try Tandem against one's own system.
`manage.py node certificates --dir D NODE...`: what TLS on a plant's links needs.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hmi.node import certificates, schema
from hmi.trial import arguments
from redundancy import identity
from redundancy.config import ConfigError


class Command(BaseCommand):
    help = "Runs one node: its web server, worker, Redis-protocol server and, where set, its broker."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        run = actions.add_parser("run", help="start the node and stay in the foreground")
        run.add_argument("--dir", type=Path, required=True, help="the node's data folder, with its node.json")
        certificates = actions.add_parser("certificates", help="an authority and certificates for the links")
        certificates.add_argument("--dir", type=Path, required=True, help="where they are kept")
        certificates.add_argument("--days", type=int, default=3650, help="how long they are good for")
        certificates.add_argument(
            "nodes", nargs="+", metavar="NODE", help="names of nodes and of the witness"
        )
        arguments.add(actions.add_parser("try", help="an Independent node against any broker by URL"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "certificates":
            self._certify(options)
            return
        try:
            if options["action"] == "try":
                # Only now: it needs models, and a node that runs does not.
                from hmi.trial import command

                command.start(options)
            self._run(options["dir"].resolve())
        except ConfigError as error:
            raise CommandError(f"the node does not start: {error}") from None

    def _certify(self, options: dict[str, Any]) -> None:
        try:
            made = certificates.make(options["dir"].resolve(), options["nodes"], options["days"])
        except (ConfigError, OSError) as error:
            raise CommandError(f"no certificates: {error}") from None
        for node, files in made.items():
            self.stdout.write(f"{node}: copy {Path(files.key).parent} to its machine, where only it can read")
        self.stdout.write(f"{options['dir'] / 'ca.key'} signs for any node: keep it off the plant")

    def _run(self, folder: Path) -> None:
        identity.load(folder)
        schema.bring_up_to_date(folder)
        # The parent stays small: it replaces this process, and knows nothing of Django.
        os.execv(sys.executable, [sys.executable, "-m", "hmi.node.supervisor", "--dir", str(folder)])
