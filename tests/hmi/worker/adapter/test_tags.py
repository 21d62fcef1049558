"""What components take in becomes tags: live, in history, stale when nobody vouches for them any more."""

import json
from typing import Any

import pytest

from hmi.adapter.facets import streams
from hmi.adapter.selection import choice
from hmi.adapter.selection.choice import Choice
from hmi.adapter.selection.data_filters import DataFilter
from hmi.adapter.selection.selections import Selection
from hmi.tags.value import Quality
from hmi.worker.adapter.tags import ComponentTags
from hmi.worker.providers.image import TagImage
from sparkplug import DataType, EdgeNodeId, Metric

FOLDER = "[MQTT Adapter]Line 1"
EDGE = EdgeNodeId("G", "E")
NOW = 1_790_000_000_000


class Line:
    def __init__(self) -> None:
        self.image, self.history, self.troubles = TagImage(), [], []
        self.tags = ComponentTags(
            "Line 1",
            self.image,
            self.history.append,
            lambda: NOW,
            lambda kind, why: self.troubles.append(why),
        )

    def select(self, *selections: Selection, **faults: str) -> None:
        self.tags.configure(Choice(selections), faults)

    def send(self, payload: object, topic: str = "kiln", at: int = NOW) -> None:
        self.tags.message(topic, json.dumps(payload).encode(), at)

    def value(self, stream: str) -> Any:
        tag = self.image.get(f"{FOLDER}/{stream}")
        return None if tag is None else (tag.value, tag.quality, tag.timestamp)

    def kept(self, stream: str) -> list[tuple[object, int]]:
        return [(s.value, s.timestamp) for s in self.history if s.path == f"{FOLDER}/{stream}"]


def stream(name: str = "kiln/temperature", band: float | None = None, **item: Any) -> Selection:
    entry = {"topic": "kiln", "dataType": "Float64", "valueField": "$.t", "streamId": name, **item}
    kept = streams.Selection.model_validate(entry).kept()
    limit = {"id": "f", "absoluteDeadband": band, "percentChange": None, "expirationPeriod": None}
    return Selection.of(kept, None if band is None else limit)


def metric_stream() -> Selection:
    item = {"topic": "spBv1.0/G/DDATA/E/D", "metricName": "Speed", "streamId": "speed"}
    return Selection.of(streams.SparkplugSelection.model_validate(item).kept())


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_selected_stream_is_there_stale_and_empty_until_a_value_comes(line: Line) -> None:
    line.select(stream(name="kiln/temperature"))
    assert line.value("kiln/temperature") == (None, Quality.STALE, NOW)
    line.send({"t": 900}, at=NOW + 5)
    assert line.value("kiln/temperature") == (900.0, Quality.GOOD, NOW + 5)
    assert line.kept("kiln/temperature") == [(900.0, NOW + 5)]
    assert [child.name for child in line.image.browse(f"{FOLDER}/kiln") or ()] == ["temperature"]


def test_a_name_is_said_of_the_tag_and_nobody_may_write_it(line: Line) -> None:
    selection = streams.Selection.model_validate(
        {"topic": "kiln", "dataType": "String", "valueField": "$", "streamId": "s", "name": "Main burner"}
    )
    line.select(Selection.of(selection.kept()))
    about = line.image.about(f"{FOLDER}/s")
    assert (about.documentation, about.read_only) == ("Main burner", True)


def test_the_last_value_stays_and_turns_stale(line: Line) -> None:
    line.select(stream())
    line.send({"t": 900})
    line.tags.stale(NOW + 10)
    assert line.value("kiln/temperature") == (900.0, Quality.STALE, NOW + 10)
    line.send({"t": 900}, at=NOW + 20)
    assert line.value("kiln/temperature") == (900.0, Quality.GOOD, NOW + 20)


def test_what_arrives_within_a_millisecond_is_kept_apart(line: Line) -> None:
    line.select(stream())
    for value in (1, 2, 3):
        line.send({"t": value})
    line.send({"t": 4}, at=NOW - 5)
    assert line.kept("kiln/temperature") == [(1.0, NOW), (2.0, NOW + 1), (3.0, NOW + 2), (4.0, NOW + 3)]


def test_of_a_batch_all_are_kept_and_the_youngest_is_shown(line: Line) -> None:
    line.select(stream(valueField="$[*].t", indexField="$[*].at", indexFormat="UnixTimeMilliseconds"))
    line.send([{"t": 3, "at": NOW + 3}, {"t": 1, "at": NOW + 1}])
    assert line.kept("kiln/temperature") == [(3.0, NOW + 3), (1.0, NOW + 1)]
    assert line.value("kiln/temperature") == (3.0, Quality.GOOD, NOW + 3)


def test_a_filtered_value_is_neither_shown_nor_kept_unless_it_ends_a_silence(line: Line) -> None:
    line.select(stream(band=10.0))
    for number, value in enumerate((900, 905, 911)):
        line.send({"t": value}, at=NOW + number)
    assert line.kept("kiln/temperature") == [(900.0, NOW), (911.0, NOW + 2)]
    assert line.tags.intake.filtered == 1
    line.tags.stale(NOW + 10)
    line.send({"t": 911}, at=NOW + 20)
    assert line.value("kiln/temperature") == (911.0, Quality.GOOD, NOW + 20)


def test_what_cannot_be_used_is_counted_with_its_reason_and_changes_nothing(line: Line) -> None:
    line.select(stream())
    line.send({"t": 900})
    line.send({"t": "hot"})
    line.send("no object")
    fault = line.tags.intake.faults["kiln/temperature"]
    assert (fault.times, fault.reason) == (2, "the payload has no $.t")
    assert line.value("kiln/temperature") == (900.0, Quality.GOOD, NOW)
    assert "Line 1, stream kiln/temperature" in line.troubles[0]


def test_a_stream_that_would_stand_in_the_way_of_another_or_of_the_node_has_no_tag(line: Line) -> None:
    line.select(stream("Status"), stream("Servers/one/Connected"), stream("a/b"), stream("a//b"))
    line.send({"t": 1})
    assert line.value("Status") is None
    assert line.value("a/b") == (1.0, Quality.GOOD, NOW)
    assert set(line.tags.intake.faults) == {"Status", "Servers/one/Connected", "a//b"}
    assert "is the stream a/b already" in line.tags.intake.faults["a//b"].reason


def test_another_selection_leaves_streams_alone_that_stay(line: Line) -> None:
    line.select(stream("stays"), stream("goes"), stream("changes"))
    line.send({"t": 1})
    line.select(
        stream("stays", band=5.0), stream("changes", valueField="$.t", dataType="String"), stream("new")
    )
    assert line.value("stays") == (1.0, Quality.GOOD, NOW)
    assert line.value("goes") is None
    assert line.value("changes") == (None, Quality.STALE, NOW)
    assert line.value("new") == (None, Quality.STALE, NOW)
    line.send({"t": 2})
    assert line.value("stays")[0] == 1.0  # the new dead band holds at once
    line.tags.close()
    assert line.image.browse("[MQTT Adapter]") == []


def test_a_selection_of_no_use_is_told_from_the_beginning(line: Line) -> None:
    line.select(stream(), broken="valueField: is no JSON path")
    assert line.tags.intake.faults["broken"] == (1, "valueField: is no JSON path")


def test_topics_that_match_wildcards_become_streams_until_somebody_overdoes_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "MOST_TOPICS", 50)
    line.select(stream("+.value", topic="+"))
    assert line.image.browse("[MQTT Adapter]") == []
    for number in range(53):
        line.tags.message(f"m{number}", b'{"t": 1}', NOW)
    assert line.value("m5.value") == (1.0, Quality.GOOD, NOW)
    assert line.tags.intake.events == 50
    assert len(line.tags.intake.faults) == 3
    line.tags.close()
    assert len(line.image) == 0


def test_a_sparkplug_stream_turns_stale_with_its_device_or_edge_node(line: Line) -> None:
    line.select(metric_stream())
    line.tags.metrics(EDGE, "D", (Metric("Speed", DataType.Int16, 5, timestamp=NOW - 9),), NOW)
    assert line.value("speed") == (5, Quality.GOOD, NOW - 9)
    line.tags.source_stale(EDGE, "Other", NOW)
    line.tags.source_stale(EdgeNodeId("G", "E2"), None, NOW)
    assert line.value("speed")[1] is Quality.GOOD
    line.tags.source_stale(EDGE, "D", NOW)
    assert line.value("speed") == (5, Quality.STALE, NOW)
    line.tags.metrics(EDGE, "D", (Metric("Speed", DataType.Int16, 6, timestamp=NOW),), NOW)
    line.tags.source_stale(EDGE, None, NOW + 1)
    assert line.value("speed") == (6, Quality.STALE, NOW + 1)


def test_a_dead_band_needs_numbers_only_where_numbers_are(line: Line) -> None:
    line.select(stream(band=1.0, dataType="String"))
    for at, value in enumerate(("on", "on", "off")):
        line.send({"t": value}, at=NOW + at)
    assert line.kept("kiln/temperature") == [("on", NOW), ("off", NOW + 2)]
    assert DataFilter(absolute=1.0).passes(None, "on", NOW)
