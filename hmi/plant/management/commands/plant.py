"""`manage.py plant ...`: the demo plant, and what one does to it to watch it survive."""

from __future__ import annotations

import asyncio
import json
import os
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hmi.node.schema import BASE_DIR
from hmi.plant import control, drill, founding
from hmi.plant.keeper import Keeper
from hmi.plant.layout import layout
from hmi.plant.report import addresses, table
from redundancy.config import ConfigError

_ON_ONE_NODE = {
    "kill": "SIGKILL to every process of the node at once: power loss",
    "stop": "SIGTERM, and wait: the node hands its role over first",
    "start": "start the node again on the same data",
    "pause": "SIGSTOP to every process of the node: a frozen machine",
    "resume": "SIGCONT to every process of the node",
}


class Command(BaseCommand):
    help = "Runs the tutorial's plant: six gateways and a witness on this machine."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        up = actions.add_parser("up", help="start the plant and stay in the foreground")
        up.add_argument("--port-offset", type=int, default=int(os.environ.get("PORT_OFFSET", "0")))
        status = actions.add_parser("status", help="one row a node")
        status.add_argument("--json", action="store_true", dest="as_json")
        exercise = actions.add_parser("drill", help="run the tutorial's failures one after the other")
        exercise.add_argument("--json", action="store_true", dest="as_json")
        exercise.add_argument("--rounds", type=int, default=1, help="how often to run the scenarios")
        exercise.add_argument("--only", action="append", choices=sorted(drill.SCENARIOS), default=None)
        for name, sentence in _ON_ONE_NODE.items():
            actions.add_parser(name, help=sentence).add_argument("node")
        folder = Path(os.environ.get("PLANT_DIR") or BASE_DIR / "var" / "plant")
        for action in actions.choices.values():
            action.add_argument("--dir", type=Path, default=folder, help="the plant's folder")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["dir"].resolve()
        try:
            match options["action"]:
                case "up":
                    asyncio.run(self._up(folder, options["port_offset"], time.monotonic()))
                case "status":
                    rows = control.ask(folder, "status")
                    self.stdout.write(json.dumps(rows) if options["as_json"] else table(rows))
                case "drill":
                    self._drill(folder, options)
                case action:
                    control.ask(folder, action, node=options["node"])
                    self.stdout.write(f"{action}: {options['node']}")
        except ConfigError as error:
            raise CommandError(str(error)) from None

    async def _up(self, folder: Path, offset: int, started: float) -> None:
        plant = layout(offset)
        with founding.lock(folder):
            people = await founding.found(folder, plant, self._say)
            keeper = Keeper(folder, plant, people["admin"]["token"], self._say)
            keeper.stop_on_signals()
            serving = asyncio.create_task(keeper.serve())
            try:
                self._say("starting six nodes and the witness")
                await keeper.start()
                await keeper.wait_until_ready()
                if not keeper.ended.is_set():
                    self._say(addresses(plant, people, folder))
                    self._say(f"plant ready in {time.monotonic() - started:.1f} s")
                await keeper.ended.wait()
            finally:
                keeper.ended.set()
                await keeper.stop()
                await serving

    def _drill(self, folder: Path, options: dict[str, Any]) -> None:
        results = drill.run(folder, options["rounds"], options["only"], lambda text: self.stderr.write(text))
        rows = [result.row() for result in results]
        self.stdout.write(json.dumps(rows) if options["as_json"] else table(rows))
        if not all(result.passed for result in results):
            raise CommandError("at least one scenario did not end as the tutorial says")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
