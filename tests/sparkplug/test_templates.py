"""Templates through both sessions: definitions in the NBIRTH, instances in births, DATA and commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import (
    BAD,
    Commanded,
    DataType,
    DeviceBorn,
    HostSession,
    LocalProtocolError,
    MetaData,
    Metric,
    NodeBorn,
    NotBorn,
    Parameter,
    Payload,
    Property,
    Publish,
    Template,
    Values,
    decode,
    encode,
)
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from tests.sparkplug.edge_scene import STATE, command, payloads, waiting
from tests.sparkplug.host_scene import A, listening
from tests.sparkplug.scene import (
    EDGE,
    START,
    at,
    kinds,
    message,
    nbirth,
    only,
    problems,
    published,
    state,
    topic,
)


def speed(value: object = 0, **more: object) -> Metric:
    return Metric("Speed", DataType.Int16, value, START)._replace(**more)  # type: ignore[arg-type]


def member(name: str, datatype: DataType, value: object) -> Metric:
    return Metric(name, datatype, value, START)  # type: ignore[arg-type]


def defined(name: str, *members: Metric, parameters: tuple[Parameter, ...] = ()) -> Metric:
    template = Template(members, parameters, None, "1.0", is_definition=True)
    return Metric(name, DataType.Template, template, START)


def instance(name: str, reference: str, *members: Metric, **more: object) -> Metric:
    return Metric(name, DataType.Template, Template(members, (), reference)._replace(**more), START)


MOTOR = defined(
    "Motor",
    speed(),
    member("Name", DataType.String, "?"),
    parameters=(Parameter("Poles", DataType.UInt8, 4),),
)
PUMP = defined("Pump", instance("Drive", "Motor"), member("Running", DataType.Boolean, False))
DRIVE = instance("Drive", "Motor", speed(5), member("Name", DataType.String, "m"))
P1 = instance("P1", "Pump", DRIVE, member("Running", DataType.Boolean, True))
M1 = instance("M1", "Motor", speed(-7), member("Name", DataType.String, "one"))


def born_edge(node=(PUMP, MOTOR), devices=None, **settings):
    """An edge node that is online, and the effects of its birth."""
    session = waiting(**settings)
    session.receive(STATE, state(True, START), at(0))
    return session, session.birth(node, {"Device 1": (P1, M1)} if devices is None else devices, at(0))


def named(metrics) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def inside(metric: Metric) -> dict[str, Metric]:
    assert isinstance(metric.value, Template)
    return named(metric.value.metrics)


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


def heard(host: HostSession, effects) -> list[object]:
    """What a host makes of an edge node's messages."""
    told: list[object] = []
    for publish in only(Publish, effects):
        told += host.receive(A, publish.topic, publish.payload, at(1))
    return told


class TestTheHost:
    def test_births_carry_definitions_and_instances(self):
        _, births = born_edge()

        effects = heard(listening(), births)

        [node], [device] = only(NodeBorn, effects), only(DeviceBorn, effects)
        assert problems(effects) == []
        assert named(node.metrics)["Motor"].value.is_definition
        assert inside(inside(named(device.metrics)["P1"])["Drive"])["Name"].value == "m"

    @pytest.mark.parametrize("use_aliases", [False, True])
    def test_partial_instances_in_data_get_datatypes_from_the_definition(self, use_aliases):
        session, births = born_edge(use_aliases=use_aliases)
        host = listening()
        heard(host, births)
        data = session.data(
            "Device 1", [instance("P1", "Pump", instance("Drive", "Motor", speed(-2)))], at(1)
        )

        [values] = only(Values, heard(host, data))

        [p1] = values.metrics
        assert (p1.name, p1.datatype) == ("P1", DataType.Template)
        assert list(inside(p1)) == ["Drive"]
        drive = inside(p1)["Drive"]
        assert drive.datatype is DataType.Template
        assert inside(drive)["Speed"][:4] == ("Speed", DataType.Int16, -2, START)

    def test_a_member_that_comes_by_alias_gets_the_name_that_its_birth_gave_it(self):
        host = listening()
        aliased = instance("M1", "Motor", speed(1, alias=77))
        host.receive(A, topic("NBIRTH"), nbirth(0, MOTOR, aliased), at(0))
        wire = WirePayload(timestamp=START, seq=1)
        sent = wire.metrics.add(name="M1").template_value
        sent.template_ref, sent.is_definition = "Motor", False
        sent.metrics.add(alias=77, int_value=-4 & 0xFFFF_FFFF)

        [values] = only(Values, host.receive(A, topic("NDATA"), wire.SerializeToString(), at(1)))

        assert inside(values.metrics[0])["Speed"][:3] == ("Speed", DataType.Int16, -4)

    def test_an_unknown_member_spoils_itself_only(self):
        host = listening()
        host.receive(A, topic("NBIRTH"), nbirth(0, MOTOR, M1), at(0))
        data = instance("M1", "Motor", speed(3), member("Ghost", DataType.Int32, 1))

        effects = host.receive(A, topic("NDATA"), message(1, data), at(1))

        members = inside(only(Values, effects)[0].metrics[0])
        assert problems(effects) == ["template"]
        assert members["Speed"].value == 3
        assert (members["Ghost"].value, members["Ghost"].quality) == (None, BAD)

    def test_a_member_of_the_wrong_type_spoils_itself_only(self):
        host = listening()
        host.receive(A, topic("NBIRTH"), nbirth(0, MOTOR, M1), at(0))
        data = instance(
            "M1", "Motor", member("Speed", DataType.String, "x"), member("Name", DataType.String, "n")
        )

        for datatypes in (True, False):
            seq = 1 if datatypes else 2
            effects = host.receive(A, topic("NDATA"), message(seq, data, datatypes=datatypes), at(1))
            members = inside(only(Values, effects)[0].metrics[0])
            assert problems(effects) == ["template"]
            assert (members["Speed"].value, members["Speed"].quality) == (None, BAD)
            assert members["Name"].value == "n"

    def test_an_instance_without_definition_keeps_the_members_that_say_what_they_are(self):
        host = listening()
        effects = host.receive(A, topic("NBIRTH"), nbirth(0, M1), at(0))

        assert problems(effects) == ["birth"]
        assert inside(named(only(NodeBorn, effects)[0].metrics)["M1"])["Speed"].value == -7
        effects = host.receive(A, topic("NDATA"), message(1, M1, datatypes=False), at(1))
        assert [m.quality for m in only(Values, effects)[0].metrics[0].value.metrics] == [BAD, BAD]

    def test_a_definition_in_a_devices_birth_is_understood_and_dies_with_it(self):
        host = listening()
        host.receive(A, topic("NBIRTH"), nbirth(0), at(0))
        host.receive(A, topic("DBIRTH", "D"), message(1, MOTOR, M1), at(0))
        partial = message(2, instance("M1", "Motor", speed(4)), datatypes=False)

        [values] = only(Values, host.receive(A, topic("DDATA", "D"), partial, at(1)))

        assert inside(values.metrics[0])["Speed"][:3] == ("Speed", DataType.Int16, 4)

    def test_a_command_to_members_travels_to_the_edge_node_and_back(self):
        session, births = born_edge(use_aliases=True)
        host = listening()
        heard(host, births)
        wish = instance("P1", "Pump", instance("Drive", "Motor", speed(11)))

        addressed = host.command(EDGE, "Device 1", [wish], at(2))
        sent = decode(addressed.publish.payload).metrics[0]
        effects = session.receive(addressed.publish.topic, addressed.publish.payload, at(2))

        assert sent.value.reference == "Pump"
        [commanded] = only(Commanded, effects)
        assert inside(inside(commanded.metrics[0])["Drive"])["Speed"].value == 11

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            (instance("M1", "Motor", member("Ghost", DataType.Int8, 1)), NotBorn),
            (instance("M1", "Motor", speed(10**9)), LocalProtocolError),
            (instance("M1", "Ghost", speed(1)), LocalProtocolError),
            (Metric("M1", DataType.Template, 5), LocalProtocolError),
        ],
    )
    def test_a_command_that_no_definition_allows_is_refused_before_it_leaves(self, wrong, error):
        host = listening()
        heard(host, born_edge()[1])

        with pytest.raises(error):
            host.command(EDGE, "Device 1", [wrong], at(2))

    def test_properties_and_metadata_reach_whoever_listens(self):
        host = listening()
        properties = {"engUnit": Property(DataType.String, "bar"), "engHigh": Property(DataType.Double, 9.5)}
        metric = Metric(
            "x", DataType.Int32, 1, START, properties=properties, metadata=MetaData(description="d")
        )

        [born] = only(NodeBorn, host.receive(A, topic("NBIRTH"), nbirth(0, metric), at(0)))
        [values] = only(Values, host.receive(A, topic("NDATA"), message(1, metric), at(1)))

        for x in (named(born.metrics)["x"], values.metrics[0]):
            assert dict(x.properties or {}) == properties
            assert x.metadata is not None
            assert x.metadata.description == "d"


NAMES = st.sampled_from(["Speed", "Name", "Ghost", "Drive", "Running", None])
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.booleans())


@st.composite
def loose_instances(draw, depth=2):
    """Instances as a careless application makes them."""
    members = [
        Metric(
            draw(NAMES),
            draw(st.sampled_from([DataType.Int16, DataType.String, DataType.Unknown])),
            draw(VALUES),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    if depth:
        members += [
            Metric(draw(NAMES), DataType.Template, draw(loose_instances(depth - 1)))
            for _ in range(draw(st.integers(0, 2)))
        ]
    reference = draw(st.sampled_from(["Motor", "Pump", "Ghost", None]))
    return Template(tuple(members), (), reference, None, draw(st.booleans()))


@given(st.lists(st.tuples(st.sampled_from(["M1", "P1"]), loose_instances()), max_size=4))
def test_whatever_an_application_hands_in_the_host_reads_every_member_that_left(given_):
    session, births = born_edge()
    host = listening()
    heard(host, births)
    for name, value in given_:
        effects = session.data("Device 1", [Metric(name, DataType.Template, value, START)], at(1))
        if "BirthDue" in kinds(effects):
            effects += session.birth((PUMP, MOTOR), {"Device 1": (P1, M1)}, at(1))
        assert "template" not in problems(heard(host, effects))


@given(loose_instances())
def test_whatever_a_foreign_edge_node_sends_the_host_goes_on(value):
    host = listening()
    try:
        strange = encode(Payload(START, (Metric("M1", DataType.Template, value, START),), 1))
    except LocalProtocolError:
        return
    host.receive(A, topic("NBIRTH"), nbirth(0, MOTOR, M1), at(0))

    host.receive(A, topic("NDATA"), strange, at(1))

    good = message(2, instance("M1", "Motor", speed(8)), datatypes=False)
    assert (
        inside(only(Values, host.receive(A, topic("NDATA"), good, at(2)))[0].metrics[0])["Speed"].value == 8
    )
