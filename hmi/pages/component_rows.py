"""The rows of a component's page: its servers in order and its streams, with their values as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hmi.pages.values import Reading, read
from hmi.replication.schema import ComponentDocument
from hmi.tags import path as paths
from redundancy.adapter.config import DATA_SOURCE

CONNECTED = json.dumps(
    [
        {"value": True, "label": "Connected", "style": "on"},
        {"value": False, "label": "Not connected", "style": "attention"},
    ]
)
TARGET = json.dumps(
    [{"value": True, "label": "delivers", "style": "on"}, {"value": False, "label": "waits", "style": "off"}]
)
_LABELS = {True: "Connected", False: "Not connected"}


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server. `readings` by the names of its tags."""

    id: str
    address: str
    security: str
    user: str
    readings: Mapping[str, Reading]
    first: bool
    last: bool

    @property
    def connected(self) -> Reading:
        return self.readings["Connected"]

    @property
    def word(self) -> str:
        return _LABELS.get(self.connected.raw is True, "")

    @property
    def style(self) -> str:
        return "on" if self.connected.raw is True else "attention"

    @property
    def states(self) -> str:
        return CONNECTED

    @property
    def target(self) -> Reading:
        return self.readings["Target"]

    @property
    def target_states(self) -> str:
        return TARGET

    @property
    def target_word(self) -> str:
        return "delivers" if self.target.raw is True else "waits"

    @property
    def messages(self) -> Reading:
        return self.readings["Messages"]

    @property
    def failovers(self) -> Reading:
        return self.readings["Failovers"]

    @property
    def error(self) -> Reading:
        return self.readings["Last Error"]


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One entry of the data selection. `fault` is why it brought nothing the last time, "" if it did."""

    id: str
    selected: bool
    source: str
    place: str
    kind: str
    name: str
    filter: str
    reading: Reading | None
    fault: str
    times: int


_TAGS = ("Connected", "Target", "Messages", "Failovers", "Last Error")


def server_rows(held: ComponentDocument) -> list[ServerRow]:
    """In the order in which they are tried."""
    if held.dataSource is None:
        return []
    entries = [(DATA_SOURCE, held.dataSource)]
    entries += [(each["serverId"], each) for each in held.redundantServers]
    found = {
        identity: {tag: paths.join(paths.ADAPTER, held.id, "Servers", identity, tag) for tag in _TAGS}
        for identity, _ in entries
    }
    readings = read(path for tags in found.values() for path in tags.values())
    return [
        ServerRow(
            id=identity,
            address=_address(entry),
            security="open" if entry["tls"] == "None" else entry["tls"],
            user=entry["userName"] or "",
            readings={tag: readings[path] for tag, path in found[identity].items()},
            first=number == 0,
            last=number == len(entries) - 1,
        )
        for number, (identity, entry) in enumerate(entries)
    ]


def stream_rows(held: ComponentDocument, told: Mapping[str, Any] | None, most: int) -> list[StreamRow]:
    prefix = (held.dataSource or {}).get("streamIdPrefix") or ""
    faults = (told or {}).get("faults", {})
    shown = held.dataSelection[:most]
    found = {
        item["streamId"]: paths.join(paths.ADAPTER, held.id, f"{prefix}{item['streamId']}")
        for item in shown
        if item["selected"] and not item.get("dataFields")
    }
    readings = read(found.values())
    return [_stream(item, readings.get(found.get(item["streamId"], "")), faults, prefix) for item in shown]


def _stream(
    item: Mapping[str, Any], reading: Reading | None, faults: Mapping[str, Any], prefix: str
) -> StreamRow:
    fault = faults.get(f"{prefix}{item['streamId']}") or faults.get(item["streamId"]) or {}
    fields = item.get("dataFields")
    wild = "+" in item["topic"] or "#" in item["topic"]
    return StreamRow(
        id=item["streamId"],
        selected=item["selected"],
        source=item["topic"],
        place=item.get("metricName") or item.get("valueField") or ", ".join((fields or {}).values()),
        kind=item.get("dataType") or "",
        name=item.get("name") or "",
        filter=item.get("dataFilterId") or "",
        # Of wildcards the streams have names of their own.
        reading=None if wild and reading is not None and reading.quality == "notfound" else reading,
        fault=fault.get("reason", ""),
        times=fault.get("times", 0),
    )


def _address(entry: Mapping[str, Any]) -> str:
    port = f":{entry['port']}" if entry["port"] else ""
    return f"{entry['hostNameOrIpAddress']}{port}" + (" (WS)" if entry["protocol"] == "WS" else "")
