"""Properties of tags, template definitions in the tree, and births that change a shape."""

import pytest

from hmi.tags.about import NOTHING, About, properties, told
from hmi.tags.value import Quality
from hmi.worker.providers.engine_tags import EngineTags
from hmi.worker.providers.image import TagImage
from sparkplug import DataType, EdgeNodeId, Metric, Parameter, Payload, Property, Template, decode, encode

EDGE = EdgeNodeId("Group 1", "Edge 1")
DEVICE = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1"
TYPES = "[MQTT Engine]_types_/Group 1/Edge 1"
READ_ONLY = {"readOnly": Property(DataType.Boolean, True)}
BAR = {
    "engUnit": Property(DataType.String, "bar"),
    "engLow": Property(DataType.Float, 0.0),
    "engHigh": Property(DataType.Int32, 16),
    "documentation": Property(DataType.String, "At the outlet"),
    "tooltip": Property(DataType.Text, "Outlet"),
}


class Host:
    def __init__(self):
        self.image, self.history, self.troubles = TagImage(), [], []
        self.engine = EngineTags(self.image, self.history.append, lambda: 5_000, self.trouble)

    def trouble(self, kind, detail):
        self.troubles.append((kind, detail))

    def born(self, *metrics, at=1_000):
        self.engine.device_born(EDGE, "Device 1", metrics, at)

    def node_born(self, *metrics, at=1_000):
        self.engine.node_born(EDGE, "Chariot SCADA", metrics, at)

    def data(self, *metrics, at=2_000):
        self.engine.values(EDGE, "Device 1", metrics, at)


@pytest.fixture
def host():
    return Host()


def number(name, value=1, **more):
    return Metric(name, DataType.Int32, value, 900, **more)


def motor(*members, reference="Motor", **more):
    return Metric("M1", DataType.Template, Template(members, (), reference), 900, **more)


def definition(name, *members, parameters=()):
    return Metric(name, DataType.Template, Template(members, parameters, is_definition=True), 900)


def test_a_birth_tells_unit_range_and_documentation(host):
    host.born(number("P", properties=BAR))
    assert host.image.about(f"{DEVICE}/P") == About("bar", 0.0, 16.0, "At the outlet", "Outlet")


def test_the_spelling_of_a_property_may_differ_in_case_and_the_exact_one_wins():
    said = {
        "engunit": Property(DataType.String, "psi"),
        "ReadOnly": Property(DataType.Boolean, True),
        "engUnit": Property(DataType.String, "bar"),
        "ENGUNIT": Property(DataType.String, "Pa"),
    }
    assert told(said) == About("bar", read_only=True)


@pytest.mark.parametrize(
    "said",
    [
        {"readOnly": Property(DataType.String, "true")},
        {"readOnly": Property(DataType.Boolean, None)},
        {"readOnly": Property(DataType.Int32, 1)},
        {"engUnit": Property(DataType.Int32, 5)},
        {"engLow": Property(DataType.Double, float("nan"))},
        {"engHigh": Property(DataType.Boolean, True)},
        {"engUnit": Property(DataType.PropertySet, {"a": Property(DataType.Int8, 1)})},
        {"documentation": Property(DataType.PropertySetList, ({},))},
        {},
        None,
    ],
)
def test_a_property_of_a_wrong_kind_counts_as_not_said(said):
    assert told(said) == NOTHING


def test_a_very_long_text_of_a_foreign_edge_node_is_cut():
    said = told({name: Property(DataType.String, "x" * 100_000) for name in ("engUnit", "documentation")})
    assert len(said.unit) + len(said.documentation) < 5_000


def test_data_may_change_a_property_and_leaves_the_others(host):
    host.born(number("P", properties=BAR))
    host.data(number("P", 2, properties={"engHigh": Property(DataType.Double, 25.0)}))
    assert host.image.about(f"{DEVICE}/P") == About("bar", 0.0, 25.0, "At the outlet", "Outlet")


def test_a_later_birth_says_everything_again(host):
    host.born(number("P", properties=BAR | READ_ONLY))
    host.born(number("P"))
    assert host.image.about(f"{DEVICE}/P") == NOTHING


def test_a_member_has_its_own_properties_or_those_of_its_definition(host):
    host.node_born(definition("Motor", number("Speed", properties=BAR), number("Amps", properties=READ_ONLY)))
    rpm = {"engUnit": Property(DataType.String, "rpm")}
    host.born(motor(number("Speed", properties=rpm), number("Amps")))
    assert host.image.about(f"{DEVICE}/M1/Speed") == About("rpm", 0.0, 16.0, "At the outlet", "Outlet")
    assert host.image.about(f"{DEVICE}/M1/Amps").read_only


def test_a_template_that_is_read_only_has_no_other_members(host):
    writable = {"readOnly": Property(DataType.Boolean, False)}
    inner = Template((number("Volts"),), (), "Drive")
    host.born(
        motor(
            number("Speed", properties=writable),
            Metric("Drive", DataType.Template, inner),
            properties=READ_ONLY,
        )
    )
    assert host.image.about(f"{DEVICE}/M1/Speed").read_only
    assert host.image.about(f"{DEVICE}/M1/Drive/Volts").read_only


def test_what_we_say_in_a_birth_is_what_a_host_reads():
    said = About("°C", -40.0, 120.0, "Ölwanne", read_only=True)
    metric = Metric("T", DataType.Double, 1.5, 900, properties=properties(said))
    (back,) = decode(encode(Payload(1, (metric,), 0))).metrics
    assert told(back.properties) == said
    assert properties(NOTHING) is None


# -- definitions


def test_a_definition_is_in_the_tree_with_members_and_parameters(host):
    drive = Metric("Drive", DataType.Template, Template((), (), "Drive"))
    parameters = (Parameter("Poles", DataType.UInt8, 4),)
    host.node_born(definition("Motor", number("Speed", 7, properties=BAR), drive, parameters=parameters))
    shown = {child.name: (child.kind, child.datatype) for child in host.image.browse(f"{TYPES}/Motor")}
    assert shown == {
        "Parameters": ("folder", ""),
        "Speed": ("tag", "Int32"),
        "Drive": ("tag", "Template"),
    }
    assert host.image.get(f"{TYPES}/Motor/Speed").value == 7
    assert host.image.get(f"{TYPES}/Motor/Drive").value == "Drive"
    assert host.image.get(f"{TYPES}/Motor/Parameters/Poles").value == 4
    assert host.image.about(f"{TYPES}/Motor/Speed").unit == "bar"
    assert host.engine.binding(f"{TYPES}/Motor/Speed") is None
    assert not host.history


def test_a_definition_that_is_named_by_the_folder_already_is_not_put_in_it_twice(host):
    host.node_born(definition("_types_/Pumps/Motor", number("Speed")))
    assert f"{TYPES}/Pumps/Motor/Speed" in host.image


def test_the_next_birth_replaces_the_definitions_and_death_leaves_them_stale(host):
    host.node_born(definition("Motor", number("Speed"), number("Amps")), definition("Pump", number("Flow")))
    host.node_born(definition("Motor", number("Speed")))
    assert list(host.image.under("[MQTT Engine]_types_")) == [f"{TYPES}/Motor/Speed"]
    host.engine.node_stale(EDGE, 3_000)
    assert host.image.get(f"{TYPES}/Motor/Speed").quality is Quality.STALE


@pytest.mark.parametrize("name", ["", "/", "A" * 2_000])
def test_a_member_without_a_usable_name_is_no_tag(host, name):
    host.node_born(definition("Motor", number(name), number("Speed")))
    assert list(host.image.under(TYPES)) == [f"{TYPES}/Motor/Speed"]


def test_an_empty_definition_is_there_too(host):
    host.node_born(definition("Nothing"))
    assert host.image.get(f"{TYPES}/Nothing").datatype == "Template"


# -- births that change a shape


def test_an_instance_may_refer_to_another_template_after_a_rebirth(host):
    host.born(motor(number("Speed", 1), number("Amps", 2)))
    host.born(motor(number("Speed", 3), number("Flow", 4), reference="Pump"), at=2_000)
    assert host.troubles == []
    assert host.image.get(f"{DEVICE}/M1/Speed").value == 3
    assert host.engine.binding(f"{DEVICE}/M1/Speed").levels == (("Speed", "Pump"),)
    assert host.image.get(f"{DEVICE}/M1/Amps").quality is Quality.STALE


def test_a_value_that_becomes_a_folder_is_gone_and_that_is_said(host):
    host.born(number("M1", 5), number("Other", 6))
    host.born(motor(number("Speed", 1)), number("Other", 6), at=2_000)
    assert f"{DEVICE}/M1" not in host.image
    assert host.image.get(f"{DEVICE}/M1/Speed").value == 1
    assert host.troubles == [("metric-shape", f"{DEVICE}/M1 was a value and is a folder of values now")]


def test_a_folder_that_becomes_a_value_is_gone_and_that_is_said(host):
    host.born(
        motor(number("Speed", 1), Metric("Drive", DataType.Template, Template((number("A"),), (), "D")))
    )
    host.born(number("M1", 5), at=2_000)
    assert list(host.image.under(f"{DEVICE}/M1")) == []
    assert host.image.get(f"{DEVICE}/M1").value == 5
    assert {kind for kind, _ in host.troubles} == {"metric-shape"}
    assert host.image.browse(f"{DEVICE}/M1") == []


def test_two_metrics_that_are_tag_and_folder_at_once_stay_both(host):
    host.born(number("A", 1), number("A/B", 2))
    host.born(number("A/B", 3), at=2_000)
    assert host.image.get(f"{DEVICE}/A").quality is Quality.STALE
    assert host.troubles == []


def test_a_metric_with_the_name_of_a_member_never_speaks_for_the_member(host):
    host.born(motor(number("Speed", 1)), number("M1/Speed", 99))
    host.data(number("M1/Speed", 98))
    assert host.image.get(f"{DEVICE}/M1/Speed").value == 1
    assert [kind for kind, _ in host.troubles] == ["metric-name", "metric-name"]
    assert "'M1' of Device 1 is there already" in host.troubles[0][1]


def test_a_member_that_changes_its_type_is_that_type(host):
    host.born(motor(number("Speed", 1)))
    host.born(motor(Metric("Speed", DataType.DoubleArray, (1.5,), 900)), at=2_000)
    assert host.image.get(f"{DEVICE}/M1/Speed").datatype == "DoubleArray"
    assert host.engine.binding(f"{DEVICE}/M1/Speed").datatype is DataType.DoubleArray
