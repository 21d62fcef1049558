"""What the database says, read in one go and frozen. Blocking: called in a thread."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmi.gateways.distributor import distributor_config
from hmi.gateways.frozen import gateway_config
from hmi.replication import journal, ledger
from hmi.replication.resources import TAG, is_tag
from hmi.tags import path as paths
from hmi.tags.models import Tag
from hmi.tags.wire import from_wire
from hmi.worker.providers.tag_book import NO_TAGS, EdgeTag, TagBook
from redundancy import whole_file
from redundancy.config import GatewayConfig, NodeConfig
from sparkplug import DataType, EdgeNodeId

DISTRIBUTOR_FILE = "distributor.json"
_EDGE_NODES = "Edge Nodes"
_FEW = 1_000  # tags that are read one by one


@dataclass(frozen=True, slots=True)
class Configuration:
    """A node's whole configuration at one version; empty on a backup before its master's has come."""

    version: str = ""
    gateway: GatewayConfig | None = None
    tags: TagBook = NO_TAGS
    distributor: dict[str, Any] | None = None


def version() -> str:
    """The version in force, without reading what it says."""
    return ledger.config_version()


def read(node: NodeConfig, known: Configuration | None = None) -> Configuration:
    """Everything, as of one version. Raises ValueError (ConfigError among them) for rows out of shape.

    Of `known`, read before, those tags are kept that have not changed since. The database is not locked
    for it: whatever is edited meanwhile is another version, and then all is read once more.
    """
    while True:
        version = ledger.config_version()
        gateway = gateway_config(node.node)
        found = Configuration(
            version=version,
            gateway=gateway,
            tags=_tags(known or Configuration(), gateway),
            distributor=distributor_config(node),
        )
        if ledger.config_version() == version:
            return found


def _tags(known: Configuration, gateway: GatewayConfig | None) -> TagBook:
    transmission = gateway.transmission if gateway is not None else None
    return TagBook.of(_rows(known), transmission.transmitters if transmission is not None else ())


def _rows(known: Configuration) -> Iterable[EdgeTag]:
    keys = journal.changed_since(known.version) if known.version else None
    if keys is None or len(keys) > _FEW:
        return [edge_tag(tag) for tag in Tag.objects.all()]
    paths = [key.removeprefix(TAG) for key in keys if is_tag(key)]
    held = dict(known.tags.tags)
    for path in paths:
        held.pop(path, None)
    held |= {tag.path: edge_tag(tag) for tag in Tag.objects.filter(path__in=paths)}
    return held.values()


def edge_tag(tag: Tag) -> EdgeTag:
    """A row as the runtime's side needs it. `[default]Edge Nodes/G/E/D/Metric` is published by edge G/E."""
    datatype = DataType[tag.datatype]
    _, names = paths.split(tag.path)
    published = len(names) > 4 and names[0] == _EDGE_NODES
    return EdgeTag(
        path=tag.path,
        edge=EdgeNodeId(names[1], names[2]) if published else None,
        device=names[3] if published else "",
        name="/".join(names[4:]) if published else "/".join(names),
        datatype=datatype,
        kind=tag.kind,
        initial=from_wire(datatype, tag.initial),
        writable=tag.writable,
        low=tag.low,
        high=tag.high,
        unit=tag.unit,
        description=tag.description,
        stored=tag.stored,
        period=tag.period_ms,
    )


def write_distributor(folder: Path, wanted: dict[str, Any] | None) -> bool:
    """Leave the broker its file, mode 0600, whole or not at all; True if it had to be written."""
    path = folder / DISTRIBUTOR_FILE
    if wanted is None:
        return False
    text = json.dumps(wanted, indent=1, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    whole_file.replace(path, text.encode())
    return True
