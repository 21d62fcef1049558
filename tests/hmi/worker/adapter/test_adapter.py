"""The adapter in the worker with real brokers: messages become tags and history, servers say how they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hmi.desk import DeskError
from hmi.history.writer import Sample
from hmi.tags.value import Quality
from redundancy.adapter.reports import Arrival, ComponentStatus, Condition, NotTaken, ServerStatus
from tests.hmi.worker.adapter.station import FOLDER, Station, component, stream
from tests.hmi.worker.gateways import view
from tests.redundancy.brokers import PASSWORD, Broker
from tests.redundancy.bystanders import Watcher
from tests.waiting import until

NOW = 1_790_000_000_000


async def test_a_message_becomes_a_tag_and_is_stored_and_its_server_says_so(
    station: Station, broker: Broker
) -> None:
    station.configure(component(broker, stream("kiln/temperature")))
    assert station.value("Status") == ("Standby", Quality.GOOD)
    station.act()
    await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
    plc = Watcher(broker.server(), "plc")
    await until(lambda: plc.connection.is_open)
    await plc.say("kiln", b'{"t": 912.5}')
    await until(lambda: station.value("kiln/temperature") == (912.5, Quality.GOOD), "the value")
    await until(lambda: station.stored("kiln/temperature") == [912.5], "the sample")
    assert station.value("Status") == ("Good", Quality.GOOD)
    await until(lambda: station.value("Servers/dataSource/Messages") == (1, Quality.GOOD), "the count")
    assert station.value("Servers/dataSource/Connected") == (True, Quality.GOOD)
    (told,) = await station.board.adapter()
    assert (told["state"], told["connected"], told["events"]) == ("Good", 1, 1)
    assert station.board.numbers()["adapter_servers_connected"] == 1
    assert PASSWORD not in str(told)

    station.adapter.follow(view("Standby"))
    assert station.value("Status") == ("Standby", Quality.GOOD)
    assert station.value("kiln/temperature") == (912.5, Quality.STALE)
    assert station.value("Servers/dataSource/Connected")[1] is Quality.STALE
    plc.connection.close()


async def test_another_selection_is_taken_up_without_another_session(
    station: Station, broker: Broker
) -> None:
    station.configure(component(broker, stream("a")))
    station.act()
    await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
    since = station.value("Servers/dataSource/Since")
    station.configure(component(broker, stream("a"), stream("b", topic="mill")))
    plc = Watcher(broker.server(), "plc 2")
    await until(lambda: plc.connection.is_open)

    async def heard() -> None:
        while station.value("b") != (3.0, Quality.GOOD):
            await plc.say("mill", b'{"t": 3}')
            await asyncio.sleep(0.02)

    await asyncio.wait_for(heard(), 30)
    assert station.value("Servers/dataSource/Since") == since
    plc.connection.close()


async def test_trying_a_server_says_why_it_does_not_work(
    station: Station, broker: Broker, tmp_path: Path
) -> None:
    closed = Broker("distributor", tmp_path).port
    station.configure(component(broker, stream("a"), further=[closed]))
    assert await station.board.adapter_try("line 1", "dataSource") == {"ok": True, "why": ""}
    refused = await station.board.adapter_try("Line 1", f"server {closed}")
    assert (refused["ok"], f"127.0.0.1:{closed}" in refused["why"]) == (False, True)
    with pytest.raises(DeskError) as error:
        await station.board.adapter_try("Line 1", "nowhere")
    assert error.value.status == 404


async def test_a_component_that_cannot_be_used_says_so_and_harms_no_other(
    station: Station, broker: Broker
) -> None:
    twice = component(broker, stream("a"), further=[broker.port])
    other = component(broker, stream("a")).model_copy(update={"id": "Line 2"})
    station.configure(twice, other)
    station.act()
    assert station.value("Status")[0] == "Device in error"
    assert "is there twice" in station.board.warnings()[0]
    line_2 = "[MQTT Adapter]Line 2/Status"
    await until(lambda: station.image.get(line_2).value == "Connected / No Data", "the other component")


async def test_what_was_known_before_is_shown_and_stale(station: Station, broker: Broker) -> None:
    station.configure(component(broker, stream("a"), stream("b", dataType="String")))
    assert station.board.empty() == [f"{FOLDER}/a", f"{FOLDER}/b"]
    known = [Sample(f"{FOLDER}/{name}", NOW, 7.5, Quality.GOOD, "Double") for name in ("a", "b", "gone")]
    station.board.remember(known)
    assert station.value("a") == (7.5, Quality.STALE)
    assert station.value("b") == (None, Quality.STALE)  # of another type by now
    assert station.value("gone") is None


async def test_messages_are_refused_while_history_is_not_written(station: Station, broker: Broker) -> None:
    station.configure(component(broker, stream("a")))
    station.history.tally.why = "disk full"
    with pytest.raises(NotTaken, match="disk full"):
        await station.board.take([Arrival("Line 1", "dataSource", "kiln", b'{"t": 1}', 1, False, NOW)])
    assert station.value("a") == (None, Quality.STALE)


async def test_states_and_warnings_follow_the_servers(station: Station, broker: Broker) -> None:
    station.configure(component(broker, stream("a"), further=[1]))

    def tell(condition: Condition, *servers: ServerStatus) -> str:
        station.board.component(ComponentStatus("Line 1", condition, "the wire is cut", servers))
        return station.value("Status")[0]

    first, second = ServerStatus("dataSource"), ServerStatus("server 1")
    assert tell(Condition.FAULTED, first, second) == "Starting"
    assert station.board.warnings() == ()
    lost = ServerStatus("dataSource", since=NOW, last_error="the wire is cut")
    assert tell(Condition.FAULTED, lost, second) == "Attempting Failover"
    assert "the wire is cut" in station.board.warnings()[0]
    assert tell(Condition.FAULTED, lost) == "Device in error"
    assert tell(Condition.RUNNING, ServerStatus("dataSource", True, True, NOW)) == "Connected / No Data"
    await station.board.take([Arrival("Line 1", "dataSource", "kiln", b'{"t": 1}', 1, False, NOW)])
    assert station.value("Status")[0] == "Good"
    assert tell(Condition.FAULTED, lost) == "Device in error"
    assert station.value("a") == (1.0, Quality.STALE)
    assert tell(Condition.STOPPED) == "Shutdown"


async def test_a_component_that_is_gone_leaves_nothing(station: Station, broker: Broker) -> None:
    station.configure(component(broker, stream("a"), further=[1]))
    assert station.value("Servers/server 1/Connected") == (False, Quality.STALE)
    station.configure(component(broker, stream("a")))
    assert station.value("Servers/server 1/Connected") is None
    station.configure()
    assert len(station.image) == 0


class TestDiscovery:
    async def start(self, station: Station, wait: float = 0.3, **more: Any) -> dict[str, Any]:
        asked = {"component": "Line 1", "id": "one", "query": "", "topics": ["#"], "wait": wait}
        return await station.board.table["discovery_start"](**asked, auto_select=False, **more)

    async def test_finds_what_is_there_beside_the_running_session(
        self, station: Station, broker: Broker
    ) -> None:
        station.configure(component(broker, stream("kiln.$.t")))
        station.act()
        await until(lambda: station.value("Status")[0] == "Connected / No Data", "a session")
        plc = Watcher(broker.server(), "plc 3")
        await until(lambda: plc.connection.is_open)
        begun = await self.start(station)
        assert (begun["status"], begun["progress"]) == ("Active", 0)
        with pytest.raises(DeskError) as second:
            await station.board.table["discovery_start"](
                component="Line 1", id="two", query="", topics=["#"], wait=1, auto_select=False
            )
        assert second.value.status == 400
        one = station.board.table["discovery_one"]
        while (state := await one(component="Line 1", id="ONE"))["status"] == "Active":
            await plc.say("kiln", b'{"t": 1, "v": "x"}')
            await asyncio.sleep(0.02)
        assert (state["status"], state["itemsFound"], state["newItems"]) == ("Complete", 2, 1)
        found = await station.board.table["discovery_result"](component="Line 1", id="one")
        assert [entry["streamId"] for entry in found] == ["kiln.$.t", "kiln.$.v"]
        plc.connection.close()

    async def test_can_be_canceled_and_forgotten(self, station: Station, broker: Broker) -> None:
        station.configure(component(broker))
        station.act()
        await self.start(station, wait=60.0)
        table = station.board.table
        await table["discovery_cancel"](component="Line 1", id="one")
        assert (await table["discovery_one"](component="Line 1", id="one"))["status"] == "Canceled"
        with pytest.raises(DeskError) as again:
            await table["discovery_cancel"](component="Line 1", id="one")
        assert again.value.status == 409
        await table["discovery_delete"](component="Line 1", id="one")
        assert await table["discovery_every"](component="Line 1") == []

    async def test_without_a_server_fails_with_the_reason(self, station: Station, tmp_path: Path) -> None:
        station.configure(component(None))
        station.act()
        await self.start(station)
        one = station.board.table["discovery_one"]
        while (state := await one(component="Line 1", id="one"))["status"] == "Active":
            await asyncio.sleep(0.01)
        assert (state["status"], state["errors"]) == ("Failed", "the component has no data source")

    async def test_is_refused_on_a_node_that_stands_by(self, station: Station, broker: Broker) -> None:
        station.configure(component(broker))
        with pytest.raises(DeskError) as error:
            await self.start(station)
        assert error.value.status == 409
