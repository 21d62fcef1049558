"""What a payload becomes: values, times and streams; and that no payload at all can do harm."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmi.adapter.facets import streams
from hmi.adapter.selection import choice as limits
from hmi.adapter.selection import json_paths, stamps
from hmi.adapter.selection.choice import Choice
from hmi.adapter.selection.data_filters import DataFilter, Passed
from hmi.adapter.selection.selections import LARGEST, Payload, Selection, Taken, events, selections
from sparkplug import DataType, EdgeNodeId, Metric

NOW = 1_790_000_000_000
TYPES = [name for name in streams.TYPES if name not in ("Geolocation", "Coordinates")]


def selected(**item: Any) -> Selection:
    source = {name: item.pop(name) for name in ("prefix", "time_zone") if name in item}
    entry = {"topic": "plant/temperature", "valueField": "$.value", "dataType": "Float64", **item}
    if "dataFields" in item:
        del entry["valueField"]
    kept = streams.Selection.model_validate(entry).kept()
    kept["streamId"] = kept["streamId"] or streams.default_stream_id(kept, "{Topic}.{ValueField}")
    return Selection.of(kept, **source)


def taken(selection: Selection, payload: object, topic: str = "plant/temperature") -> Taken:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return events(selection, topic, Payload(raw), NOW)


def values(selection: Selection, payload: object) -> list[object]:
    found = taken(selection, payload)
    assert not found.unusable
    return [event.value for event in found.events]


def reason(selection: Selection, payload: object) -> str:
    found = taken(selection, payload)
    assert not found.events
    (unusable,) = found.unusable
    return unusable.reason


def at(*moment: int, zone: Any = UTC) -> int:
    return int(datetime(*moment, tzinfo=zone).timestamp() * 1000)  # type: ignore[misc, arg-type]


class TestValues:
    def test_a_value_is_found_by_its_path_and_arrives_when_it_arrives(self) -> None:
        (event,) = taken(selected(), {"value": 21.5, "unit": "°C"}).events
        assert event == ("plant/temperature.$.value", 21.5, NOW, DataType.Double)

    @pytest.mark.parametrize(
        ("kind", "raw", "value"),
        [
            ("Int16", 5, 5),
            ("Int16", "-5", -5),
            ("Int32", 5.0, 5),
            ("Int32", True, 1),
            ("Int64", "9223372036854775807", 2**63 - 1),
            ("UInt64", 2**64 - 1, 2**64 - 1),
            ("Float32", 0.1, 0.10000000149011612),
            ("Single", 1, 1.0),
            ("Float64", "1e3", 1000.0),
            ("Float64", "-Infinity", float("-inf")),
            ("Boolean", 1, True),
            ("Boolean", "False", False),
            ("String", "text", "text"),
            ("String", 5, "5"),
            ("String", {"a": [1]}, '{"a":[1]}'),
            ("Date-Time", "2026-11-21T01:02:03Z", at(2026, 11, 21, 1, 2, 3)),
            ("Float64", None, None),
        ],
    )
    def test_is_converted(self, kind: str, raw: object, value: object) -> None:
        (found,) = values(selected(dataType=kind), {"value": raw})
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("kind", "raw", "why"),
        [
            ("Int16", 32768, "out of range"),
            ("UInt16", -1, "out of range"),
            ("Int32", 5.5, "fraction"),
            ("Int32", "5.5", "5.5"),
            ("Int64", "1_000", "1_000"),
            ("Int64", 10**30, "out of range"),
            ("Float32", 1e39, "out of range"),
            ("Float64", "warm", "warm"),
            ("Float64", [1], "list"),
            ("Boolean", 2, "2"),
            ("Boolean", "on", "on"),
            ("Date-Time", 5, "no text"),
            ("Date-Time", "yesterday", "ISO 8601"),
            ("Date-Time", "1969-12-31T23:59:59Z", "1970"),
        ],
    )
    def test_that_does_not_fit_is_refused_with_a_reason(self, kind: str, raw: object, why: str) -> None:
        assert why in reason(selected(dataType=kind), {"value": raw})

    def test_of_a_payload_that_is_no_json_are_none_unless_the_whole_of_it_is_meant(self) -> None:
        assert reason(selected(), b"21.5 C") == "the payload is no JSON"
        assert values(selected(valueField="$"), b"21.5") == [21.5]
        assert values(selected(valueField="$", dataType="String"), b"ON") == ["ON"]
        assert values(selected(valueField="$", dataType="String"), b"007") == ["007"]
        assert values(selected(valueField="$", dataType="Boolean"), b"true") == [True]
        assert "text" in reason(selected(valueField="$", dataType="String"), b"\xff\xfe")

    def test_that_are_missing_too_large_or_too_deep_have_reasons(self) -> None:
        assert reason(selected(), {"other": 1}) == "the payload has no $.value"
        assert str(LARGEST) in reason(selected(), b" " * (LARGEST + 1))
        assert "bytes" in reason(selected(valueField="$..value"), b'{"value":1}' + b" " * 70_000)
        assert reason(selected(), b"[" * 5000 + b"]" * 5000) == "the payload is no JSON"

    def test_of_a_place_are_streams_of_their_own(self) -> None:
        place = {"Latitude": "$.lat", "longitude": "$.lon"}
        selection = selected(dataFields=place, dataType="Geolocation", streamId="truck")
        found = taken(selection, {"lat": 48.1, "lon": "11.6"})
        assert [(event.stream, event.value) for event in found.events] == [
            ("truck/Latitude", 48.1),
            ("truck/Longitude", 11.6),
        ]
        assert "90 degrees" in reason(selection, {"lat": 91, "lon": 11.6})
        assert "$.lon" in reason(selection, {"lat": 1})


class TestTimes:
    @pytest.mark.parametrize(
        ("form", "raw", "wanted"),
        [
            (None, "2026-11-21T01:02:03.1234567Z", at(2026, 11, 21, 1, 2, 3) + 123),
            (None, "2026-11-21T01:02:03", at(2026, 11, 21, 1, 2, 3, zone=ZoneInfo("Europe/Berlin"))),
            (None, "20261121T010203+0530", at(2026, 11, 20, 19, 32, 3)),
            ("UnixTimeSeconds", 1_790_000_000.123, NOW + 123),
            ("unixtimeseconds", "1790000000", NOW),
            ("UnixTimeMilliseconds", NOW + 5, NOW + 5),
            ("dd.MM.yyyy HH:mm:ss", "21.11.2026 01:02:03", at(2026, 11, 21, 0, 2, 3)),
            ("M/d/yyyy h:mm:ss tt", "7/4/2026 9:05:00 PM", at(2026, 7, 4, 19, 5)),
            ("MM/dd/yy H:m:s.fff zzz", "11/21/26 1:2:3.500 -02:00", at(2026, 11, 21, 3, 2, 3) + 500),
            (
                "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
                "Sat, 21 Nov 2026 01:02:03 GMT",
                at(2026, 11, 21, 0, 2, 3),
            ),
            ("r", "Sat, 21 Nov 2026 01:02:03 GMT", at(2026, 11, 21, 1, 2, 3)),
            ("o", "2026-11-21T01:02:03.0010000Z", at(2026, 11, 21, 1, 2, 3) + 1),
            ("u", "2026-11-21 01:02:03Z", at(2026, 11, 21, 1, 2, 3)),
            (r"yyyy\yMMMMd", "2026yNovember5", at(2026, 11, 4, 23)),
            ("yyyy-MM-ddTHH:mm:ssK", "2026-11-21T01:02:03+01:00", at(2026, 11, 21, 0, 2, 3)),
        ],
    )
    def test_are_read_in_every_format(self, form: str | None, raw: object, wanted: int) -> None:
        selection = selected(indexField="$.t", indexFormat=form, time_zone="Europe/Berlin")
        (event,) = taken(selection, {"value": 1, "t": raw}).events
        assert event.timestamp == wanted

    @pytest.mark.parametrize(
        ("form", "raw"),
        [
            (None, 5),
            (None, "21.11.2026"),
            (None, "0001-01-01T00:00:00+14:00"),
            ("UnixTimeSeconds", "1e3"),
            ("UnixTimeSeconds", True),
            ("UnixTimeSeconds", -1),
            ("UnixTimeMilliseconds", 10**30),
            ("dd.MM.yyyy", "31.02.2026"),
            ("dd.MM.yyyy HH", "01.02.2026 24"),
            ("ddd dd.MM.yyyy", "Mon 21.11.2026"),
            ("h tt yyyy", "13 PM 2026"),
        ],
    )
    def test_that_are_none_are_refused(self, form: str | None, raw: object) -> None:
        assert reason(selected(indexField="$.t", indexFormat=form), {"value": 1, "t": raw})

    @pytest.mark.parametrize(
        "form", ["HH:mm", "yyyy yyyy", "x", "hh:mm yyyy", "'yyyy", "fffffffff", "yyyy" * 40]
    )
    def test_a_format_of_no_use_is_refused_where_it_is_written(self, form: str) -> None:
        with pytest.raises(ValueError):
            stamps.stamp(form)

    def test_the_hour_that_a_clock_shows_twice_is_the_first_of_both(self) -> None:
        read = stamps.stamp(None, ZoneInfo("Europe/Berlin"))
        assert read("2026-10-25T02:30:00") == at(2026, 10, 25, 0, 30)

    def test_several_values_have_as_many_times_or_are_refused(self) -> None:
        selection = selected(valueField="$.[*].v", indexField="$.[*].t", indexFormat="UnixTimeMilliseconds")
        found = taken(selection, [{"v": 1, "t": NOW}, {"v": 2, "t": NOW + 1}])
        assert [(event.value, event.timestamp) for event in found.events] == [(1.0, NOW), (2.0, NOW + 1)]
        assert reason(selection, [{"v": 1, "t": NOW}, {"v": 2}]) == "there are 2 values and 1 times"
        assert "no indexField" in reason(selected(valueField="$[*]"), [1, 2])


class TestStreams:
    def test_the_prefix_goes_before_the_id(self) -> None:
        assert selected(streamId="a/b", prefix="Line 1.").stream == "Line 1.a/b"
        assert selected(streamId="a/b", prefix="").stream == "a/b"

    def test_wildcards_make_a_stream_of_each_topic_where_the_id_holds_the_filter(self) -> None:
        each = selected(topic="plant/+/temperature")
        assert taken(each, {"value": 1}, "plant/kiln/temperature").events[0].stream == (
            "plant/kiln/temperature.$.value"
        )
        one = selected(topic="plant/+/temperature", streamId="any of them")
        assert taken(one, {"value": 1}, "plant/kiln/temperature").events[0].stream == "any of them"
        odd = taken(each, {"value": 1}, "plant/\x07/temperature")
        assert "cannot be printed" in odd.unusable[0].reason

    def test_a_message_is_for_all_that_match_its_topic(self) -> None:
        choice = Choice([selected(), selected(topic="plant/#", streamId="all"), selected(topic="other")])
        found = choice.message("plant/temperature", b'{"value": 1}', NOW)
        assert {event.stream for _, got in found for event in got.events} == {
            "plant/temperature.$.value",
            "all",
        }
        assert choice.topics == ("plant/#", "other")

    def test_topics_that_somebody_invents_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MOST_TOPICS", 50)
        choice = Choice([selected(topic="plant/#"), selected()])
        for number in range(55):
            list(choice.message(f"plant/{number}", b"1", NOW))
        assert choice.left_out == 5
        assert [each.topic for each, _ in choice.message("plant/temperature", b"1", NOW)] == [
            "plant/temperature"
        ]

    def test_what_is_not_selected_or_cannot_be_read_is_left_out_and_told(self) -> None:
        good = streams.Selection.model_validate({"topic": "a", "valueField": "$", "dataType": "String"})
        entries = [
            good.kept() | {"streamId": "good"},
            good.kept() | {"streamId": "off", "selected": False},
            good.kept() | {"streamId": "broken", "valueField": "$["},
            good.kept() | {"streamId": "filtered", "dataFilterId": "SMALL"},
        ]
        filters = [{"id": "small", "absoluteDeadband": 1.0, "percentChange": None, "expirationPeriod": None}]
        told: list[tuple[str, str]] = []
        found = selections(
            {"dataSelection": entries, "dataFilters": filters}, lambda stream, why: told.append((stream, why))
        )
        assert [each.stream for each in found] == ["good", "filtered"]
        assert found[1].filter == DataFilter(absolute=1.0)
        assert [stream for stream, _ in told] == ["broken"]
        assert "valueField" in told[0][1]


class TestSparkplug:
    EDGE = EdgeNodeId("G", "E")

    def choice(self) -> Choice:
        item = {"topic": "spBv1.0/G/DDATA/E/D", "metricName": "Speed", "streamId": "speed"}
        return Choice([Selection.of(streams.SparkplugSelection.model_validate(item).kept())])

    def test_a_metric_keeps_its_type_and_time_but_for_the_two_that_streams_do_not_have(self) -> None:
        for given_type, value, kept in (
            (DataType.Int8, 5, DataType.Int8),
            (DataType.Text, "x", DataType.String),
            (DataType.DateTime, NOW, DataType.UInt64),
        ):
            metric = Metric("Speed", given_type, value, timestamp=NOW - 5)
            ((_, found),) = self.choice().metrics(
                self.EDGE, "D", [metric, metric._replace(name="Other")], NOW
            )
            assert found.events == [("speed", value, NOW - 5, kept)]

    def test_the_same_name_elsewhere_is_another_metric(self) -> None:
        metric = Metric("Speed", DataType.Int8, 5)
        assert not list(self.choice().metrics(self.EDGE, None, [metric], NOW))
        assert not list(self.choice().metrics(EdgeNodeId("G", "F"), "D", [metric], NOW))

    def test_what_is_no_single_value_is_refused(self) -> None:
        metric = Metric("Speed", DataType.Int8Array, (1, 2))
        ((_, found),) = self.choice().metrics(self.EDGE, "D", [metric], NOW)
        assert "Int8Array" in found.unusable[0].reason


class TestFilters:
    def test_a_change_must_be_more_than_the_dead_band(self) -> None:
        band = DataFilter(absolute=0.5)
        assert band.passes(None, 20.0, NOW)
        assert not band.passes(Passed(20.0, NOW), 20.5, NOW + 1)
        assert band.passes(Passed(20.0, NOW), 20.6, NOW + 1)

    def test_a_band_of_nothing_drops_repeats_only(self) -> None:
        for value in (5, 5.0, "x", True, float("nan"), float("inf")):
            assert not DataFilter(absolute=0.0).passes(Passed(value, NOW), value, NOW + 1)
        assert DataFilter(absolute=0.0).passes(Passed(5, NOW), 6, NOW + 1)

    def test_percent_are_of_the_last_value_that_passed(self) -> None:
        change = DataFilter(percent=10.0)
        assert not change.passes(Passed(-200.0, NOW), -180.0, NOW + 1)
        assert change.passes(Passed(-200.0, NOW), -179.0, NOW + 1)
        assert change.passes(Passed(0, NOW), 0.001, NOW + 1)

    def test_after_the_period_anything_passes(self) -> None:
        aged = DataFilter.of({"absoluteDeadband": 5.0, "percentChange": None, "expirationPeriod": "0:00:30"})
        assert not aged.passes(Passed(1, NOW), 1, NOW + 29_999)
        assert aged.passes(Passed(1, NOW), 1, NOW + 30_000)

    def test_a_value_of_another_kind_is_a_change(self) -> None:
        band = DataFilter(absolute=100.0)
        assert band.passes(Passed(1, NOW), None, NOW + 1)
        assert band.passes(Passed(1, NOW), float("inf"), NOW + 1)
        assert band.passes(Passed("a", NOW), "b", NOW + 1)

    @given(st.lists(st.floats(-1e6, 1e6)), st.floats(0, 1e5))
    @settings(max_examples=60)
    def test_what_is_kept_is_never_further_from_the_truth_than_the_band(
        self, given: list[float], wide: float
    ) -> None:
        band, last = DataFilter(absolute=wide), None
        for number, value in enumerate(given):
            if band.passes(last, value, NOW + number):
                last = Passed(value, NOW + number)
            assert last is not None
            assert abs(last.value - value) <= wide  # type: ignore[operator]


class TestPaths:
    DOCUMENT = {"a": {"b": [1, 2, 3], "a-b": 5}, "list": [{"v": 1}, {"v": 2}], "it's": 9, "Ü": 4, "1": 7}

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("$.a.b[0]", [1]),
            ("$.a.b[-1]", [3]),
            ("$.a.b[:1]", [1]),
            ("$['a']['b']", [[1, 2, 3]]),
            ("$.['a'].a-b", [5]),
            ("$.list.[0].v", [1]),
            ("$.list[*].v", [1, 2]),
            ("$..v", [1, 2]),
            ("$.list[?(@.v > 1)].v", [2]),
            ("$.Ü", [4]),
            ("$.1", [7]),
            ('$["it\'s"]', [9]),
            ("$.nothing", []),
            ("$.a.b.c", []),
            ("$.a.b[9]", []),
        ],
    )
    def test_are_followed_in_old_spellings_and_new(self, text: str, found: list[object]) -> None:
        assert json_paths.read(text).find(self.DOCUMENT) == found

    @pytest.mark.parametrize(
        "text",
        ["", "a", "$a", "$.", "$..", "$[", "$.a]", "$..a..b", "$[?match(@.a, 'a*')]", "$.a | $.b", "$.a b"],
    )
    def test_that_are_none_or_could_take_for_ever_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            json_paths.read(text)

    @given(st.text(max_size=20).filter(str.isprintable))
    def test_a_step_leads_to_the_field_whatever_its_name(self, name: str) -> None:
        assert json_paths.read(f"${json_paths.step(name)}").find({name: 5}) == [5]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abvt"), inner, max_size=4),
    max_leaves=12,
)
PATHS = st.sampled_from(("$", "$.v", "$.a.v", "$[*].v", "$..v", "$.[0]", "$.a[?@.v > 1].t", "$[:2]"))


def _raw(document: object) -> bytes:
    return json.dumps(document).encode()


@given(
    kind=st.sampled_from(TYPES),
    path=PATHS,
    index=st.none() | PATHS,
    form=st.sampled_from((None, "UnixTimeSeconds", "UnixTimeMilliseconds", "dd.MM.yyyy", "o")),
    raw=st.binary(max_size=40) | JSON.map(_raw),
    topic=st.text(max_size=12),
)
@settings(max_examples=200)
def test_nothing_that_comes_in_raises_and_nothing_gets_through_that_no_tag_can_hold(
    kind: str, path: str, index: str | None, form: str | None, raw: bytes, topic: str
) -> None:
    selection = selected(
        topic="#", dataType=kind, valueField=path, indexField=index, indexFormat=form if index else None
    )
    found = taken(selection, raw, topic)
    assert bool(found.events) != bool(found.unusable)
    for event in found.events:
        assert 0 <= event.timestamp <= stamps.LATEST
        assert event.value is None or isinstance(event.value, int | float | str)
        if isinstance(event.value, str):
            event.value.encode()
