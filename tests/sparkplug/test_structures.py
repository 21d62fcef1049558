from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkplug import (
    BAD,
    DataSet,
    DataType,
    HostSession,
    LocalProtocolError,
    MetaData,
    Metric,
    Parameter,
    Payload,
    PayloadError,
    Property,
    Template,
    Values,
    decode,
    encode,
)
from sparkplug.coercion import MAX_DEPTH
from sparkplug.payload import MAX_METRICS, Parsed
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from tests.sparkplug.scene import HOST, at, message, nbirth, number, topic
from tests.sparkplug.scene import only as only_of
from tests.sparkplug.values import METRICS

D = DataType
TABLE = DataSet(("Name", "Level"), (D.String, D.Int32), (("A", -5), ("B", None)))
MOTOR = Template(
    (Metric("Speed", D.Double, 12.5, 1), Metric("Fault", D.Boolean, None, 1)),
    (Parameter("Poles", D.UInt8, 4),),
    "Motor",
    "1.2",
)


def only(metric: Metric) -> Metric:
    return decode(encode(Payload(1, (metric,)))).metrics[0]


@given(METRICS)
@settings(max_examples=80)
def test_every_metric_comes_back_as_it_was_sent(metric):
    assert only(metric) == metric


@given(METRICS, st.booleans())
@settings(max_examples=60)
def test_the_two_ways_of_writing_agree_with_protobuf(metric, datatypes):
    data = encode(Payload(1, (metric,), 3), datatypes=datatypes)
    assert WirePayload.FromString(data).SerializeToString() == data


@given(METRICS)
@settings(max_examples=40)
def test_the_host_s_road_gives_the_same_values(metric):
    known = {metric.name: (metric.name, metric.datatype, int(metric.datatype))}
    (found,), strangers = Parsed(encode(Payload(1, (metric,)))).resolved(known, 9)
    assert strangers == []
    assert found._replace(timestamp=None, alias=None) == metric._replace(timestamp=None, alias=None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("datatype", [D.Float, D.Double])
def test_infinities_and_no_number_travel_in_structures_too(value, datatype):
    table = DataSet(("x",), (datatype,), ((value,),))
    found = only(Metric("t", D.DataSet, table)).value.rows[0][0]
    assert found == value or math.isnan(found) == math.isnan(value)


def test_quality_is_told_apart_from_the_other_properties():
    told = only(Metric("x", D.Int32, 1, quality=500, properties={"engUnit": Property(D.String, "bar")}))
    assert (told.quality, told.properties) == (500, {"engUnit": Property(D.String, "bar")})


def test_quality_of_a_foreign_kind_is_a_property_like_any_other():
    odd = {"Quality": Property(D.String, "fine")}
    told = only(Metric("x", D.Int32, 1, properties=odd))
    assert (told.quality, told.properties) == (None, odd)


def test_values_before_keys_are_properties_too():
    wire = WirePayload()
    metric = wire.metrics.add(name="x", datatype=3, int_value=1)
    metric.properties.keys.append("Quality")
    metric.properties.values.add(type=3, int_value=0)
    keys_first = metric.properties.SerializeToString()
    split = keys_first.index(b"\x12")
    data = wire.SerializeToString().replace(keys_first, keys_first[split:] + keys_first[:split])
    assert decode(data).metrics[0].quality == BAD


def test_members_in_data_may_leave_their_datatypes_out():
    sent = Metric("M1", D.Template, MOTOR, 1)
    (told,) = decode(encode(Payload(1, (sent,)), datatypes=False)).metrics
    assert told.datatype is D.Unknown
    assert [(m.name, m.datatype, m.value) for m in told.value.metrics] == [
        ("Speed", D.Unknown, 12.5),
        ("Fault", D.Unknown, None),
    ]


def _wire(change) -> WirePayload:
    wire = WirePayload()
    change(wire.metrics.add(name="odd"))
    wire.metrics.add(name="good", datatype=3, int_value=7)
    return wire


def _table(metric, **changes):
    metric.datatype = 16
    table = metric.dataset_value
    table.num_of_columns = changes.get("number", 1)
    table.columns.append("x")
    table.types.extend(changes.get("types", [3]))
    row = table.rows.add()
    for cell in changes.get("cells", [{"int_value": 1}]):
        row.elements.add(**cell)


def _nested_template(metric, depth):
    metric.datatype = 19
    inner = metric.template_value
    for _ in range(depth):
        member = inner.metrics.add(name="inner", datatype=19)
        inner = member.template_value


WRONG = {
    "a table of another width": lambda m: _table(m, number=2),
    "a table with too few types": lambda m: _table(m, types=[]),
    "a table of templates": lambda m: _table(m, types=[19]),
    "a table of an unknown type": lambda m: _table(m, types=[99]),
    "a row that is too long": lambda m: _table(m, cells=[{"int_value": 1}, {"int_value": 2}]),
    "a cell of another kind": lambda m: _table(m, cells=[{"string_value": "1"}]),
    "a table where a number should be": lambda m: (_table(m), setattr(m, "datatype", 3)),
    "a template where a table should be": lambda m: (_nested_template(m, 0), setattr(m, "datatype", 16)),
    "a vendor's extension": lambda m: m.extension_value.SetInParent(),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_structure_that_cannot_be_read_spoils_only_its_metric(name):
    odd, good = decode(_wire(WRONG[name]).SerializeToString()).metrics
    assert (odd.value, odd.quality) == (None, BAD)
    assert (good.value, good.quality) == (7, None)


def test_templates_too_deep_are_bad_where_the_depth_is_reached():
    odd, good = decode(_wire(lambda m: _nested_template(m, MAX_DEPTH + 1)).SerializeToString()).metrics
    value, depth = odd, 0
    while value.value is not None:
        (value,) = value.value.metrics
        depth += 1
    assert depth == MAX_DEPTH
    assert value.quality == BAD
    assert good.value == 7


def test_properties_that_do_not_agree_are_left_out_and_the_value_stands():
    def odd(metric):
        metric.datatype, metric.int_value = 3, 5
        metric.properties.keys.extend(["Quality", "more"])
        metric.properties.values.add(type=3, int_value=0)

    told, _ = decode(_wire(odd).SerializeToString()).metrics
    assert (told.value, told.quality, told.properties) == (5, None, None)


def test_one_odd_property_costs_only_itself():
    def odd(metric):
        metric.datatype, metric.int_value = 3, 5
        metric.properties.keys.extend(["odd", "unit"])
        metric.properties.values.add(type=3, string_value="no number")
        metric.properties.values.add(type=12, string_value="bar")

    told, _ = decode(_wire(odd).SerializeToString()).metrics
    assert told.properties == {"unit": Property(D.String, "bar")}


def test_a_message_that_would_fill_the_memory_is_refused_and_costs_little():
    wire = WirePayload()
    table = wire.metrics.add(name="x", datatype=16).dataset_value
    table.num_of_columns = 0
    for _ in range(MAX_METRICS + 1):
        table.rows.add()
    data = wire.SerializeToString()
    tracemalloc.start()
    with pytest.raises(PayloadError, match="more than"):
        decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(data)


def test_a_small_table_that_claims_many_cells_is_only_bad():
    wire = WirePayload()
    table = wire.metrics.add(name="x", datatype=16).dataset_value
    table.columns.extend(["c"] * 1000)
    table.types.extend([3] * 1000)
    for _ in range(1000):
        table.rows.add()
    assert decode(wire.SerializeToString()).metrics[0].quality == BAD


def test_a_host_outlives_a_table_that_would_fill_the_memory():
    wire = WirePayload(timestamp=1, seq=1)
    table = wire.metrics.add(name="Mode", datatype=16, timestamp=5).dataset_value
    for _ in range(MAX_METRICS + 1):
        table.rows.add()
    too_much = wire.SerializeToString()
    host = HostSession(HOST)
    host.connected("A", at(0))

    host.receive("A", topic("NBIRTH"), too_much, at(1))
    host.receive("A", topic("NBIRTH"), nbirth(3, number("Mode", 1)), at(2))
    host.receive("A", topic("NDATA"), too_much, at(3))

    effects = host.receive("A", topic("NDATA"), message(1, number("Mode", 2)), at(4))
    assert [metric.value for values in only_of(Values, effects) for metric in values.metrics] == [2]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Metric("x", D.DataSet, DataSet(("a",), (), ())), "1 columns and 0 types"),
        (Metric("x", D.DataSet, DataSet(("a",), (D.Int8,), ((1, 2),))), "row 0 has 2 cells"),
        (Metric("x", D.DataSet, DataSet(("a",), (D.Int8,), ((300,),))), "row 0: 300 is out of range"),
        (Metric("x", D.DataSet, DataSet(("a",), (D.Bytes,), ())), "column 'a' cannot be of type Bytes"),
        (Metric("x", D.Template, Template(())), "needs the name of its definition"),
        (Metric("x", D.Template, Template((), (), "t", None, True)), "refers to no other"),
        (Metric("x", D.Template, MOTOR._replace(metrics=(Metric(None, D.Int8, 1),))), "needs a name"),
        (Metric("x", D.Template, MOTOR._replace(metrics=(Metric("m", D.Int8, 999),))), "member 'm': 999"),
        (
            Metric("x", D.Template, MOTOR._replace(parameters=(Parameter("p", D.Bytes, b""),))),
            "parameter 'p'",
        ),
        (Metric("x", D.Int8, 1, properties={"p": Property(D.Int8, "1")}), "property 'p'"),
        (Metric("x", D.Int8, 1, properties={"p": Property(D.Bytes, b"")}), "property 'p'"),
        (Metric("x", D.PropertySet, {}), "cannot be of type PropertySet"),
    ],
)
def test_a_structure_that_does_not_fit_is_our_own_fault_and_says_where(metric, reason):
    with pytest.raises(LocalProtocolError, match=reason):
        encode(Payload(1, (metric,)))


def test_a_file_carries_its_metadata():
    file = Metric(
        "f", D.File, b"abc", 1, metadata=MetaData(False, "text/plain", 3, 0, "a.txt", "txt", "900150")
    )
    assert only(file) == file


def test_a_table_and_a_motor_come_back():
    assert only(Metric("t", D.DataSet, TABLE)).value == TABLE
    assert only(Metric("M1", D.Template, MOTOR)).value == MOTOR
