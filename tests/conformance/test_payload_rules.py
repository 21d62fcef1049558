"""Data sets, templates, properties and deaths of devices, as an edge node's session puts them on the wire.

Read with bare protobuf classes, so that our own decoder can't hide what our encoder does.
"""

from __future__ import annotations

from typing import Any

import pytest

from sparkplug import (
    DataSet,
    DataType,
    EdgeNodeId,
    EdgeSession,
    Effect,
    Instant,
    LocalProtocolError,
    Metric,
    Parameter,
    Problem,
    Property,
    Publish,
    Template,
    Topic,
    TopicError,
)
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload

EDGE = EdgeNodeId("Plant", "Line 1")
NOW = Instant(100.0, 1_790_000_000_000)
MEMBERS = (Metric("Speed", DataType.Double, 0.0, 1), Metric("Running", DataType.Boolean, False, 1))
MOTOR = Template(MEMBERS, (Parameter("Poles", DataType.UInt8, 4),), version="1.0", is_definition=True)
M1 = Template(
    (Metric("Speed", DataType.Double, 12.5, 1), Metric("Running", DataType.Boolean, True, 1)),
    (Parameter("Poles", DataType.UInt8, 6),),
    "Motor",
    "1.0",
)
TABLE = DataSet(("Name", "Level"), (DataType.String, DataType.Int32), (("A", -5), ("B", None)))
UNIT = {"engUnit": Property(DataType.String, "bar"), "more": Property(DataType.PropertySet, {})}
NODE = (
    Metric("Motor", DataType.Template, MOTOR, 1),
    Metric("Table", DataType.DataSet, TABLE, 1),
    Metric("Late", DataType.Int32, 2, 20),
    Metric("Early", DataType.Int32, 1, 10),
)
DEVICE = (
    Metric("M1", DataType.Template, M1, 1),
    Metric("Pressure", DataType.Float, 1.5, 1, quality=500, properties=UNIT),
)


def born(devices: dict[str, tuple[Metric, ...]] | None = None) -> tuple[EdgeSession, list[Effect]]:
    session = EdgeSession(EDGE, None)
    session.open(0, NOW)
    session.connected(NOW)
    return session, session.birth(NODE, {"Press": DEVICE} if devices is None else devices, NOW)


def wires(effects: list[Effect], kind: str) -> list[Any]:
    found = [e for e in effects if isinstance(e, Publish) and Topic.parse(e.topic).type == kind]
    return [WirePayload.FromString(effect.payload) for effect in found]


def metric(wire: Any, name: str) -> Any:
    return next(one for one in wire.metrics if one.name == name)


@pytest.mark.statement(
    "tck-id-topics-nbirth-templates",
    "tck-id-payloads-template-definition-nbirth-only",
    "tck-id-payloads-template-definition-is-definition",
    "tck-id-payloads-template-definition-ref",
    "tck-id-payloads-template-definition-members",
    "tck-id-payloads-template-definition-nbirth",
    "tck-id-payloads-template-definition-parameters",
    "tck-id-payloads-template-definition-parameters-default",
    "tck-id-payloads-template-version",
    "tck-id-payloads-template-ref-definition",
    "tck-id-payloads-template-is-definition",
    "tck-id-payloads-template-is-definition-definition",
    "tck-id-payloads-template-parameter-name-required",
    "tck-id-payloads-template-parameter-name-type",
    "tck-id-payloads-template-parameter-value-type",
    "tck-id-payloads-template-parameter-type-value",
    "tck-id-payloads-template-parameter-type-req",
    "tck-id-payloads-template-parameter-value",
)
def test_a_template_is_defined_in_the_nbirth_and_nowhere_else() -> None:
    session, effects = born()
    (nbirth,) = wires(effects, "NBIRTH")
    told = metric(nbirth, "Motor").template_value
    assert told.HasField("is_definition")
    assert told.is_definition
    assert not told.HasField("template_ref")
    assert told.version == "1.0"
    assert [(m.name, m.datatype) for m in told.metrics] == [("Speed", 10), ("Running", 11)]
    assert [(p.name, p.type, p.int_value) for p in told.parameters] == [("Poles", 5, 4)]
    (dbirth,) = wires(effects, "DBIRTH")
    assert not any(m.template_value.is_definition for m in dbirth.metrics)
    again = session.birth(NODE, {"Press": (*DEVICE, Metric("Motor 2", DataType.Template, MOTOR, 1))}, NOW)
    (dbirth,) = wires(again, "DBIRTH")
    assert not any(m.template_value.is_definition for m in dbirth.metrics)
    assert any(isinstance(effect, Problem) for effect in again)
    data = session.data(None, [Metric("Motor", DataType.Template, MOTOR, 2)], NOW)
    assert not any(m.template_value.is_definition for wire in wires(data, "NDATA") for m in wire.metrics)


@pytest.mark.statement(
    "tck-id-payloads-template-instance-is-definition",
    "tck-id-payloads-template-instance-ref",
    "tck-id-payloads-template-instance-members",
    "tck-id-payloads-template-instance-members-birth",
    "tck-id-payloads-template-instance-parameters",
    "tck-id-payloads-template-ref-instance",
    "tck-id-payloads-template-is-definition-instance",
)
def test_an_instance_names_its_definition_and_is_whole_in_the_birth() -> None:
    part = M1._replace(metrics=(*M1.metrics[:1], Metric("Stranger", DataType.Int8, 1, 1)))
    for value in (M1, part):
        _, effects = born({"Press": (Metric("M1", DataType.Template, value, 1),)})
        (dbirth,) = wires(effects, "DBIRTH")
        told = metric(dbirth, "M1").template_value
        assert told.HasField("is_definition")
        assert not told.is_definition
        assert told.template_ref == "Motor"
        assert {m.name for m in told.metrics} == {"Speed", "Running"}
        assert [(p.name, p.int_value) for p in told.parameters] == [("Poles", 6)]


@pytest.mark.statement("tck-id-payloads-template-instance-members-data")
def test_data_may_carry_one_member_of_an_instance() -> None:
    session, _ = born()
    one = M1._replace(metrics=M1.metrics[:1])
    (ddata,) = wires(session.data("Press", [Metric("M1", DataType.Template, one, 2)], NOW), "DDATA")
    assert [m.name for m in metric(ddata, "M1").template_value.metrics] == ["Speed"]


@pytest.mark.statement(
    "tck-id-payloads-dataset-column-size",
    "tck-id-payloads-dataset-column-num-headers",
    "tck-id-payloads-dataset-types-def",
    "tck-id-payloads-dataset-types-num",
    "tck-id-payloads-dataset-types-type",
    "tck-id-payloads-dataset-types-value",
    "tck-id-payloads-dataset-parameter-type-req",
    "tck-id-payloads-template-dataset-value",
)
def test_a_data_set_agrees_with_itself() -> None:
    session, effects = born()
    for wire in (*wires(effects, "NBIRTH"), *wires(session.data(None, [NODE[1]], NOW), "NDATA")):
        table = metric(wire, "Table").dataset_value
        assert table.num_of_columns == len(table.columns) == len(table.types) == 2
        assert list(table.types) == [12, 3]
        cells = [[cell.WhichOneof("value") for cell in row.elements] for row in table.rows]
        assert cells == [["string_value", "int_value"], ["string_value", None]]
    for wrong in (TABLE._replace(types=(DataType.String,)), TABLE._replace(types=(DataType.Bytes,) * 2)):
        _, effects = _born_with(Metric("Wrong", DataType.DataSet, wrong, 1))
        assert metric(wires(effects, "NBIRTH")[0], "Wrong").is_null
        assert any(isinstance(effect, Problem) for effect in effects)


def _born_with(extra: Metric) -> tuple[EdgeSession, list[Effect]]:
    session = EdgeSession(EDGE, None)
    session.open(0, NOW)
    session.connected(NOW)
    return session, session.birth((*NODE, extra), {}, NOW)


@pytest.mark.statement(
    "tck-id-payloads-propertyset-keys-array-size",
    "tck-id-payloads-propertyset-values-array-size",
    "tck-id-payloads-metric-propertyvalue-type-type",
    "tck-id-payloads-metric-propertyvalue-type-value",
    "tck-id-payloads-metric-propertyvalue-type-req",
    "tck-id-payloads-propertyset-quality-value-type",
    "tck-id-payloads-propertyset-quality-value-value",
)
def test_properties_are_two_lists_of_one_length_and_every_one_has_its_type() -> None:
    _, effects = born()
    (dbirth,) = wires(effects, "DBIRTH")
    told = metric(dbirth, "Pressure").properties
    assert len(told.keys) == len(told.values) == 3
    kinds = {key: value.type for key, value in zip(told.keys, told.values, strict=True)}
    assert kinds == {"engUnit": 12, "more": 20, "Quality": 3}
    (quality,) = [v for k, v in zip(told.keys, told.values, strict=True) if k == "Quality"]
    assert (quality.WhichOneof("value"), quality.int_value) == ("int_value", 500)


@pytest.mark.statement(
    "tck-id-operational-behavior-data-publish-nbirth-order",
    "tck-id-operational-behavior-data-publish-dbirth-order",
)
def test_values_are_listed_in_the_order_of_time() -> None:
    session, effects = born({"Press": (Metric("b", DataType.Int8, 2, 9), Metric("a", DataType.Int8, 1, 5))})
    data = session.data(None, [NODE[2], NODE[3]], NOW)
    assert [metric_.name for metric_ in wires(data, "NDATA")[0].metrics] == ["Early", "Late"]
    for wire in (*wires(effects, "NBIRTH"), *wires(effects, "DBIRTH")):
        stamps = [one.timestamp for one in wire.metrics]
        assert stamps == sorted(stamps)


@pytest.mark.statement(
    "tck-id-topics-ddeath-topic",
    "tck-id-topics-ddeath-mqtt",
    "tck-id-topics-ddeath-seq-num",
    "tck-id-operational-behavior-device-ddeath",
    "tck-id-payloads-ddeath-timestamp",
    "tck-id-payloads-ddeath-seq",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-payloads-ddeath-seq-number",
)
def test_a_lost_device_dies_in_the_node_s_own_count() -> None:
    session, _ = born()
    for number in range(300):
        session.data(None, [Metric("Early", DataType.Int32, number, 30 + number)], NOW)
    (death,) = session.device_death("Press", NOW)
    assert isinstance(death, Publish)
    assert (death.topic, death.qos, death.retain) == ("spBv1.0/Plant/DDEATH/Line 1/Press", 0, False)
    wire = WirePayload.FromString(death.payload)
    assert (wire.seq, wire.timestamp) == (302 % 256, NOW.wall)
    assert session.data("Press", [DEVICE[1]], NOW) == []


@pytest.mark.statement(
    "tck-id-intro-group-id-chars",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-device-id-chars",
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-topic-structure-namespace-valid-device-id",
)
@pytest.mark.parametrize("name", ["", "a/b", "a+b", "#", "zero\0", "\ud800"])
def test_a_name_that_no_topic_can_carry_is_never_used(name: str) -> None:
    for edge in ((name, "Line 1"), ("Plant", name)):
        with pytest.raises(LocalProtocolError):
            EdgeSession(EdgeNodeId(*edge), None)
    _, effects = born({name: DEVICE})
    assert wires(effects, "DBIRTH") == []
    assert any(isinstance(effect, Problem) for effect in effects)
    if name != "\ud800":
        with pytest.raises(TopicError):
            Topic.parse(f"spBv1.0/Plant/DDATA/Line 1/{name}")


@pytest.mark.statement("tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node")
def test_two_edge_nodes_may_have_a_device_of_the_same_name() -> None:
    topics = []
    for edge in (EDGE, EdgeNodeId("Plant", "Line 2")):
        session = EdgeSession(edge, None)
        session.open(0, NOW)
        session.connected(NOW)
        effects = session.birth(NODE, {"Press": DEVICE}, NOW)
        topics += [e.topic for e in effects if isinstance(e, Publish) and "DBIRTH" in e.topic]
    assert topics == ["spBv1.0/Plant/DBIRTH/Line 1/Press", "spBv1.0/Plant/DBIRTH/Line 2/Press"]


@pytest.mark.statement("tck-id-case-sensitivity-sparkplug-ids", "tck-id-case-sensitivity-metric-names")
def test_names_that_differ_only_by_case_are_pointed_out() -> None:
    _, effects = born({"Press": (*DEVICE, Metric("pressure", DataType.Int8, 1, 1)), "PRESS": ()})
    said = [effect.detail for effect in effects if isinstance(effect, Problem)]
    assert any("Pressure" in detail for detail in said)
    assert any("PRESS" in detail for detail in said)
