"""The tags of a gateway's own edge nodes: births, remembered writes, counters, the pair's metrics."""

import asyncio
import dataclasses
import math

import orjson
import pytest

from hmi.tags.value import Quality
from hmi.worker.providers.edge_tags import PROVIDER, EdgeTags
from hmi.worker.providers.image import TagImage
from hmi.worker.providers.tag_book import COUNTER, MEMORY, EdgeTag, TagBook
from redundancy.config import Transmitter
from redundancy.core.view import PeerView
from redundancy.ports import Answer, GatewayView
from redundancy.replication.records import MemoryStore, Record
from sparkplug import DataSet, DataType, EdgeNodeId, Metric, Property

EDGE = EdgeNodeId("Group 1", "Edge 1")
DEVICE = "[default]Edge Nodes/Group 1/Edge 1/Device 1"
TRANSMITTER = Transmitter("Group 1", "Edge 1", ("Device 1", "Spare"))
TAG_1 = EdgeTag(
    f"{DEVICE}/Tag 1",
    EDGE,
    "Device 1",
    "Tag 1",
    DataType.Int32,
    MEMORY,
    initial=10,
    writable=True,
    stored=True,
)
COUNT = EdgeTag(f"{DEVICE}/Counter", EDGE, "Device 1", "Counter", DataType.Int64, COUNTER, stored=True)
READ_ONLY = {"readOnly": Property(DataType.Boolean, True)}
LOCAL = EdgeTag("[default]Note", None, "", "Note", DataType.String, initial="", writable=True)


class Recorder:
    """The runtime as these tags see it, over a real record store."""

    def __init__(self):
        self.samples, self.store, self.peer_answers = [], MemoryStore(), True

    def sample(self, edge, device, metric, stored):
        self.samples.append((edge, device, metric.name, metric.value, metric.timestamp, stored))

    async def remember(self, provider, key, body):
        await asyncio.sleep(0)
        self.store.append(provider, key, body, 1)
        return self.peer_answers


class Fixture:
    def __init__(self, remembered=None, wall=1_700_000_000_050):
        self.wall, self.history, self.troubles = wall, [], []
        self.image, self.runtime = TagImage(), Recorder()
        self.tags = EdgeTags(
            self.image,
            self.history.append,
            lambda: self.wall,
            lambda kind, detail: self.troubles.append(kind),
        )
        self.tags.remember(remembered or {})
        self.reshaped = self.load([TAG_1, COUNT, LOCAL], [TRANSMITTER])
        self.tags.attach(self.runtime)

    def load(self, tags, transmitters):
        return self.tags.load(TagBook.of(tags, transmitters))

    def value(self, tag):
        return self.image.get(tag.path).value


@pytest.fixture
def edge():
    return Fixture()


def view(state="Active", epoch=3, peer=None):
    return GatewayView(
        "Edge 1",
        "edge1-master",
        "Master",
        state,
        epoch,
        "",
        0.0,
        1.0,
        "",
        peer,
        None,
        "safety",
        False,
        (),
        {},
        "",
        0,
        {},
        {},
    )


def test_births_carry_every_tag_with_its_value_and_time_and_devices_without_tags(edge):
    node, devices = edge.tags.births(EDGE)
    assert node == ()
    assert set(devices) == {"Device 1", "Spare"}
    assert devices["Spare"] == ()
    assert devices["Device 1"] == (
        Metric("Tag 1", DataType.Int32, 10, timestamp=edge.wall),
        Metric("Counter", DataType.Int64, 17_000_000_000, timestamp=1_700_000_000_000, properties=READ_ONLY),
    )


def test_births_say_unit_limits_description_and_what_cannot_be_written(edge):
    told = dataclasses.replace(TAG_1, unit="bar", low=0.0, high=16.0, description="At the outlet")
    assert edge.load([told, COUNT], [TRANSMITTER])
    tag_1, counter = edge.tags.births(EDGE)[1]["Device 1"]
    assert {name: entry.value for name, entry in tag_1.properties.items()} == {
        "engUnit": "bar",
        "engLow": 0.0,
        "engHigh": 16.0,
        "documentation": "At the outlet",
    }
    assert counter.properties == READ_ONLY
    assert edge.image.about(TAG_1.path).unit == "bar"


def test_what_is_said_of_a_tag_is_said_again_when_it_changes(edge):
    assert not edge.load([TAG_1, COUNT, LOCAL], [TRANSMITTER])
    locked = dataclasses.replace(TAG_1, writable=False)
    assert edge.load([locked, COUNT, LOCAL], [TRANSMITTER])
    assert edge.image.about(TAG_1.path).read_only
    assert edge.value(TAG_1) == 10


@pytest.mark.parametrize(
    ("datatype", "value", "held"),
    [
        (DataType.Int16Array, [1, -2], (1, -2)),
        (DataType.UInt64Array, [str(2**64 - 1)], (2**64 - 1,)),
        (DataType.Bytes, "AP8=", b"\x00\xff"),
        (
            DataType.DataSet,
            {"columns": ["a"], "types": ["Int8"], "rows": [[1], [None]]},
            DataSet(("a",), (DataType.Int8,), ((1,), (None,))),
        ),
    ],
)
async def test_a_tag_may_hold_a_list_a_table_or_bytes_and_finds_them_again(edge, datatype, value, held):
    tag = EdgeTag("[default]T", None, "", "T", datatype, writable=True)
    edge.load([tag], [TRANSMITTER])
    assert (await edge.tags.write(tag.path, value)).outcome is Answer.CONFIRMED
    assert edge.value(tag) == held
    recorded = {record.key: record.body for record in edge.runtime.store.latest(PROVIDER)}
    again = Fixture(recorded)
    again.load([tag], [TRANSMITTER])
    assert again.value(tag) == held


async def test_limits_hold_for_each_element_of_a_list(edge):
    tag = EdgeTag("[default]T", None, "", "T", DataType.DoubleArray, writable=True, low=0.0, high=10.0)
    edge.load([tag], [TRANSMITTER])
    came = await edge.tags.write(tag.path, [1, 11.5])
    assert came.outcome is Answer.REFUSED
    assert "element 1" in came.detail
    assert "above the high limit 10" in came.detail


def test_an_edge_node_that_is_not_ours_has_nothing_to_say(edge):
    assert edge.tags.births(EdgeNodeId("Group 1", "Foreign")) == ((), {})


async def test_a_command_sets_the_tag_records_it_with_the_peer_and_echoes_it(edge):
    await edge.tags.command(EDGE, "Device 1", (Metric("Tag 1", DataType.Int32, 55),))
    assert edge.value(TAG_1) == 55
    assert edge.runtime.samples == [(EDGE, "Device 1", "Tag 1", 55, edge.wall + 1, True)]
    body = orjson.loads(edge.runtime.store.latest(PROVIDER)[0].body)
    assert body == {"value": 55, "timestamp": edge.wall + 1}


async def test_the_value_is_on_record_before_anybody_sees_it(edge):
    seen_when_recorded = []
    remember = edge.runtime.remember

    async def watching(provider, key, body):
        seen_when_recorded.append((edge.value(TAG_1), list(edge.runtime.samples)))
        return await remember(provider, key, body)

    edge.runtime.remember = watching
    await edge.tags.write(TAG_1.path, 55)
    assert seen_when_recorded == [(10, [])]


async def test_writes_at_the_same_time_end_with_record_and_value_agreeing(edge):
    await asyncio.gather(*(edge.tags.write(TAG_1.path, value) for value in range(20)))
    body = orjson.loads(edge.runtime.store.latest(PROVIDER)[0].body)
    assert body["value"] == edge.value(TAG_1)
    times = [sample[4] for sample in edge.runtime.samples]
    assert times == sorted(set(times))


async def test_a_confirmed_write_says_when_the_peer_does_not_have_it(edge):
    assert (await edge.tags.write(TAG_1.path, 1)).detail == ""
    edge.runtime.peer_answers = False
    outcome = await edge.tags.write(TAG_1.path, 2)
    assert outcome.outcome is Answer.CONFIRMED
    assert "peer" in outcome.detail


def test_a_remembered_value_survives_a_restart_of_both_nodes():
    edge = Fixture({TAG_1.path: b'{"value":55,"timestamp":1234}'})
    assert (edge.value(TAG_1), edge.image.get(TAG_1.path).timestamp) == (55, 1_234)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"value":"x","timestamp":1}', b'{"value":1}', b'{"value":99999999999,"timestamp":1}'],
)
def test_a_record_that_makes_no_sense_is_counted_and_the_initial_value_stands(body):
    edge = Fixture({TAG_1.path: body})
    assert edge.value(TAG_1) == 10
    assert edge.troubles == ["tag-value"]


def test_a_value_written_on_the_other_node_arrives_here(edge):
    record = Record(PROVIDER, TAG_1.path, 1, 1, "peer", b'{"value":77,"timestamp":1700000000100}')
    other = Record("audit", "x", 1, 1, "peer", b"{}")
    unknown = Record(PROVIDER, "[default]Gone", 1, 2, "peer", b'{"value":1,"timestamp":1}')
    edge.tags.apply([record, other, unknown])
    assert edge.value(TAG_1) == 77
    assert edge.runtime.samples[-1][3:] == (77, 1_700_000_000_100, True)
    assert [sample.timestamp for sample in edge.history][-1] == 1_700_000_000_100


@pytest.mark.parametrize(
    ("tag", "value", "outcome", "word"),
    [
        (TAG_1, "text", Answer.FAILED, "Int32"),
        (TAG_1, 2**31, Answer.FAILED, "range"),
        (TAG_1, None, Answer.FAILED, "Int32"),
        (TAG_1, True, Answer.FAILED, "Int32"),
        (COUNT, 1, Answer.REFUSED, "read-only"),
    ],
)
async def test_a_write_that_cannot_be_is_refused_with_the_reason(edge, tag, value, outcome, word):
    before = edge.value(tag)
    came = await edge.tags.write(tag.path, value)
    assert came.outcome is outcome
    assert word in came.detail
    assert edge.value(tag) == before
    assert edge.runtime.store.latest(PROVIDER) == []


@pytest.mark.parametrize("command", [True, False])
@pytest.mark.parametrize(
    ("value", "word"), [(-1000.5, "below the low limit -1000"), (1001.0, "above the high"), (math.nan, "low")]
)
async def test_a_value_outside_the_limits_is_taken_from_nobody(edge, value, word, command):
    level = EdgeTag(f"{DEVICE}/Level", EDGE, "Device 1", "Level", DataType.Double, initial=1.5, writable=True)
    edge.load([dataclasses.replace(level, low=-1000.0, high=1000.0)], [])
    if command:
        await edge.tags.command(EDGE, "Device 1", (Metric("Level", DataType.Double, value),))
        assert edge.troubles == ["command"]
    else:
        outcome = await edge.tags.write(level.path, "NaN" if math.isnan(value) else value)
        assert outcome.outcome is Answer.REFUSED
        assert word in outcome.detail
    assert edge.value(level) == 1.5
    assert (await edge.tags.write(level.path, 1000.0)).outcome is Answer.CONFIRMED


async def test_commands_for_what_is_not_there_or_read_only_are_counted(edge):
    await edge.tags.command(
        EDGE, "Device 1", (Metric("Nothing", DataType.Int32, 1), Metric("Counter", DataType.Int64, 1))
    )
    await edge.tags.command(EDGE, None, (Metric("Tag 1", DataType.Int32, 1),))
    assert edge.troubles == ["command"] * 3
    assert edge.value(TAG_1) == 10


async def test_a_tag_without_an_edge_node_is_written_and_published_nowhere(edge):
    assert (await edge.tags.write(LOCAL.path, "hello")).outcome is Answer.CONFIRMED
    assert edge.value(LOCAL) == "hello"
    assert edge.runtime.samples == []


def test_a_counter_is_the_wall_clock_in_tenths_at_the_instant_it_was_due(edge):
    edge.tags.sample_counters(1_700_000_000_100, 100)
    edge.tags.sample_counters(1_700_000_000_200, 100)
    assert [sample[3:] for sample in edge.runtime.samples] == [
        (17_000_000_001, 1_700_000_000_100, True),
        (17_000_000_002, 1_700_000_000_200, True),
    ]
    stored = [(sample.timestamp, sample.value) for sample in edge.history if sample.path == COUNT.path]
    assert stored[-1] == (1_700_000_000_200, 17_000_000_002)
    assert edge.tags.periods == {100}


def test_both_nodes_of_a_pair_take_the_same_samples():
    master, backup = Fixture(wall=1_700_000_000_010), Fixture(wall=1_700_000_000_090)
    for node in (master, backup):
        node.tags.sample_counters(1_700_000_000_100, 100)
    assert master.runtime.samples == backup.runtime.samples


def test_the_pair_is_published_as_node_metrics_on_change_only(edge):
    peer = PeerView("edge1-backup", True, "Standby", 3, 0.0, "", True)
    edge.tags.redundancy(view(peer=peer))
    first = {sample[2]: sample[3] for sample in edge.runtime.samples}
    assert first == {
        "Redundancy/Node": "edge1-master",
        "Redundancy/Role": "Master",
        "Redundancy/State": "Active",
        "Redundancy/Epoch": 3,
        "Redundancy/Peer Node": "edge1-backup",
        "Redundancy/Peer State": "Standby",
    }
    edge.runtime.samples.clear()
    edge.tags.redundancy(view(peer=peer))
    assert edge.runtime.samples == []
    edge.tags.redundancy(view(peer=PeerView("edge1-backup", False, "Standby", 3, 0.0, "", True)))
    assert edge.runtime.samples[0][1:4] == (None, "Redundancy/Peer State", "Disconnected")
    assert len(edge.tags.births(EDGE)[0]) == 6


def test_a_reload_keeps_values_and_says_whether_the_births_changed(edge):
    assert edge.reshaped
    edge.image.put(TAG_1.path, 42, 1, "Int32")
    assert not edge.load([TAG_1, COUNT, LOCAL], [TRANSMITTER])
    assert edge.value(TAG_1) == 42
    more = EdgeTag(f"{DEVICE}/Tag 2", EDGE, "Device 1", "Tag 2", DataType.Double, initial=1.5)
    assert edge.load([TAG_1, more], [TRANSMITTER])
    assert edge.value(more) == 1.5
    assert edge.image.get(COUNT.path) is None
    assert not edge.tags.knows(COUNT.path)
    assert edge.runtime.samples == []


def test_a_tag_of_another_type_starts_over_from_its_initial_value(edge):
    changed = EdgeTag(TAG_1.path, EDGE, "Device 1", "Tag 1", DataType.String, initial="ten", writable=True)
    assert edge.load([changed], [TRANSMITTER])
    assert edge.value(changed) == "ten"
    assert edge.image.get(changed.path).quality is Quality.GOOD


async def test_thousands_of_new_tags_do_not_hold_the_loop(edge):
    names = [f"{DEVICE}/T{number}" for number in range(5000)]
    many = [EdgeTag(name, EDGE, "Device 1", name[-5:], DataType.Int32, initial=1) for name in names]
    book = TagBook.of([TAG_1, *many], [TRANSMITTER])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while edge.tags.book is not book:
            turns += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(others())
    assert await edge.tags.take_up(book, book.since(edge.tags.book))
    await ticking
    assert turns >= 4
    assert all(edge.image.get(name).value == 1 for name in names)
    assert edge.image.get(COUNT.path) is None
