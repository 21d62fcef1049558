"""Every field of a payload by the specification's own table of types, and what may never be in one.

What leaves is read with bare protobuf classes, as in test_payload_rules.py.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from sparkplug import (
    DataSet,
    DataType,
    EdgeNodeId,
    EdgeSession,
    Effect,
    Instant,
    Metric,
    Parameter,
    Problem,
    Property,
    Publish,
    Template,
)
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload

EDGE = EdgeNodeId("Plant", "Line 1")
NOW = Instant(100.0, 1_790_000_000_000)
D = DataType
# Every basic type: its code, a value, and the field and number that the specification (6.4.16) gives it.
BASIC = [
    (D.Int8, 1, -1, "int_value", 0xFFFF_FFFF),
    (D.Int16, 2, -2, "int_value", 0xFFFF_FFFE),
    (D.Int32, 3, -3, "int_value", 0xFFFF_FFFD),
    (D.Int64, 4, -4, "long_value", 0xFFFF_FFFF_FFFF_FFFC),
    (D.UInt8, 5, 255, "int_value", 255),
    (D.UInt16, 6, 65_535, "int_value", 65_535),
    (D.UInt32, 7, 0xFFFF_FFFF, "int_value", 0xFFFF_FFFF),
    (D.UInt64, 8, 2**64 - 1, "long_value", 2**64 - 1),
    (D.Float, 9, 1.5, "float_value", 1.5),
    (D.Double, 10, -math.pi, "double_value", -math.pi),
    (D.Boolean, 11, True, "boolean_value", True),
    (D.String, 12, "Größe", "string_value", "Größe"),
    (D.DateTime, 13, NOW.wall, "long_value", NOW.wall),
    (D.Text, 14, "", "string_value", ""),
]
IDS = [row[0].name for row in BASIC]


def opened(*, use_aliases: bool = False) -> EdgeSession:
    session = EdgeSession(EDGE, None, use_aliases=use_aliases)
    session.open(9, NOW)
    session.connected(NOW)
    return session


def messages(effects: list[Effect]) -> list[tuple[str, Any]]:
    """Message type and payload of all that goes out."""
    found = [effect for effect in effects if isinstance(effect, Publish)]
    return [(one.topic.split("/")[2], WirePayload.FromString(one.payload)) for one in found]


def only(effects: list[Effect]) -> Any:
    ((_, wire),) = messages(effects)
    return wire


def told(wire: Any, name: str) -> Any:
    (metric,) = (each for each in wire.metrics if each.name == name)
    return metric


def troubled(effects: list[Effect]) -> bool:
    return any(isinstance(effect, Problem) for effect in effects)


@pytest.mark.statement(
    "tck-id-payloads-metric-datatype-value-type",
    "tck-id-payloads-metric-propertyvalue-type-type",
    "tck-id-payloads-dataset-column-size",
    "tck-id-payloads-dataset-types-def",
    "tck-id-payloads-dataset-types-type",
    "tck-id-payloads-template-parameter-value-type",
    "tck-id-payloads-template-parameter-name-type",
    "tck-id-payloads-template-version",
    "tck-id-payloads-template-ref-instance",
)
@pytest.mark.parametrize(
    ("message", "field", "kind"),
    [
        ("", "timestamp", "UINT64"),
        ("", "seq", "UINT64"),
        ("Metric", "alias", "UINT64"),
        ("Metric", "timestamp", "UINT64"),
        ("Metric", "datatype", "UINT32"),
        ("PropertyValue", "type", "UINT32"),
        ("DataSet", "num_of_columns", "UINT64"),
        ("DataSet", "types", "UINT32"),
        ("Template", "version", "STRING"),
        ("Template", "template_ref", "STRING"),
        ("Template", "is_definition", "BOOL"),
        ("Template.Parameter", "name", "STRING"),
        ("Template.Parameter", "type", "UINT32"),
    ],
)
def test_a_field_has_the_wire_type_of_the_specification(message: str, field: str, kind: str) -> None:
    descriptor = WirePayload.DESCRIPTOR
    for name in filter(None, message.split(".")):
        descriptor = descriptor.nested_types_by_name[name]
    found = descriptor.fields_by_name[field]
    assert found.type == getattr(found, f"TYPE_{kind}")


@pytest.mark.statement(
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-propertyvalue-type-value",
    "tck-id-payloads-metric-propertyvalue-type-req",
    "tck-id-payloads-dataset-types-value",
    "tck-id-payloads-dataset-types-num",
    "tck-id-payloads-template-dataset-value",
    "tck-id-payloads-template-parameter-type-value",
    "tck-id-payloads-template-parameter-type-req",
    "tck-id-payloads-template-parameter-value",
)
@pytest.mark.parametrize(("datatype", "code", "value", "field", "number"), BASIC, ids=IDS)
def test_every_basic_type_has_its_code_and_its_field_wherever_it_stands(
    datatype: DataType, code: int, value: Any, field: str, number: Any
) -> None:
    definition = Template((), (Parameter("p", datatype, value),), is_definition=True)
    wire = only(
        opened().birth(
            (
                Metric("metric", datatype, value, 1, properties={"property": Property(datatype, value)}),
                Metric("table", D.DataSet, DataSet(("column",), (datatype,), ((value,),)), 1),
                Metric("template", D.Template, definition, 1),
            ),
            {},
            NOW,
        )
    )
    metric, table = told(wire, "metric"), told(wire, "table").dataset_value
    (declared,) = metric.properties.values
    (parameter,) = told(wire, "template").template_value.parameters
    assert (metric.datatype, declared.type, parameter.type, list(table.types)) == (code, code, code, [code])
    for place in (metric, declared, parameter, table.rows[0].elements[0]):
        assert (place.WhichOneof("value"), getattr(place, field)) == (field, number)


@pytest.mark.statement(
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-datatype-value",
)
@pytest.mark.parametrize(
    "odd",
    [
        Metric(None, D.Int32, 1, 1),
        Metric(None, D.Int32, 1, 1, alias=5),
        Metric("", D.Int32, 1, 1),
        Metric("odd", D.Unknown, 1, 1),
        Metric("odd", D.PropertySet, None, 1),
        Metric("odd", D.PropertySetList, None, 1),
    ],
    ids=["no name", "an alias only", "an empty name", "no datatype", "PropertySet", "PropertySetList"],
)
def test_what_cannot_be_in_a_birth_is_left_out_of_it(odd: Metric) -> None:
    good = Metric("good", D.Int32, 1, 1)
    effects = opened().birth((odd,), {"Press": (odd, good)}, NOW)
    assert troubled(effects)
    (_, nbirth), (_, dbirth) = messages(effects)
    assert [metric.name for metric in dbirth.metrics] == ["good"]
    assert all(m.name and 1 <= m.datatype <= 34 for wire in (nbirth, dbirth) for m in wire.metrics)


@pytest.mark.statement(
    "tck-id-payloads-name-birth-data-requirement",
    "tck-id-payloads-timestamp-in-UTC",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-ndata-timestamp",
    "tck-id-payloads-ddata-timestamp",
)
def test_a_metric_that_brings_no_time_gets_that_of_its_message() -> None:
    session, later = opened(), Instant(101.0, NOW.wall + 1000)
    timeless, timed = Metric("timeless", D.Int32, 1), Metric("timed", D.Int32, 1, 7)
    births = messages(session.birth((timeless, timed), {"Press": (timeless, timed)}, NOW))
    data = [*session.data(None, [timeless, timed], later), *session.data("Press", [timeless, timed], later)]
    for sent, wires in ((NOW, births), (later, messages(data))):
        assert len(wires) == 2
        for _, wire in wires:
            assert wire.timestamp == sent.wall
            assert (told(wire, "timeless").timestamp, told(wire, "timed").timestamp) == (sent.wall, 7)
            assert all(metric.HasField("timestamp") for metric in wire.metrics)


@pytest.mark.statement(
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-payloads-ndeath-bdseq",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-payloads-ndata-seq-inc",
    "tck-id-payloads-ddata-seq-inc",
)
def test_one_count_goes_through_every_kind_of_message_and_starts_again_with_the_birth() -> None:
    session = EdgeSession(EDGE, None)
    will = WirePayload.FromString(session.open(9, NOW).payload)
    session.connected(NOW)
    x = (Metric("x", D.Int32, 1, 1),)
    effects = session.birth(x, {"Press": x}, NOW)
    for _ in range(100):
        effects += session.data(None, x, NOW)
        effects += session.data("Press", x, NOW)
        effects += session.device_death("Press", NOW)
        effects += session.device_birth("Press", x, NOW)
    sent = messages(effects)
    assert {kind for kind, _ in sent} == {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"}
    assert all(wire.HasField("seq") for _, wire in sent)
    assert [wire.seq for _, wire in sent] == [number % 256 for number in range(402)]
    again = messages(session.birth(x, {"Press": x}, NOW))
    assert [(kind, wire.seq) for kind, wire in again] == [("NBIRTH", 0), ("DBIRTH", 1)]
    death = WirePayload.FromString(session.goodbye(NOW)[0].payload)  # type: ignore[union-attr]
    births = [wire for kind, wire in (*sent, *again) if kind == "NBIRTH"]
    assert [told(wire, "bdSeq").long_value for wire in (will, *births, death)] == [9, 9, 9, 9]
    assert not will.HasField("seq")
    assert not death.HasField("seq")


@pytest.mark.statement("tck-id-payloads-ndata-order", "tck-id-payloads-ddata-order")
def test_before_the_births_no_data_goes_out_whatever_is_sampled() -> None:
    session, x = EdgeSession(EDGE, None), [Metric("x", D.Int32, 1, 1)]

    def tried() -> list[tuple[str, Any]]:
        return messages([*session.data(None, x, NOW), *session.data("Press", x, NOW)])

    assert tried() == []
    session.open(0, NOW)
    assert tried() == []
    session.connected(NOW)
    assert tried() == []
    births = messages(session.birth(x, {"Press": x}, NOW))
    assert [kind for kind, _ in births] == ["NBIRTH", "DBIRTH"]
    assert [kind for kind, _ in tried()] == ["NDATA", "DDATA"]
    assert messages(session.data("Unborn", x, NOW)) == []


@pytest.mark.statement("tck-id-payloads-alias-uniqueness", "tck-id-payloads-alias-birth-requirement")
def test_no_alias_means_two_metrics_even_when_devices_come_and_go() -> None:
    session = opened(use_aliases=True)
    metrics = tuple(Metric(name, D.Int32, 1, 1) for name in "ab")
    effects = session.birth(metrics, {"Press": metrics, "Oven": metrics}, NOW)
    effects += session.device_death("Press", NOW)
    effects += session.device_birth("Saw", metrics, NOW)
    effects += session.device_birth("Press", metrics, NOW)
    births = [wire for kind, wire in messages(effects) if kind in ("NBIRTH", "DBIRTH")]
    aliased = [metric for wire in births for metric in wire.metrics if metric.HasField("alias")]
    assert len(births) == 5
    assert len(aliased) == len({metric.alias for metric in aliased}) == 10
    assert all(metric.name for metric in aliased)
    ndata = only(session.data(None, metrics, NOW))
    assert [(m.HasField("name"), m.HasField("alias")) for m in ndata.metrics] == [(False, True)] * 2


MOTOR = Template(
    (Metric("Speed", D.Double, 0.0, 1), Metric("Running", D.Boolean, False, 1)),
    (Parameter("Poles", D.UInt8, 4),),
    is_definition=True,
)
M1 = Template((Metric("Speed", D.Double, 1.0, 1),), (Parameter("Poles", D.UInt8, 6),), "Motor")


@pytest.mark.statement("tck-id-payloads-template-definition-nbirth", "tck-id-payloads-template-instance-ref")
def test_an_instance_of_nothing_is_no_instance() -> None:
    ghost = M1._replace(reference="Ghost")
    effects = opened().birth(
        (Metric("Motor", D.Template, MOTOR, 1),),
        {"Press": (Metric("M1", D.Template, M1, 1), Metric("M2", D.Template, ghost, 1))},
        NOW,
    )
    assert troubled(effects)
    (_, nbirth), (_, dbirth) = messages(effects)
    assert told(dbirth, "M1").template_value.template_ref == "Motor"
    assert told(dbirth, "M2").is_null
    assert not told(dbirth, "M2").HasField("template_value")
    used = {m.template_value.template_ref for m in dbirth.metrics if m.HasField("template_value")}
    assert used <= {m.name for m in nbirth.metrics if m.template_value.is_definition}


@pytest.mark.statement(
    "tck-id-payloads-template-definition-parameters",
    "tck-id-payloads-template-parameter-name-required",
    "tck-id-payloads-template-parameter-type-value",
    "tck-id-payloads-template-instance-parameters",
)
def test_a_parameter_needs_a_name_a_basic_type_and_a_place_in_the_definition() -> None:
    odd = (Parameter("", D.Int8, 1), Parameter("blob", D.Bytes, None), Parameter("set", D.DataSet, None))
    definition = MOTOR._replace(parameters=(*MOTOR.parameters, *odd))
    instance = M1._replace(parameters=(*M1.parameters, Parameter("Stranger", D.Int8, 1)))
    effects = opened().birth(
        (Metric("Motor", D.Template, definition, 1), Metric("M1", D.Template, instance, 1)), {}, NOW
    )
    assert troubled(effects)
    wire = only(effects)
    for name, poles in (("Motor", 4), ("M1", 6)):
        parameters = told(wire, name).template_value.parameters
        assert [(p.name, p.type, p.int_value) for p in parameters] == [("Poles", 5, poles)]


@pytest.mark.statement(
    "tck-id-payloads-propertyset-keys-array-size",
    "tck-id-payloads-propertyset-values-array-size",
    "tck-id-payloads-metric-propertyvalue-type-value",
    "tck-id-payloads-metric-propertyvalue-type-req",
)
def test_nested_properties_keep_the_rules_of_the_outer_ones() -> None:
    inner = {"a": Property(D.Int8, 1), "b": Property(D.String, None)}
    outer = {"set": Property(D.PropertySet, inner), "list": Property(D.PropertySetList, (inner, {}))}
    wire = only(opened().birth((Metric("x", D.Int32, 1, 1, properties=outer),), {}, NOW))
    properties = told(wire, "x").properties
    assert list(properties.keys) == ["set", "list"]
    assert [value.type for value in properties.values] == [20, 21]
    nested, listed = properties.values
    sets = [nested.propertyset_value, *listed.propertysets_value.propertyset]
    assert [list(one.keys) for one in sets] == [["a", "b"], ["a", "b"], []]
    for one in sets[:2]:
        assert [value.type for value in one.values] == [1, 12]
        assert one.values[1].is_null
    for wrong in (D.Bytes, D.Template, D.Int8Array, D.Unknown):
        effects = opened().birth(
            (Metric("x", D.Int32, 1, 1, properties={"a": Property(wrong, None)}),), {}, NOW
        )
        assert troubled(effects)
        assert not told(only(effects), "x").properties.keys or list(
            told(only(effects), "x").properties.keys
        ) == ["Quality"]
