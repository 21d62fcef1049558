"""The adapter in the worker as a test needs it: its rows without a database, what it keeps within reach."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from hmi.adapter.facets.catalogue import facet_of
from hmi.adapter.facets.verbs import read
from hmi.gateways import sealing
from hmi.history import schema
from hmi.history.writer import HistoryWriter
from hmi.replication.schema import ComponentDocument, SecretDocument
from hmi.worker.adapter import components
from hmi.worker.adapter.adapter import Adapter
from hmi.worker.adapter.components import Components
from hmi.worker.providers.image import TagImage
from redundancy.clock import Clock
from tests.hmi.worker.gateways import node, view
from tests.redundancy.brokers import PASSWORD, USER, Broker

FOLDER = "[MQTT Adapter]Line 1"


def component(broker: Broker | None, *selection: dict[str, Any], **more: Any) -> ComponentDocument:
    """`Line 1` as the API would keep it; `further` are ports of more servers, `source` more of the first."""
    facets: dict[str, Any] = {}
    kind = more.pop("type", "MQTT")
    for name, value in more.pop("facets", {}).items():
        facets[name] = value
    if broker is not None:
        server = {
            "hostNameOrIpAddress": "127.0.0.1",
            "tls": "None",
            "userName": USER,
            "password": "{{broker}}",
        }
        facets["dataSource"] = server | {"port": broker.port} | more.pop("source", {})
        facets["redundantServers"] = [
            server | {"port": port, "serverId": f"server {port}"} for port in more.pop("further", ())
        ]
        facets["clientSettings"] = {"keepAlivePeriod": 5, "qosLevel": 1}
    facets["dataSelection"] = list(selection)
    for name, value in facets.items():
        found = facet_of(kind, name)
        assert found is not None
        facets[name] = [read(found, each, {}) for each in value] if found.is_list else read(found, value, {})
    return ComponentDocument(id="Line 1", type=kind, **facets, **more)


def stream(name: str, path: str = "$.t", topic: str = "kiln", **more: Any) -> dict[str, Any]:
    return {"streamId": name, "topic": topic, "valueField": path, "dataType": "Float64", **more}


class Station:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "history.db"
        with sqlite3.connect(self.file) as connection:
            for statement in schema.COMPLETE:
                connection.execute(statement)
        self.image, self.troubles = TagImage(), []
        self.history = HistoryWriter(self.file, interval=0.01)
        self.adapter = Adapter(
            node(),
            folder,
            Clock(),
            self.image,
            self.history,
            lambda kind, why: self.troubles.append(why),
            asyncio.to_thread,
        )
        self.board = self.adapter.board

    def configure(self, *documents: ComponentDocument) -> None:
        """As `take_up` does with rows."""
        secret = SecretDocument(id="broker", sealed=sealing.seal(PASSWORD))
        made = [components.made("Primary", each, [secret], None) for each in documents]
        logging = {each.id: each.logging or {} for each in documents}
        self.adapter.use(Components(tuple(made), logging=logging))

    def act(self) -> None:
        self.adapter.attach(lambda: True)
        self.adapter.follow(view("Active"))

    def value(self, stream: str) -> Any:
        tag = self.image.get(f"{FOLDER}/{stream}")
        return None if tag is None else (tag.value, tag.quality)

    def stored(self, stream: str) -> list[Any]:
        with sqlite3.connect(self.file) as connection:
            return [
                value
                for (value,) in connection.execute(
                    "SELECT value FROM history_sample JOIN history_tag ON id = tag"
                    " WHERE path = ? ORDER BY ts",
                    (f"{FOLDER}/{stream}",),
                )
            ]
