"""Templates as a host reads them, and whatever others make of them."""

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
    Payload,
    Property,
    Publish,
    Template,
    Values,
    decode,
    encode,
)
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
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
    topic,
)
from tests.sparkplug.template_scene import (
    M1,
    MOTOR,
    P1,
    PUMP,
    born_edge,
    inside,
    instance,
    member,
    named,
    speed,
)


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

    def test_what_a_command_will_carry_can_be_asked_before(self):
        host = listening()
        heard(host, born_edge()[1])

        [fitting] = host.fit(EDGE, "Device 1", [instance("M1", "Motor", speed(2.0))], at(2))

        assert inside(fitting)["Speed"][:3] == ("Speed", DataType.Int16, 2)
        with pytest.raises(NotBorn):
            host.fit(EDGE, "Device 9", [], at(2))

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


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 30), st.binary(max_size=8)), max_size=4))
def test_whatever_becomes_of_the_bytes_of_a_template_nothing_is_raised(cuts):
    session, births = born_edge(use_aliases=True)
    data = session.data("Device 1", [instance("P1", "Pump", instance("Drive", "Motor", speed(9)))], at(1))
    host = listening()
    for publish in only(Publish, [*births, *data]):
        payload = publish.payload
        for place, length, junk in cuts:
            payload = payload[:place] + junk + payload[place + length :]
        host.receive(A, publish.topic, payload, at(1))
        session.receive(topic("DCMD", "Device 1"), payload, at(1))
    host.tick(at(60))

    assert kinds(host.receive(A, topic("NBIRTH"), nbirth(9, MOTOR, M1), at(61)))[-1] == "NodeBorn"
