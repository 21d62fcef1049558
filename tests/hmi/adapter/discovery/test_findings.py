"""What a discovery makes of messages: places, types, times, and limits for whoever sends too much."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hmi.adapter.discovery import findings
from hmi.adapter.discovery.findings import Findings, concerns
from hmi.adapter.facets import catalogue, verbs
from sparkplug import DataType, EdgeNodeId, Metric

EDGE = EdgeNodeId("G", "E")


def look(*payloads: object, topic: str = "plant/kiln") -> dict[str, tuple[str, str | None, str | None]]:
    found = Findings("MQTT", {})
    for payload in payloads:
        found.message(topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return {
        entry["valueField"]: (entry["dataType"], entry["indexField"], entry["indexFormat"])
        for entry in found.entries()
    }


def test_every_value_of_a_payload_is_found_with_its_type() -> None:
    found = look(
        {"t": 20.5, "n": 3, "on": True, "mode": "auto", "Füll stand": 1, "inner": {"list": [{"v": 1}]}}
    )
    assert {path: kind for path, (kind, _, _) in found.items()} == {
        "$.t": "Float64",
        "$.n": "Int64",
        "$.on": "Boolean",
        "$.mode": "String",
        '$["Füll stand"]': "Int64",
        "$.inner.list[0].v": "Int64",
    }


def test_a_payload_that_is_one_value_is_found_as_a_whole() -> None:
    assert look(b"20.5") == {"$": ("Float64", None, "Adapter")}
    assert look(b"ON") == {"$": ("String", None, "Adapter")}
    assert look(b"\xff\x00") == {}


def test_the_type_holds_all_that_was_seen() -> None:
    assert look({"v": 1}, {"v": 1.5}, {"v": None})["$.v"][0] == "Float64"
    assert look({"v": 1}, {"v": "one"})["$.v"][0] == "String"
    assert look({"v": 2**64 - 1})["$.v"][0] == "UInt64"
    assert look({"v": None})["$.v"][0] == "String"


def test_a_field_that_looks_like_a_time_is_proposed_for_those_beside_and_below_it() -> None:
    found = look({"timestamp": "2026-11-21T01:02:03Z", "v": 1, "inner": {"w": 2}})
    assert found["$.v"] == ("Int64", "$.timestamp", None)
    assert found["$.inner.w"] == ("Int64", "$.timestamp", None)
    assert found["$.timestamp"] == ("String", None, "Adapter")
    assert look({"ts": 1_790_000_000, "v": 1})["$.v"][1:] == ("$.ts", "UnixTimeSeconds")
    assert look({"ts": 1_790_000_000_000, "v": 1})["$.v"][1:] == ("$.ts", "UnixTimeMilliseconds")
    assert look({"t": 20.5, "v": 1})["$.v"][1:] == (None, "Adapter")


def test_entries_are_what_the_selection_takes_as_they_are() -> None:
    found = Findings("MQTT", {"defaultStreamIdPattern": "{Topic}"})
    found.message("a/b", b'{"x": 1, "y": 2}')
    found.message("A/b", b"5")
    kind = catalogue.facet_of("MQTT", "dataSelection")
    assert kind is not None
    entries = found.entries()
    assert [verbs.read(kind, entry, {}) for entry in entries] == entries
    assert [entry["streamId"] for entry in entries] == ["A/b", "a/b (2)", "a/b (3)"]


def test_metrics_of_sparkplug_are_found_by_edge_node_and_device() -> None:
    found = Findings("MQTTSparkplugB", {})
    single, table = Metric("Speed", DataType.Int16, 5), Metric("T", DataType.DataSet, None)
    found.metrics(EDGE, "D", (single, table))
    found.metrics(EDGE, None, (single,))
    assert [(entry["topic"], entry["metricName"]) for entry in found.entries()] == [
        ("spBv1.0/G/DDATA/E/D", "Speed"),
        ("spBv1.0/G/NDATA/E", "Speed"),
    ]


def test_a_query_means_sparkplug_topics_in_short_and_in_full() -> None:
    for asked in ("#", "G/E/D", "G/#", "+/E/+", "spBv1.0/G/DDATA/E/D", "spBv1.0/G/#"):
        assert concerns([asked], EDGE, "D"), asked
    for asked in ("G/E", "F/#", "spBv1.0/G/NDATA/E", "g/e/d"):
        assert not concerns([asked], EDGE, "D"), asked


def test_somebody_who_sends_too_much_fills_no_memory(monkeypatch) -> None:
    monkeypatch.setattr(findings, "MOST_TOPICS", 10)
    monkeypatch.setattr(findings, "MOST_FIELDS", 20)
    found = Findings("MQTT", {})
    for number in range(15):
        found.message(f"t{number}", json.dumps({f"f{n}": n for n in range(25)}).encode())
    assert len(found) == 200
    assert found.left_out == 15
    assert len(look({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": 1}}}}}}}}}})) == 0


@given(st.text(max_size=10), st.binary(max_size=60))
@settings(max_examples=80)
def test_nothing_that_is_sent_raises(topic: str, payload: bytes) -> None:
    found = Findings("MQTT", {})
    found.message(topic, payload)
    found.entries()


def test_a_topic_that_can_be_no_stream_keeps_nobody_from_selecting_the_rest() -> None:
    found = Findings(catalogue.MQTT, {})
    for topic in ("a" * 1500, "x/" * 300, " ", "bell\x07"):
        found.message(topic, b"1")
    found.message("mill", b'{"speed": 7, "' + b"k" * 1200 + b'": 1}')
    assert [entry["streamId"] for entry in found.entries()] == ["mill.$.speed"]
