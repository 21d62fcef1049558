"""Keeping this node's own file in step with its row.

A node reads `node.json` before any database opens, so the configuration can't be its source; an edit of
the node's row is therefore written through to the file, and takes effect at the next start.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.conf import settings
from django.db import transaction

from hmi.gateways.frozen import node_file
from hmi.replication.schema import ConfigDocument
from redundancy import identity

_log = logging.getLogger(__name__)


def keep_up(document: ConfigDocument) -> bool:
    """Write the file once the transaction is through, if the document says something new of this node.

    Answers whether it does. A node without a file of its own (tests, makemigrations) has nothing to keep.
    """
    if settings.IDENTITY is None or settings.NODE is None:
        return False
    raw = json.loads((settings.NODE_DIR / identity.FILE).read_text(encoding="utf-8"))
    wanted = node_file(document, settings.NODE.node, raw["plant_key"], raw["secret_key"])
    if identity.parse(wanted) == identity.parse(raw):
        return False
    transaction.on_commit(lambda: _save(wanted))
    return True


def _save(wanted: dict[str, Any]) -> None:
    try:
        identity.save(settings.NODE_DIR, wanted)
    except OSError as error:
        # The edit itself is committed and valid; the file stays whole as it was.
        _log.error("node.json could not be written: %s; the node's new addresses are not in force", error)
        return
    _log.warning("this node's own settings changed; they take effect at its next start")
