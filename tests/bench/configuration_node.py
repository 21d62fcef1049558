"""One node of the configuration's benchmark: the product's store, replicator and pair link, and no MQTT.

Reads orders from standard input, a line each: `install N` (a configuration of N tags), `edit K` (one tag),
`end`. Says in JSON lines what happened when, on the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

import django
from django.conf import settings

from redundancy.link.links import LinkEvents, Links
from redundancy.replication.records import Record
from redundancy.replication.replicator import Replicator


def say(what: str, **more: Any) -> None:
    print(json.dumps({"what": what, "at": time.monotonic(), **more}), flush=True)


def tags(count: int) -> list[dict[str, Any]]:
    """Each with about what an engineer enters."""
    return [
        {
            "path": f"[default]Edge Nodes/Group {n % 10}/Edge {n % 100}/Device {n % 1000}/Area/Tag {n}",
            "datatype": "Int32",
            "initial": 10,
            "writable": True,
            "unit": "bar",
            "low": 0,
            "high": 100,
            "description": f"Pressure of vessel {n}",
        }
        for n in range(count)
    ]


def install(count: int) -> None:
    from hmi.replication import documents
    from tests.hmi.founded import config

    say("installed", version=documents.install(config(tags=tags(count))).version)


def edit(number: int) -> None:
    """What the page of a tag does, once the form is in order."""
    from hmi.people.audit import Actor
    from hmi.replication import documents, ledger
    from hmi.replication.standing import Standing
    from hmi.tags.models import Tag

    acting = Standing(True, "Active", 1, "primary-master")
    say("begun")
    with mock.patch.object(documents, "standing", return_value=acting), documents.change(Actor("alice")):
        tag = Tag.objects.get(path__endswith=f"/Tag {number}")
        tag.description = f"changed at {time.monotonic()}"
        tag.save()
    say("edited", version=ledger.config_version())


async def serve() -> None:
    from hmi.replication import ledger
    from hmi.replication.store import DjangoStore
    from hmi.worker import configuration

    node = settings.NODE
    known = ""
    held = configuration.Configuration()

    def applied(records: Sequence[Record]) -> None:
        tasks.append(asyncio.create_task(look()))

    async def look() -> None:
        nonlocal known, held
        version = await replicator.in_thread(ledger.config_version)
        if version == known:
            return
        known = version
        say("applied", version=version)
        held = await asyncio.to_thread(configuration.read, node, held)
        say("read", version=held.version, tags=len(held.tags))

    tasks: list[asyncio.Task[None]] = []
    replicator = Replicator(DjangoStore(), applied, lambda kind, why: say("trouble", why=why))
    silent = LinkEvents(*([lambda *_: None] * 5))
    links = Links(node, f"{node.node}-{time.monotonic()}", silent, {"records": replicator.events})
    await links.start()
    say("ready")
    while (line := (await asyncio.to_thread(sys.stdin.readline)).split()) and line[0] != "end":
        order = {"install": install, "edit": edit}[line[0]]
        await asyncio.to_thread(order, int(line[1]))
        replicator.poke()
    await links.close()
    await replicator.close()


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from tests.hmi.replication.two_nodes import quiet_pokes

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0, database="history")
    with quiet_pokes():
        asyncio.run(serve())


if __name__ == "__main__":
    main()
