"""What the desk can be asked, on an active node and on a standby; real parts, a scripted runtime."""

import asyncio

import pytest

from hmi.desk import DeskError
from hmi.history.exchange import HistoryExchange
from hmi.history.writer import HistoryWriter
from hmi.worker.desk import operations
from hmi.worker.desk.operations import Operations
from hmi.worker.gateway_state import GatewayState
from hmi.worker.providers.edge_tags import EdgeTags
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.gateway_tags import GatewayTags
from hmi.worker.providers.image import TagImage
from hmi.worker.providers.tag_book import EdgeTag, TagBook
from hmi.worker.publisher import Publisher
from redundancy.clock import Clock
from redundancy.config import EngineConfig, GatewayConfig, Server, TransmissionConfig, Transmitter
from redundancy.ports import Answer, EdgeView, Outcome
from redundancy.replication.reconciler import Reconciler, Standing
from sparkplug import DataSet, DataType, EdgeNodeId, Metric, Property
from tests.hmi.worker.gateways import node, view

EDGE = EdgeNodeId("Group 1", "Edge 1")
TAG_1 = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"
BIG = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Big"
ONLINE = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Node Info/Online"
OWN = "[default]Setpoint"
LOCKED = TAG_1.replace("Tag 1", "Fixed")
FIXED = {"readOnly": Property(DataType.Boolean, True), "engUnit": Property(DataType.String, "bar")}


class ScriptedRuntime:
    """The runtime as the desk sees it; what it was ordered is kept."""

    loop_lag = 0.001

    def __init__(self):
        self.now, self.ordered, self.grew = view(), [], 0

    def view(self):
        return self.now

    async def write(self, edge, device, name, value):
        self.ordered.append((edge, device, name, value))
        return Outcome(Answer.CONFIRMED)

    def records_grew(self):
        self.grew += 1

    def sample(self, edge, device, metric, stored):
        pass

    async def remember(self, provider, key, body):
        return True


class Station:
    def __init__(self, folder):
        self.runtime, self.image, self.reloads, clock = ScriptedRuntime(), TagImage(), 0, Clock()
        self.history = HistoryWriter(folder / "history.db")
        self.exchange = Reconciler(HistoryExchange(folder / "history.db"), clock, lambda *_: None)
        troubles = {"metric-name": 1, "payload": 1}
        parts = (self.image, self.history.put, lambda: 1_000, lambda *_: None)
        self.engine, self.edges = EngineTags(*parts), EdgeTags(*parts)
        setpoint = EdgeTag(OWN, None, "", "Setpoint", DataType.Double, initial=1.0, writable=True)
        self.edges.load(TagBook.of([setpoint], []))
        self.edges.attach(self.runtime)
        self.tags = GatewayTags(self.image, node(), lambda: 1_000)
        publisher = Publisher("unix:///nowhere", self.image, GatewayState(node()), self.runtime.view, clock)
        self.operations = Operations(
            node(),
            self.runtime,
            self.image,
            self.engine,
            self.edges,
            publisher,
            self.history,
            troubles,
            self.reload,
            self.exchange,
        )
        self.engine.node_born(
            EDGE, "Chariot SCADA", (Metric("Redundancy/State", DataType.String, "Active"),), 900
        )
        metrics = (
            Metric("Tag 1", DataType.Int32, 10, timestamp=900),
            Metric("Big", DataType.Int64, 2**60, timestamp=900),
            Metric("Fixed", DataType.Int32, 1, timestamp=900, properties=FIXED),
        )
        self.engine.device_born(EDGE, "Device 1", metrics, 900)

    async def reload(self):
        self.reloads += 1
        return "v2"

    async def write(self, path, value):
        return (await self.operations.write([{"path": path, "value": value}], "olga"))[0]


@pytest.fixture
def station(tmp_path):
    return Station(tmp_path)


async def test_reading_answers_in_order_with_what_the_contract_names(station):
    answers = await station.operations.read(
        [f"[MQTT Engine]/{TAG_1[13:]}", BIG, "[default]Nowhere", "nonsense"]
    )
    assert answers[0] == {
        "path": f"[MQTT Engine]/{TAG_1[13:]}",
        "value": 10,
        "quality": "Good",
        "timestamp": "1970-01-01T00:00:00.900Z",
        "type": "Int32",
    }
    assert answers[1]["value"] == str(2**60)
    for missing in answers[2:]:
        assert (missing["value"], missing["quality"], missing["timestamp"]) == (None, "NotFound", None)


async def test_browsing_goes_from_the_providers_down_to_the_tags(station):
    providers = await station.operations.browse()
    names = ["MQTT Engine", "MQTT Transmission", "MQTT Adapter", "default", "System"]
    assert [child["name"] for child in providers] == names
    device = await station.operations.browse("[MQTT Engine]/Edge Nodes/Group 1/Edge 1/Device 1/")
    assert {"name": "Tag 1", "path": TAG_1, "kind": "tag", "type": "Int32"} in device
    assert {"kind": "folder", "type": None}.items() <= device[0].items()


@pytest.mark.parametrize(("path", "status"), [("[default]Nowhere", 404), ("nonsense", 400)])
async def test_browsing_what_is_not_there_is_refused(station, path, status):
    with pytest.raises(DeskError) as refusal:
        await station.operations.browse(path)
    assert refusal.value.status == status


async def test_a_write_becomes_an_order_of_the_metrics_type(station):
    assert await station.write(TAG_1, 55) == {"path": TAG_1, "outcome": "confirmed", "detail": "", "old": 10}
    assert (await station.write(BIG, "1152921504606846977"))["outcome"] == "confirmed"
    assert station.runtime.ordered == [(EDGE, "Device 1", "Tag 1", 55), (EDGE, "Device 1", "Big", 2**60 + 1)]


async def test_a_write_to_a_tag_of_the_gateway_itself_goes_to_the_tag(station):
    assert (await station.write(OWN, 7))["outcome"] == "confirmed"
    assert station.image.get(OWN).value == 7.0


@pytest.mark.parametrize(
    ("path", "value", "outcome", "word"),
    [
        ("[default]Nowhere", 1, "failed", "no tag"),
        ("nonsense", 1, "failed", "Provider"),
        (TAG_1, 2**40, "failed", "Int32"),
        (TAG_1, "ten", "failed", "Int32"),
        (ONLINE, True, "refused", "read-only"),
        (LOCKED, 2, "refused", "its edge node says so (property readOnly)"),
        ("[System]Gateway/Redundancy/IsActive", True, "refused", "read-only"),
        ("[MQTT Engine]Edge Nodes/Group 1/Edge 1/Redundancy/State", "Active", "refused", "read-only"),
    ],
)
async def test_a_write_that_cannot_be_says_why(station, path, value, outcome, word):
    came = await station.write(path, value)
    assert came["outcome"] == outcome
    assert word in came["detail"]
    assert station.runtime.ordered == []


async def test_a_page_is_told_what_is_said_of_a_tag_and_whether_it_can_be_written(station):
    asked = [LOCKED, TAG_1, OWN, ONLINE, "nonsense"]
    told = [answer["about"] for answer in await station.operations.read(asked, about=True)]
    assert [each["read_only"] for each in told] == [True, False, False, True, True]
    assert told[0]["unit"] == "bar"
    assert "about" not in (await station.operations.read([TAG_1]))[0]


@pytest.mark.parametrize(
    ("value", "datatype"),
    [
        ((1.5,) * 200_000, DataType.DoubleArray),
        ("x" * 2_000_000, DataType.String),
        (b"x" * 2_000_000, DataType.Bytes),
        (DataSet(("a",), (DataType.String,), (("x" * 100_000,),) * 100), DataType.DataSet),
    ],
)
async def test_a_value_too_large_for_everybody_else_is_not_carried_and_says_why(station, value, datatype):
    station.engine.values(EDGE, "Device 1", (Metric("Huge", datatype, value, timestamp=901),), 901)
    path = TAG_1.replace("Tag 1", "Huge")
    (answer,) = await station.operations.read([path], about=True)
    assert (answer["value"], answer["quality"]) == (None, "Bad")
    assert "too much to be shown" in answer["note"]
    told = await station.operations.watch("web", [path, TAG_1])
    assert told["values"] == {path: [None, "Bad", 901], TAG_1: [10, "Good", 900]}
    assert (await station.write(TAG_1, 5))["outcome"] == "confirmed"


async def test_one_bad_write_leaves_the_others_of_its_call_alone(station):
    writes = [{"path": TAG_1, "value": "ten"}, {"path": BIG, "value": 1}]
    outcomes = await station.operations.write(writes, "olga")
    assert [came["outcome"] for came in outcomes] == ["failed", "confirmed"]


async def test_a_standby_refuses_writes_and_names_the_active_node_and_its_address(station):
    station.runtime.now = view("Standby", peer_state="Active")
    for path in (TAG_1, OWN):
        came = await station.write(path, 5)
        assert came["outcome"] == "refused"
        assert "primary-backup" in came["detail"]
        assert "http://127.0.0.1:25004" in came["detail"]
    assert station.image.get(OWN).value == 1.0


@pytest.mark.parametrize("state", ["Starting", "Candidate", "Fenced", "Draining", "Maintenance"])
async def test_with_nobody_active_the_refusal_says_that(station, state):
    station.runtime.now = view(state, peer_state="Active", peer_connected=False)
    came = await station.write(TAG_1, 5)
    assert came["outcome"] == "refused"
    assert "no node of Primary is known to be active" in came["detail"]


@pytest.mark.parametrize(
    ("before", "after", "outcome"), [("Standby", "Active", "confirmed"), ("Draining", "Standby", "refused")]
)
async def test_a_write_in_the_middle_of_a_planned_switch_waits_for_its_end(station, before, after, outcome):
    station.runtime.now = view(before, peer_state="Active", switch_pending=True)
    writing = asyncio.create_task(station.write(TAG_1, 5))
    await asyncio.sleep(0)
    assert not writing.done()
    station.runtime.now = view(after, peer_state="Active")
    assert (await writing)["outcome"] == outcome


async def test_a_switch_that_does_not_end_keeps_no_write_waiting(station, monkeypatch):
    monkeypatch.setattr(operations, "SWITCH_PATIENCE", 0.02)
    station.runtime.now = view("Draining", peer_connected=False, switch_pending=True)
    assert (await station.write(TAG_1, 5))["outcome"] == "refused"


async def test_a_poke_pushes_records_and_takes_up_the_configuration(station):
    await station.operations.poke()
    assert (station.runtime.grew, station.reloads) == (1, 1)
    await station.operations.poke(reload=False)
    assert (station.runtime.grew, station.reloads) == (2, 1), "audit rows are no configuration"


async def test_watching_too_much_is_refused(station):
    with pytest.raises(DeskError) as refusal:
        await station.operations.watch("web", [f"[default]{n}" for n in range(20_001)])
    assert refusal.value.status == 422


async def test_the_overview_shows_both_nodes_the_servers_and_each_edge_node(station):
    station.runtime.now = view(
        edges={"Group 1/Edge 1": EdgeView(EDGE, True, "Chariot SCADA", "", {"Device 1": True})}
    )
    seen = await station.operations.overview()
    assert [(each["node"], each["role"], each["state"], each["self"]) for each in seen["nodes"]] == [
        ("primary-master", "Master", "Active", True),
        ("primary-backup", "Backup", "Standby", False),
    ]
    assert seen["servers"] == [{"name": "Chariot SCADA", "online": True}]
    edge = seen["edges"][0]
    assert (edge["edge"], edge["online"], edge["server"]) == ("Edge 1", True, "Chariot SCADA")
    assert edge["redundancy"]["state"] == "Active"
    assert edge["redundancy"]["peer_node"] == ""


async def test_metrics_are_numbers_under_names_that_prometheus_takes(station):
    metrics = await station.operations.metrics()
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert all(name.replace("_", "").isalnum() for name in metrics)
    assert metrics["trouble_payload_total"] == 3
    assert metrics["trouble_metric_name_total"] == 1
    assert metrics["troubles_total"] == 4
    assert (metrics["history_equal"], metrics["history_from_peer_total"]) == (-1, 0)


async def test_samples_that_came_from_the_peer_count_as_stored_and_not_as_repeated(station):
    station.history.tally.stored, station.history.tally.duplicates = 100, 7
    station.exchange.standing = Standing(taken=40, here=140, there=150, differing=2, compared=1_000)
    metrics = await station.operations.metrics()
    assert (metrics["history_stored_total"], metrics["history_from_peer_total"]) == (140, 40)
    assert (metrics["history_duplicates_total"], metrics["history_minutes_differing"]) == (7, 2)
    assert metrics["history_equal"] == 0
    station.exchange.standing = Standing(equal_since=1_000, compared=2_000)
    assert (await station.operations.metrics())["history_equal"] == 1


def test_every_operation_of_the_desk_is_there(station):
    named = {
        "read",
        "browse",
        "write",
        "watch",
        "unwatch",
        "overview",
        "poke",
        "metrics",
    }
    assert set(station.operations.table) == named


# -- the node's own tags


def server(name):
    return Server(name, "127.0.0.1", 25010)


def gateway_config(engine=True):
    servers = (server("Chariot SCADA"),)
    transmission = TransmissionConfig("Primary", servers, (Transmitter("Group 1", "Edge 1", ("Device 1",)),))
    return GatewayConfig(
        "G", "v1", EngineConfig("Primary", servers) if engine else None, None if engine else transmission
    )


@pytest.mark.parametrize(
    ("state", "shown", "active"),
    [("Active", "Active", True), ("Standby", "Warm", False), ("Fenced", "Fenced", False)],
)
def test_role_and_level_are_shown_as_the_contract_says(state, shown, active):
    image = TagImage()
    tags = GatewayTags(image, node(), lambda: 1)
    tags.configure(gateway_config())
    tags.gateway(view(state))
    assert image.get("[MQTT Engine]Engine Info/Redundancy State").value == shown
    assert image.get("[MQTT Engine]Engine Info/Redundancy Role").value == "Master"
    system = "[System]Gateway/Redundancy/"
    values = {
        name: image.get(system + name).value for name in ("Role", "ActivityLevel", "IsActive", "IsMaster")
    }
    assert values == {"Role": "Master", "ActivityLevel": shown, "IsActive": active, "IsMaster": True}


def test_an_edge_gateway_shows_its_transmitters_before_they_ever_connected():
    image = TagImage()
    tags = GatewayTags(image, node(), lambda: 1)
    tags.configure(gateway_config(engine=False))
    online = "[MQTT Transmission]Transmission Info/MQTT Clients/Group 1-Edge 1/Online"
    assert image.get(online).value is False
    assert image.get("[MQTT Transmission]Transmission Info/Redundancy State").value == "Starting"
    assert image.get("[MQTT Engine]Engine Info/Redundancy State") is None
    tags.transmitter("Group 1", "Edge 1", True)
    tags.configure(gateway_config(engine=False))
    assert image.get(online).value is True
    tags.configure(gateway_config())
    assert image.get(online) is None


def test_a_tag_of_the_node_keeps_the_time_of_its_last_change():
    image, now = TagImage(), [1]
    tags = GatewayTags(image, node(), lambda: now[0])
    tags.gateway(view("Active"))
    now[0] = 2
    tags.gateway(view("Active"))
    assert image.get("[System]Gateway/Redundancy/IsActive").timestamp == 1
