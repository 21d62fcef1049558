"""Templates as an edge node sends them: definitions in the NBIRTH, instances in births, DATA and commands."""

from __future__ import annotations

import pytest

from sparkplug import (
    BAD,
    Commanded,
    DataType,
    MetaData,
    Metric,
    Parameter,
    Property,
    Template,
)
from tests.sparkplug.edge_scene import command, payloads
from tests.sparkplug.scene import (
    START,
    at,
    kinds,
    only,
    problems,
    published,
    topic,
)
from tests.sparkplug.template_scene import (
    DRIVE,
    M1,
    MOTOR,
    P1,
    PUMP,
    born_edge,
    defined,
    inside,
    instance,
    member,
    named,
    speed,
)


class TestTheEdgeNode:
    def test_definitions_are_in_the_nbirth_and_instances_anywhere(self):
        _, effects = born_edge()
        nbirth_, dbirth = payloads(effects)

        assert problems(effects) == []
        definition = named(nbirth_.metrics)["Motor"].value
        assert isinstance(definition, Template)
        assert (definition.is_definition, definition.reference, definition.version) == (True, None, "1.0")
        assert [m.name for m in definition.metrics] == ["Speed", "Name"]
        assert definition.parameters == (Parameter("Poles", DataType.UInt8, 4),)
        pump = named(dbirth.metrics)["P1"].value
        assert isinstance(pump, Template)
        assert (pump.is_definition, pump.reference) == (False, "Pump")
        assert inside(inside(named(dbirth.metrics)["P1"])["Drive"])["Speed"].value == 5

    def test_a_definition_in_a_devices_birth_is_left_out(self):
        _, effects = born_edge(node=(), devices={"Device 1": (MOTOR,)})

        assert problems(effects) == ["birth"]
        assert payloads(effects)[1].metrics == ()

    def test_in_births_an_instance_has_all_members_null_where_nobody_gave_one(self):
        _, effects = born_edge(devices={"Device 1": (instance("M2", "Motor", speed(3)),)})

        members = inside(payloads(effects)[1].metrics[0])

        assert problems(effects) == []
        assert list(members) == ["Speed", "Name"]
        assert (members["Name"].value, members["Name"].datatype) == (None, DataType.String)
        assert members["Name"].quality is None

    def test_an_instance_without_definition_goes_out_as_null(self):
        _, effects = born_edge(devices={"Device 1": (instance("X", "Ghost", speed(1)),)})

        [x] = payloads(effects)[1].metrics

        assert problems(effects) == ["value"]
        assert (x.value, x.quality, x.datatype) == (None, BAD, DataType.Template)

    def test_a_member_that_the_definition_lacks_is_left_out_of_births(self):
        _, effects = born_edge(devices={"Device 1": (instance("M2", "Motor", speed(3), DRIVE),)})

        assert problems(effects) == ["birth"]
        assert list(inside(payloads(effects)[1].metrics[0])) == ["Speed", "Name"]

    def test_a_member_that_does_not_fit_spoils_itself_only(self):
        _, effects = born_edge(
            devices={
                "Device 1": (instance("M2", "Motor", speed(10**6), member("Name", DataType.String, "n")),)
            }
        )

        members = inside(payloads(effects)[1].metrics[0])

        assert problems(effects) == ["value"]
        assert (members["Speed"].value, members["Speed"].quality) == (None, BAD)
        assert members["Name"].value == "n"

    def test_data_carries_the_members_that_changed_without_datatypes(self):
        session, _ = born_edge()

        effects = session.data(
            "Device 1", [instance("P1", "Pump", instance("Drive", "Motor", speed(9)))], at(1)
        )

        [sent] = payloads(effects)[0].metrics
        drive = inside(sent)["Drive"]
        assert problems(effects) == []
        assert list(inside(sent)) == ["Drive"]
        assert (inside(drive)["Speed"].value, inside(drive)["Speed"].datatype) == (9, DataType.Unknown)
        assert sent.datatype is DataType.Unknown
        assert (sent.value.reference, sent.value.is_definition) == ("Pump", False)

    def test_data_with_a_member_that_is_not_defined_asks_for_a_birth(self):
        session, _ = born_edge()

        effects = session.data("Device 1", [instance("M1", "Motor", member("New", DataType.Int8, 1))], at(1))

        assert kinds(effects) == ["BirthDue"]
        session.birth((PUMP, MOTOR), {"Device 1": (P1, M1)}, at(1))
        mixed = instance("M1", "Motor", member("New", DataType.Int8, 1), speed(2))
        effects = session.data("Device 1", [mixed], at(20))
        assert kinds(effects) == ["Publish", "BirthDue"]
        assert list(inside(payloads(effects)[0].metrics[0])) == ["Speed"]

    def test_a_definition_is_no_data(self):
        session, _ = born_edge()

        effects = session.data(None, [MOTOR], at(1))

        assert problems(effects) == ["value"]
        assert published(effects) == []

    def test_every_metric_of_births_and_data_has_a_timestamp_members_too(self):
        fresh = Metric("Speed", DataType.Int16, 1)
        session, effects = born_edge(devices={"Device 1": (instance("M1", "Motor", fresh),)})
        effects += session.data("Device 1", [instance("M1", "Motor", fresh)], at(3))

        def stamps(metrics):
            for metric in metrics:
                yield metric.timestamp
                if isinstance(metric.value, Template) and not metric.value.is_definition:
                    yield from stamps(metric.value.metrics)

        assert all(stamp for payload in payloads(effects) for stamp in stamps(payload.metrics))

    def test_with_aliases_the_metric_has_one_and_its_members_have_none(self):
        session, effects = born_edge(use_aliases=True)
        effects += session.data("Device 1", [instance("M1", "Motor", speed(2))], at(1))

        nbirth_, dbirth, ddata = payloads(effects)
        given = [m.alias for m in (*nbirth_.metrics, *dbirth.metrics) if m.alias is not None]
        assert sorted(given) == [0, 1, 2, 3]
        assert (ddata.metrics[0].name, ddata.metrics[0].alias) == (
            None,
            named(dbirth.metrics)["M1"].alias,
        )
        assert [(m.name, m.alias) for m in ddata.metrics[0].value.metrics] == [("Speed", None)]

    @pytest.mark.parametrize(
        "wrong",
        [
            defined("W", speed(), speed(1)),
            defined("W", speed(name=None)),
            defined("W", member("x", DataType.Unknown, 1)),
            defined("W", member("x", DataType.PropertySet, None)),
            defined("W", instance("Self", "W")),
            defined("W", speed(10**9)),
            defined("W", speed(), parameters=(Parameter("p", DataType.DataSet, None),)),
            defined("W", speed(), parameters=(Parameter("", DataType.Int8, 1),)),
        ],
    )
    def test_what_a_definition_cannot_have_is_left_out_and_the_node_is_born(self, wrong):
        _, effects = born_edge(node=(wrong, MOTOR))

        assert "birth" in problems(effects)
        assert published(effects) == ["NBIRTH", "DBIRTH"]
        template = named(payloads(effects)[0].metrics)["W"].value
        assert template.is_definition
        assert all(m.name and m.datatype and not isinstance(m.value, Template) for m in template.metrics)

    def test_definitions_that_contain_each_other_in_a_circle_are_cut(self):
        ring = [defined(f"T{n}", instance("next", f"T{(n + 1) % 5}")) for n in range(5)]

        _, effects = born_edge(node=ring, devices={})

        metrics = named(payloads(effects)[0].metrics)
        left = [m for n in range(5) for m in metrics[f"T{n}"].value.metrics]
        assert problems(effects) == ["birth"]
        assert len(left) < 5

    def test_a_command_writes_the_members_it_names_with_their_datatypes(self):
        session, _ = born_edge()
        write = command(instance("P1", "Pump", instance("Drive", "Motor", speed(-3))), datatypes=False)

        [commanded] = only(Commanded, session.receive(topic("DCMD", "Device 1"), write, at(1)))

        drive = inside(commanded.metrics[0])["Drive"]
        assert inside(drive)["Speed"][:3] == ("Speed", DataType.Int16, -3)

    @pytest.mark.parametrize(
        "wrong",
        [
            instance("M1", "Motor", member("Nonsense", DataType.Int8, 1)),
            instance("M1", "Motor", member("Speed", DataType.String, "fast")),
            instance("M1", "Ghost", speed(1)),
            MOTOR._replace(name="M1"),
            Metric("M1", DataType.Int32, 5),
        ],
    )
    def test_a_command_that_does_not_fit_the_definition_is_refused_whole(self, wrong):
        session, _ = born_edge()

        effects = session.receive(topic("DCMD", "Device 1"), command(wrong), at(1))

        assert problems(effects) == ["command"]
        assert only(Commanded, effects) == []

    def test_properties_and_metadata_go_out_with_births_and_data(self):
        properties = {"engUnit": Property(DataType.String, "rpm")}
        metric = Metric("x", DataType.Int32, 1, START, properties=properties)
        file = Metric("f", DataType.File, b"abc", START, metadata=MetaData(file_name="f.txt", seq=1))
        session, effects = born_edge(node=(metric, file), devices={})
        effects += session.data(None, [metric, file], at(1))

        for payload in payloads(effects):
            metrics = named(payload.metrics)
            assert dict(metrics["x"].properties) == properties
            assert metrics["f"].metadata.file_name == "f.txt"

    def test_properties_that_cannot_be_written_spoil_their_metric_only(self):
        bad = Metric("x", DataType.Int32, 1, START, properties={"p": Property(DataType.Int8, "no number")})
        good = Metric("y", DataType.Int32, 2, START)

        session, effects = born_edge(node=(bad, good), devices={})
        effects += session.data(None, [bad, good], at(1))

        assert problems(effects) == ["value", "value"]
        for payload in payloads(effects):
            metrics = named(payload.metrics)
            assert (metrics["x"].value, metrics["x"].quality) == (None, BAD)
            assert metrics["y"].value == 2
