"""What a host learns from the other node of its pair: `HostSession.adopt`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import Birth, DataType, EdgeNodeId, HostSession, Metric, PayloadError, Values
from tests.sparkplug.scene import (
    EDGE,
    HOST,
    START,
    at,
    kinds,
    message,
    nbirth,
    ndeath,
    number,
    only,
    problems,
    topic,
    wants,
)

A, B = "Chariot SCADA", "Chariot SCADA Peer"


def listening() -> HostSession:
    host = HostSession(HOST)
    host.connected(A, at(0))
    return host


def node_birth(bd_seq=7, seconds=0, server=A, mode=1) -> Birth:
    payload = nbirth(bd_seq, number("Mode", mode))
    return Birth(EDGE, None, server, bd_seq, START + seconds * 1000, payload)


def device_birth(bd_seq=7, seconds=0, server=A, value=10) -> Birth:
    payload = message(1, number("Tag 1", value))
    return Birth(EDGE, "Device 1", server, bd_seq, START + seconds * 1000, payload)


def adopted() -> HostSession:
    host = listening()
    host.adopt(node_birth(), at(1))
    host.adopt(device_birth(), at(1))
    return host


def ddata(host, seq, value, seconds, server=A):
    return host.receive(server, topic("DDATA", "Device 1"), message(seq, number("Tag 1", value)), at(seconds))


def values(effects):
    return [m.value for values in only(Values, effects) for m in values.metrics]


def test_an_adopted_birth_is_a_birth():
    host = listening()

    assert kinds(host.adopt(node_birth(), at(1))) == ["NodeBorn"]
    assert kinds(host.adopt(device_birth(), at(1))) == ["DeviceBorn"]
    view = host.node(EDGE)
    assert (view.online, view.bd_seq, view.adopted, view.devices) == (True, 7, True, {"Device 1": True})


def test_the_same_births_again_are_no_news():
    host = adopted()

    assert host.adopt(node_birth(), at(2)) == []
    assert host.adopt(device_birth(), at(2)) == []


def test_after_it_the_first_data_starts_the_count_whatever_its_seq():
    host = adopted()

    assert values(ddata(host, 133, 5, 2)) == [5]
    assert values(ddata(host, 134, 6, 2)) == [6]
    assert ddata(host, 136, 8, 2) == []
    assert host.deadline() is not None


def test_a_birth_of_ones_own_is_no_longer_adopted():
    host = adopted()
    host.receive(A, topic("NBIRTH"), nbirth(7), at(2))

    assert not host.node(EDGE).adopted


def test_the_birth_that_both_have_received_is_no_news():
    host = listening()
    payload = nbirth(7, number("Mode", 1))
    host.receive(A, topic("NBIRTH"), payload, at(1))

    assert host.adopt(Birth(EDGE, None, A, 7, START + 1500, payload), at(2)) == []
    assert host.adopt(Birth(EDGE, None, A, 7, START + 500, payload), at(2)) == []


@pytest.mark.parametrize("old", [node_birth(6, 5), node_birth(7, 0, mode=2), node_birth(250, 5)])
def test_an_older_birth_is_ignored(old):
    host = listening()
    host.receive(A, topic("NBIRTH"), nbirth(7, number("Mode", 1)), at(1))

    assert host.adopt(old, at(2)) == []
    assert host.node(EDGE).bd_seq == 7


@pytest.mark.parametrize("new", [node_birth(8, 5), node_birth(7, 5, mode=2), node_birth(100, 0)])
def test_a_newer_birth_is_adopted(new):
    host = listening()
    host.receive(A, topic("NBIRTH"), nbirth(7, number("Mode", 1)), at(1))

    assert kinds(host.adopt(new, at(6))) == ["NodeBorn"]


def test_what_has_died_is_not_revived_by_its_own_birth():
    host = adopted()
    host.receive(A, topic("NDEATH"), ndeath(7), at(3))

    assert host.adopt(node_birth(), at(4)) == []
    assert host.adopt(node_birth(7, 2, mode=2), at(4)) == []
    assert not host.node(EDGE).online


def test_a_dead_edge_node_that_started_from_zero_is_adopted():
    host = adopted()
    host.receive(A, topic("NDEATH"), ndeath(7), at(3))

    assert kinds(host.adopt(node_birth(0, 4), at(5))) == ["NodeBorn"]


def test_what_only_a_lost_server_made_stale_is_revived_with_its_devices():
    host = adopted()
    host.disconnected(A, at(2))
    host.connected(A, at(3))

    assert kinds(host.adopt(node_birth(), at(4))) == ["NodeBorn"]
    assert kinds(host.adopt(device_birth(), at(4))) == ["DeviceBorn"]
    assert host.deadline() is None
    assert values(ddata(host, 99, 5, 5)) == [5]


def test_a_device_that_died_meanwhile_is_not_revived():
    host = adopted()
    host.receive(A, topic("DDEATH", "Device 1"), message(2), at(2))

    assert host.adopt(device_birth(), at(3)) == []
    assert kinds(host.adopt(device_birth(seconds=4, value=11), at(5))) == ["DeviceBorn"]


@pytest.mark.parametrize("other", [device_birth(bd_seq=6), device_birth(bd_seq=8)])
def test_a_device_of_another_session_is_ignored(other):
    host = listening()
    host.adopt(node_birth(), at(1))

    assert host.adopt(other, at(1)) == []


def test_a_device_without_its_node_is_ignored():
    assert listening().adopt(device_birth(), at(1)) == []


def test_a_former_birth_of_a_device_does_not_outlive_the_rebirth_of_its_node():
    host = listening()
    host.receive(A, topic("NBIRTH"), nbirth(7), at(0))
    host.receive(A, topic("DBIRTH", "Device 1"), message(1, number("Tag 1", 1)), at(0))
    host.receive(A, topic("NBIRTH"), nbirth(7), at(9))

    assert host.adopt(device_birth(seconds=1), at(10)) == []


def test_on_a_server_that_is_not_connected_it_sleeps_until_the_node_speaks_there():
    host = HostSession(HOST)
    assert host.adopt(node_birth(), at(0)) == []
    assert host.adopt(device_birth(), at(0)) == []
    assert host.node(EDGE) is None

    host.connected(A, at(1))
    effects = ddata(host, 40, 5, 2)

    assert kinds(effects) == ["NodeBorn", "DeviceBorn", "Values"]
    assert wants(effects) == []


def test_a_sleeping_birth_does_not_wake_up_on_another_server():
    host = HostSession(HOST)
    host.adopt(node_birth(server=A), at(0))
    host.connected(B, at(1))

    assert problems(ddata(host, 40, 5, 2, server=B)) == ["unborn"]


@pytest.mark.parametrize("end", [("NDEATH", ndeath(7)), ("NBIRTH", nbirth(8))])
def test_a_sleeping_birth_is_forgotten_when_the_node_dies_or_is_born(end):
    host = HostSession(HOST)
    host.adopt(node_birth(), at(0))
    host.connected(A, at(1))
    host.receive(A, topic(end[0]), end[1], at(1))
    host.receive(A, topic("NDEATH"), ndeath(8), at(1))

    assert problems(ddata(host, 40, 5, 2)) == ["unborn"]


def test_a_peers_birth_that_cannot_be_read_is_a_problem():
    assert problems(listening().adopt(Birth(EDGE, None, A, 7, START, b"\xff"), at(1))) == ["payload"]


def test_what_one_host_gives_out_makes_the_other_one_equal():
    first, second = adopted(), listening()
    for birth in first.births():
        second.adopt(Birth.decode(birth.encode()), at(2))

    assert second.node(EDGE) == first.node(EDGE)
    assert second.births() == first.births()
    assert second.command(EDGE, "Device 1", [number("Tag 1", 3)], at(3)) == first.command(
        EDGE, "Device 1", [Metric("Tag 1", DataType.Int64, 3)], at(3)
    )


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="+/#\0"), min_size=1, max_size=9)


@given(
    st.builds(
        Birth,
        st.builds(EdgeNodeId, TEXT.filter(lambda g: g != "STATE"), TEXT),
        st.none() | TEXT,
        TEXT,
        st.integers(-1, 255),
        st.integers(0, 2**50),
        st.binary(max_size=50),
    )
)
def test_a_birth_reads_back_as_what_was_written(birth):
    assert Birth.decode(birth.encode()) == birth


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[]\n", b"{}\n", b'["G","E",null,"s",1]\n', b'[1,"E",null,"s",1,1]\n'])
)
def test_other_bytes_are_no_birth(data):
    with pytest.raises(PayloadError):
        Birth.decode(data)


@pytest.mark.parametrize(
    "head",
    [
        b'["G","E",5,"s",1,1]',
        b'["G/","E",null,"s",1,1]',
        b'["G","E",null,"s",true,1]',
        b'["G","E",null,"s",1,"1"]',
    ],
)
def test_a_birth_with_a_wrong_head_is_refused(head):
    with pytest.raises(PayloadError):
        Birth.decode(head + b"\npayload")
