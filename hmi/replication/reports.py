"""Reports of changeovers, whole: the rows have what lists show, the records have all of it."""

from __future__ import annotations

import json
from typing import Any

from hmi.replication import ledger
from hmi.replication.models import Changeover


def whole(identity: str) -> dict[str, Any] | None:
    """The report as the node that became active has written it; None if there is none of that id."""
    record = ledger.current(ledger.CHANGEOVER, identity)
    if record is None or not record.body:
        return None
    found: dict[str, Any] = json.loads(record.body)
    row = Changeover.objects.filter(pk=identity).first()
    return found | row.as_dict() if row is not None else found
