from __future__ import annotations

import pytest

from sparkplug import (
    DataType,
    DeviceDied,
    LocalProtocolError,
    Metric,
    NodeDied,
    NodeStale,
    NotBorn,
    decode,
)
from tests.sparkplug.host_scene import A, B, born, ddata, listening, written
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
    problems,
    state,
    topic,
    wants,
)


class TestDeaths:
    @pytest.mark.statement(
        "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
        "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
    )
    def test_a_node_dies_with_its_devices(self):
        host = born()

        [fact] = host.receive(A, topic("NDEATH"), ndeath(7), at(5))

        assert isinstance(fact, NodeDied)
        assert (fact.edge, fact.server, fact.at) == (EDGE, A, START + 5000)
        assert not host.node(EDGE).online
        assert host.node(EDGE).devices == {"Device 1": False}
        assert host.births() == []

    def test_a_death_with_another_bdseq_is_the_will_of_another_session(self):
        host = born(bd_seq=7)

        assert host.receive(A, topic("NDEATH"), ndeath(6), at(1)) == []
        assert host.node(EDGE).online

    def test_a_death_without_bdseq_means_nothing(self):
        assert born().receive(A, topic("NDEATH"), message(None), at(1)) == []

    def test_the_death_of_an_unknown_node_means_nothing(self):
        host = listening()

        assert host.receive(A, topic("NDEATH"), ndeath(0), at(1)) == []
        assert host.node(EDGE) is None

    def test_dying_twice_is_dying_once(self):
        host = born()
        host.receive(A, topic("NDEATH"), ndeath(7), at(1))

        assert host.receive(A, topic("NDEATH"), ndeath(7), at(1)) == []

    def test_a_dead_node_that_speaks_is_asked_for_its_birth(self):
        host = born()
        host.receive(A, topic("NDEATH"), ndeath(7), at(1))

        assert wants(ddata(host, 2, 22, 2)) == [A]

    def test_a_dead_node_is_not_asked_any_more(self):
        host = born()
        host.receive(A, topic("NDATA"), message(None), at(0))
        host.receive(A, topic("NDEATH"), ndeath(7), at(1))

        assert host.deadline() is None

    @pytest.mark.statement(
        "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
    )
    def test_a_device_dies_at_the_time_the_edge_node_says(self):
        host = born()

        [fact] = host.receive(A, topic("DDEATH", "Device 1"), message(2, sent=START - 77), at(5))

        assert isinstance(fact, DeviceDied)
        assert (fact.device, fact.at) == ("Device 1", START - 77)
        assert host.node(EDGE).online
        assert problems(ddata(host, 3, 1, 6)) == ["unborn"]

    def test_the_death_of_an_unknown_device_takes_its_number_and_means_nothing(self):
        host = born()

        assert host.receive(A, topic("DDEATH", "Nobody"), message(2), at(1)) == []
        assert written(ddata(host, 3, 33, 1)) == [33]


class TestSeveralServers:
    def test_a_birth_on_another_server_makes_the_session_here_void(self):
        host = born(A, 7)

        effects = host.receive(B, topic("NBIRTH"), nbirth(8), at(1))

        assert kinds(effects) == ["DeviceDied", "NodeBorn"]
        assert host.node(EDGE).server == B
        assert host.receive(A, topic("NDEATH"), ndeath(7), at(2)) == []
        assert host.node(EDGE).online

    def test_the_same_bdseq_on_another_server_is_another_session(self):
        host = born(A, 7)
        host.receive(B, topic("NBIRTH"), nbirth(7, sent=START + 1), at(1))

        assert host.receive(A, topic("NDEATH"), ndeath(7), at(2)) == []

    def test_the_tail_of_a_session_that_was_left_does_not_take_the_node_back(self):
        host = born(A, 7)
        host.receive(B, topic("NBIRTH"), nbirth(8, sent=START + 1000), at(1))

        effects = host.receive(A, topic("NBIRTH"), nbirth(7, sent=START + 500), at(2))

        assert problems(effects) == ["birth-late"]
        assert host.node(EDGE).server == B

    def test_an_edge_that_forgot_its_bdseq_is_taken_at_its_word(self):
        host = born(A, 50)

        assert kinds(host.receive(B, topic("NBIRTH"), nbirth(0, sent=START + 9), at(1)))[-1] == "NodeBorn"

    def test_data_from_another_server_is_not_applied(self):
        effects = ddata(born(A), 2, 22, 1, server=B)

        assert problems(effects) == ["other-server"]
        assert wants(effects) == [B]
        assert written(effects) == []

    def test_a_lost_server_makes_its_nodes_stale_and_no_others(self):
        host = born(A)
        other = EDGE._replace(edge="Edge 2")
        host.receive(B, topic("NBIRTH", edge=other), nbirth(1), at(0))

        [fact] = host.disconnected(A, at(5))

        assert isinstance(fact, NodeStale)
        assert (fact.edge, fact.server, fact.at) == (EDGE, A, START + 5000)
        assert host.node(other).online
        assert not host.node(EDGE).online
        assert host.disconnected(A, at(6)) == []

    def test_when_the_server_is_back_the_birth_is_asked_for_once_subscribed(self):
        host = born(A)
        host.disconnected(A, at(5))

        assert kinds(host.connected(A, at(9))) == ["Subscribe"]
        assert host.deadline() == 9.5
        assert wants(host.tick(at(9.5))) == [A]

    def test_values_after_a_lost_server_wait_for_the_birth_even_if_seq_goes_on(self):
        host = born(A)
        host.disconnected(A, at(5))
        host.connected(A, at(9))

        effects = ddata(host, 2, 22, 9.2)

        assert written(effects) == []
        assert problems(effects) == ["unborn"]
        assert kinds(host.receive(A, topic("NBIRTH"), nbirth(7), at(9.6))) == ["NodeBorn"]

    def test_nothing_is_asked_through_a_lost_server(self):
        host = listening()
        host.receive(A, topic("NDATA"), message(1), at(0))
        host.disconnected(A, at(1))

        assert host.deadline() is None

    def test_late_messages_of_a_lost_server_are_dropped(self):
        host = born(A)
        host.disconnected(A, at(5))

        assert host.receive(A, topic("NBIRTH"), nbirth(8), at(5)) == []
        assert host.receive("unheard of", topic("NBIRTH"), nbirth(8), at(5)) == []


class TestOtherHosts:
    @pytest.mark.parametrize("kind", ["NCMD", "DCMD"])
    def test_commands_are_ignored_even_if_they_are_garbage(self, kind):
        host = born()

        for payload in (b"\xff", message(None, Metric("Node Control/Rebirth", DataType.Boolean, True))):
            assert host.receive(A, topic(kind, "D" if kind == "DCMD" else None), payload, at(1)) == []
        assert host.deadline() is None

    @pytest.mark.parametrize("who", [HOST, "Other"])
    @pytest.mark.parametrize("payload", [state(False, START), state(True, 2**62), b"", b"ONLINE"])
    def test_state_is_ignored(self, who, payload):
        assert born().receive(A, f"spBv1.0/STATE/{who}", payload, at(1)) == []

    def test_only_the_own_states_timestamp_is_noted(self):
        host = listening()
        host.receive(A, f"spBv1.0/STATE/{HOST}", state(False, START), at(1))
        host.receive(B, f"spBv1.0/STATE/{HOST}", state(True, START - 5), at(1))
        host.receive(B, "spBv1.0/STATE/Other", state(True, START + 5), at(1))
        host.receive(B, f"spBv1.0/STATE/{HOST}", b"garbage", at(1))

        assert host.highest_state == START

    @pytest.mark.parametrize("text", ["spBv1.0/G/WHAT/E", "spBv1.0/STATE/NDATA/E", "spBv1.0/", "x", ""])
    def test_topics_that_are_none_are_problems(self, text):
        assert problems(born().receive(A, text, b"", at(1))) == ["topic"]


class TestCommands:
    def test_a_write_goes_to_the_nodes_server_with_the_births_datatype(self):
        addressed = born(B).command(EDGE, "Device 1", [Metric("Small", DataType.Unknown, 9)], at(1))

        assert addressed.server == B
        assert (addressed.publish.topic, addressed.publish.qos, addressed.publish.retain) == (
            topic("DCMD", "Device 1"),
            0,
            False,
        )
        payload = decode(addressed.publish.payload)
        assert (payload.seq, payload.timestamp) == (None, START + 1000)
        assert payload.metrics[0][:3] == ("Small", DataType.Int8, 9)

    def test_a_metric_with_an_alias_goes_by_alias_alone(self):
        addressed = born().command(EDGE, None, [number("Mode", 9)], at(1))

        [metric] = decode(addressed.publish.payload).metrics
        assert (metric.name, metric.alias, metric.value) == (None, 0, 9)

    def test_a_rebirth_request_goes_by_name(self):
        addressed = born().rebirth(EDGE, at(1))

        assert addressed.publish.topic == topic("NCMD")
        [metric] = decode(addressed.publish.payload).metrics
        assert metric[:3] == ("Node Control/Rebirth", DataType.Boolean, True)

    def test_a_node_that_was_only_heard_can_be_asked_for_its_birth(self):
        host = listening()
        host.receive(B, topic("NDATA"), message(1), at(0))

        assert host.rebirth(EDGE, at(0)).server == B

    def test_a_node_on_the_wrong_server_is_asked_where_it_spoke(self):
        host = born(A)
        ddata(host, 2, 2, 1, server=B)

        assert host.rebirth(EDGE, at(1)).server == B

    @pytest.mark.parametrize(
        ("device", "name"),
        [("Device 1", "Nobody"), ("Device 9", "Tag 1"), (None, "Tag 1"), ("Device 1", None)],
    )
    def test_what_was_never_born_cannot_be_written(self, device, name):
        with pytest.raises(NotBorn):
            born().command(EDGE, device, [number(name, 1)], at(1))

    def test_a_stale_or_dead_node_cannot_be_written(self):
        stale, dead = born(), born()
        stale.disconnected(A, at(1))
        dead.receive(A, topic("NDEATH"), ndeath(7), at(1))

        for host in (stale, dead, listening()):
            with pytest.raises(NotBorn):
                host.command(EDGE, "Device 1", [number("Tag 1", 1)], at(2))

    def test_a_dead_device_cannot_be_written(self):
        host = born()
        host.receive(A, topic("DDEATH", "Device 1"), message(2), at(1))

        with pytest.raises(NotBorn):
            host.command(EDGE, "Device 1", [number("Tag 1", 1)], at(2))

    @pytest.mark.parametrize("value", [200, 1.5, "9", True])
    def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(self, value):
        with pytest.raises(LocalProtocolError, match="Small"):
            born().command(EDGE, "Device 1", [Metric("Small", DataType.Int8, value)], at(1))

    def test_a_rebirth_of_nobody_is_refused(self):
        with pytest.raises(NotBorn):
            listening().rebirth(EDGE, at(0))
