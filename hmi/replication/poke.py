"""Telling this node's runtime that the database has grown, so that the peer hears of it at once."""

from __future__ import annotations

import contextlib

from django.db import connection, transaction

from hmi import desk

# The pair catches up by itself when it next talks; nobody's sign-in waits for a dead worker.
_PATIENCE = 0.25


def poke_after_commit() -> None:
    """The configuration has changed: waits a moment for it to be taken up. Once for a transaction."""
    if not any(entry[1] is _poke for entry in connection.run_on_commit):
        connection.run_on_commit = [entry for entry in connection.run_on_commit if entry[1] is not _push]
        transaction.on_commit(_poke)


def push_after_commit() -> None:
    """Records have been written that are no configuration: nobody waits. Once for a transaction."""
    if not any(entry[1] in (_poke, _push) for entry in connection.run_on_commit):
        transaction.on_commit(_push)


def _poke() -> None:
    with contextlib.suppress(desk.DeskError):
        desk.ask("poke", timeout=_PATIENCE)


def _push() -> None:
    with contextlib.suppress(desk.DeskError):
        desk.tell("poke", reload=False)
