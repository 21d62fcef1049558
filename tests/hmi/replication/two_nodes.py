"""Two nodes with a database file each, in one process, and a wire between their stores that can be cut.

The nodes run the product's own store and the product's own exchange; only the sockets are missing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.db.utils import load_backend

from hmi.people.audit import Actor
from hmi.plant.layout import node_file
from hmi.replication import documents, journal, ledger, poke, recorded
from hmi.replication.standing import Standing
from hmi.replication.store import DjangoStore
from hmi.tags.models import Tag
from redundancy import identity
from redundancy.replication.exchange import Batch, Intake, Supply
from tests.hmi.live_node import PLANT

NAMES = ("primary-master", "primary-backup")


def template(folder: Path) -> Path:
    """An empty database with all its tables, to be copied."""
    file = folder / "template.db"
    with database(file):
        call_command("migrate", verbosity=0, database="default")
    return file


@contextmanager
def empty_databases() -> Iterator[Path]:
    """A template for a whole module of tests, with nobody to be poked."""
    with quiet_pokes(), tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        yield template(Path(folder))


@contextmanager
def database(file: Path) -> Iterator[None]:
    """Everything that is written meanwhile goes to this file. Leaving it is what a restart is."""
    described = {**connections.settings["default"], "NAME": str(file)}
    held = connections["default"]
    connections["default"] = load_backend(described["ENGINE"]).DatabaseWrapper(described, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = held


class TwoNode:
    """One of the two. Its name, its file, and the volatile part of its exchange."""

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.name = file, name
        self.config = identity.parse(node_file(PLANT, PLANT.node(name), "00" * 32, "the pair's key")).node
        self.epoch = 0
        self.intake: Intake | None = None
        self.supply: Supply | None = None

    @contextmanager
    def here(self) -> Iterator[DjangoStore]:
        with database(self.file), mock.patch.object(settings, "NODE", self.config):
            yield DjangoStore()

    def edit(self, change: Callable[[], Any], epoch: int | None = None) -> str:
        """What a person does on the active node; answers the new version."""
        here = Standing(True, "Active", self.epoch if epoch is None else epoch, self.name)
        acting = mock.patch.object(documents, "standing", return_value=here)
        with self.here(), acting, transaction.atomic():
            change()
            return documents.commit(Actor("alice"), "an edit").version

    def install(self, config: dict[str, Any], epoch: int = 0) -> str:
        with self.here():
            return documents.install(config, epoch=epoch).version

    @property
    def version(self) -> str:
        with self.here():
            return ledger.config_version()

    @property
    def contents(self) -> dict[str, str]:
        """What is in force, by the rows themselves."""
        with self.here():
            assert recorded.edited() == {}, "rows and records say the same"
            return recorded.everything()

    @property
    def tags(self) -> dict[str, str]:
        with self.here():
            return dict(Tag.objects.values_list("path", "unit"))

    def restart(self) -> None:
        self.intake = self.supply = None


class TwoNodes:
    """The pair. `exchange` moves one batch; `until_quiet` all there is."""

    def __init__(self, folder: Path, empty: Path) -> None:
        files = [Path(shutil.copy(empty, folder / f"{name}.db")) for name in NAMES]
        self.master, self.backup = (TwoNode(*each) for each in zip(files, NAMES, strict=True))

    def cut(self) -> None:
        for node in (self.master, self.backup):
            node.restart()

    def exchange(self, puller: TwoNode, server: TwoNode, lose: str = "") -> bool:
        """One round between them, cut at `lose` ("batch", "answer"). True if anything moved."""
        if puller.intake is None or server.supply is None:
            self._meet(puller, server)
        assert puller.intake is not None
        assert server.supply is not None
        with server.here() as store:
            server.supply._store = store
            message = server.supply.next()
        if message is None:
            return False
        if lose == "batch":
            self.cut()
            return True
        with puller.here() as store:
            puller.intake._store = store
            taken = puller.intake.take(Batch.parse(message))
        assert taken is not None
        if lose == "answer":
            self.cut()
            return True
        server.supply.applied(taken[1])
        return True

    def until_quiet(self) -> None:
        """Everything that the two have to tell each other."""
        quiet = 0
        for _ in range(2_000):
            ways = ((self.master, self.backup), (self.backup, self.master))
            moved = [self.exchange(*way) for way in ways]
            # Meeting alone may have made the second one write what the first one has asked for before.
            quiet = 0 if any(moved) else quiet + 1
            if quiet == 2:
                return
        raise AssertionError("the two nodes never come to an end")

    @staticmethod
    def _meet(puller: TwoNode, server: TwoNode) -> None:
        with server.here() as store:
            identity_ = store.identity
        with puller.here() as store:
            reader = store.identity
            puller.intake = Intake(store, {"store": identity_}, 1)
            pull = puller.intake.pull()
        with server.here() as store:
            server.supply = Supply(store, reader, pull, lambda why: None)


def quiet_pokes() -> Any:
    """No worker runs beside these databases that could be poked."""
    return mock.patch.multiple(poke, _poke=lambda: None, _push=lambda: None)


__all__ = [
    "NAMES",
    "TwoNode",
    "TwoNodes",
    "database",
    "empty_databases",
    "journal",
    "quiet_pokes",
    "template",
]
