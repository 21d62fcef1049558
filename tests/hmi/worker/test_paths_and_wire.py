"""The spelling of tag paths, and values as JSON carries them."""

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmi.tags import path as paths
from hmi.tags.value import Quality, code_of, quality_of
from hmi.tags.wire import from_wire, to_iso, to_wire
from sparkplug import DataType


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("[MQTT Engine]/Engine Info/Redundancy State", "[MQTT Engine]Engine Info/Redundancy State"),
        ("[default]A/B", "[default]A/B"),
        ("[default]//A//B/", "[default]A/B"),
        ("[default]", "[default]"),
        ("[default]/", "[default]"),
    ],
)
def test_a_path_has_one_spelling(text, spelling):
    assert paths.canonical(text) == spelling


@pytest.mark.parametrize(
    "text", ["", "A/B", "[]A", "[default", "[ ]A", "[default]A\nB", "[default]" + "A" * 1000, 7]
)
def test_what_is_no_path_is_refused_with_a_reason(text):
    with pytest.raises(paths.PathError) as refusal:
        paths.canonical(text)
    assert str(refusal.value)


def test_parents_lead_up_to_the_provider():
    assert paths.parent("[default]A/B") == "[default]A"
    assert paths.parent("[default]A") == "[default]"
    assert paths.parent("[default]") is None
    assert paths.parent("[default]A/Level [m]") == "[default]A"
    assert paths.name("[default]A/Level [m]") == "Level [m]"
    assert [paths.name(path) for path in ("[default]A/B", "[default]A", "[default]")] == [
        "B",
        "A",
        "[default]",
    ]


@given(st.lists(st.text("AB/ ", min_size=1).filter(lambda part: part.strip("/")), min_size=1, max_size=5))
def test_joining_and_splitting_again_changes_nothing(names):
    path = paths.join("default", *names)
    provider, parts = paths.split(path)
    assert paths.join(provider, *parts) == path == paths.canonical(path)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**63), "-9223372036854775808"),
        (2**64 - 1, "18446744073709551615"),
        (True, True),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("Text", "Text"),
        (b"\x00\xff", "AP8="),
        (None, None),
    ],
)
def test_values_travel_without_being_changed(value, wire):
    assert to_wire(value) == wire
    assert type(to_wire(value)) is type(wire)


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.binary(), st.none()))
def test_every_value_on_the_wire_is_strict_json(value):
    try:
        text = json.dumps(to_wire(value), allow_nan=False)
    except UnicodeEncodeError:
        pytest.skip("lone surrogates never get past the decoder")
    assert json.loads(text) == to_wire(value)


@given(st.integers(0, 2**64 - 1))
def test_a_wide_number_comes_back_as_it_went(value):
    through = json.loads(orjson.dumps(to_wire(value)))
    assert from_wire(DataType.UInt64, through) == value


@given(st.floats())
def test_a_double_comes_back_as_it_went(value):
    back = from_wire(DataType.Double, json.loads(orjson.dumps(to_wire(value))))
    assert back == value or (math.isnan(back) and math.isnan(value))


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.Int32, "12"),
        (DataType.Int64, "1.5"),
        (DataType.Int64, "٣"),
        (DataType.Int64, "9" * 5000),
        (DataType.UInt64, "-1"),
        (DataType.Int64, str(2**63)),
        (DataType.Double, "nan"),
        (DataType.Boolean, 1),
        (DataType.String, 5),
        (DataType.Int8, [1]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_the_type_is_named(datatype, value):
    with pytest.raises(ValueError, match=datatype.name):
        from_wire(datatype, value)


def test_times_are_iso_with_milliseconds_and_impossible_ones_do_no_harm():
    assert to_iso(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert to_iso(2**63) == str(2**63)


def test_quality_codes_and_words_belong_together():
    for quality in Quality:
        assert quality_of(code_of(quality)) is quality
    assert quality_of(None) is Quality.GOOD
    assert quality_of(12345) is Quality.BAD
    assert quality_of(128) is Quality.UNCERTAIN
