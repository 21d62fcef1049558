from __future__ import annotations

import pytest

from sparkplug import (
    BAD,
    DataType,
    DeviceBorn,
    HostSession,
    Metric,
    NodeBorn,
    Payload,
    Subscribe,
    encode,
)
from sparkplug import host as host_module
from tests.sparkplug.host_scene import DEVICE, A, born, ddata, listening, written
from tests.sparkplug.scene import (
    EDGE,
    HOST,
    START,
    at,
    kinds,
    message,
    nbirth,
    number,
    only,
    problems,
    topic,
    wants,
)


class TestBirths:
    def test_it_subscribes_to_everything(self):
        assert HostSession(HOST).connected(A, at(0)) == [Subscribe((("spBv1.0/#", 1),))]

    def test_a_node_birth_tells_where_and_with_what(self):
        payload = nbirth(7, number("Mode", 1))

        [fact] = listening().receive(A, topic("NBIRTH"), payload, at(3))

        assert isinstance(fact, NodeBorn)
        assert (fact.edge, fact.server, fact.bd_seq, fact.at) == (EDGE, A, 7, START + 3000)
        assert [m.name for m in fact.metrics] == ["bdSeq", "Mode"]
        assert (fact.birth.device, fact.birth.payload, fact.birth.at) == (None, payload, START + 3000)

    def test_devices_are_offline_from_the_nodes_birth_until_their_own(self):
        host = born()
        assert host.node(EDGE).devices == {"Device 1": True}

        effects = host.receive(A, topic("NBIRTH"), nbirth(7, number("Mode", 1)), at(1))

        assert kinds(effects) == ["DeviceDied", "NodeBorn"]
        assert host.node(EDGE).devices == {"Device 1": False}
        effects = host.receive(A, topic("DBIRTH", "Device 1"), message(1, *DEVICE), at(1))
        assert kinds(effects) == ["DeviceBorn"]
        assert host.node(EDGE).devices == {"Device 1": True}

    def test_any_seq_of_the_birth_starts_the_count(self):
        host = listening()
        host.receive(A, topic("NBIRTH"), nbirth(7, seq=200), at(0))

        assert kinds(host.receive(A, topic("DBIRTH", "D"), message(201, *DEVICE), at(0))) == ["DeviceBorn"]

    def test_a_birth_without_bdseq_counts_and_is_a_problem(self):
        host = listening()

        effects = host.receive(A, topic("NBIRTH"), message(0, number("Mode", 1)), at(0))

        assert kinds(effects) == ["Problem", "NodeBorn"]
        assert kinds(host.receive(A, topic("NDEATH"), message(None), at(1))) == ["NodeDied"]

    def test_bad_metrics_in_a_birth_spoil_only_themselves(self):
        birth = message(
            0,
            number("bdSeq", 7),
            Metric("untyped", DataType.Unknown, None),
            number(None, 1, alias=5),
            number("twice", 1),
            number("twice", 2),
        )

        effects = listening().receive(A, topic("NBIRTH"), birth, at(0))

        assert problems(effects) == ["birth"]
        [fact] = only(NodeBorn, effects)
        assert {m.name: (m.value, m.quality) for m in fact.metrics} == {
            "bdSeq": (7, None),
            "untyped": (None, BAD),
            "twice": (2, None),
        }

    def test_values_of_a_metric_that_was_born_without_datatype_are_bad_and_ask_for_nothing(self):
        host = listening()
        host.receive(A, topic("NBIRTH"), nbirth(7, Metric("x", DataType.Unknown, None)), at(0))

        [values] = host.receive(A, topic("NDATA"), message(1, number("x", 5), datatypes=False), at(1))

        assert (values.metrics[0].value, values.metrics[0].quality) == (None, BAD)

    def test_births_are_handed_out_node_first(self):
        assert [birth.device for birth in born().births()] == [None, "Device 1"]

    def test_edge_nodes_are_independent_of_each_other(self):
        host = born()
        other = EDGE._replace(edge="Edge 2")

        assert kinds(host.receive(A, topic("NBIRTH", edge=other), nbirth(1), at(0))) == ["NodeBorn"]
        assert written(ddata(host, 2, 11, 1)) == [11]

    def test_made_up_edge_nodes_do_not_fill_the_memory(self, monkeypatch):
        monkeypatch.setattr(host_module, "MAX_NODES", 3)
        host = listening()

        for n in range(5):
            effects = host.receive(A, topic("NBIRTH", edge=EDGE._replace(edge=f"E{n}")), nbirth(1), at(0))

        assert problems(effects) == ["too-many"]
        assert len(host.nodes()) == 3

    def test_made_up_edge_nodes_that_were_never_born_keep_no_real_one_out(self, monkeypatch):
        monkeypatch.setattr(host_module, "MAX_NODES", 3)
        host = born()
        for n in range(50):
            ghost = EDGE._replace(edge=f"Ghost {n}")
            host.receive(A, topic("NDATA", edge=ghost), message(1, number("x", 1)), at(n))

        effects = host.receive(A, topic("NBIRTH", edge=EDGE._replace(edge="Late")), nbirth(1), at(60))

        assert kinds(effects) == ["NodeBorn"]
        assert [edge.edge for edge in host.nodes()] == ["Edge 1", "Late"]
        assert len(wants(host.tick(at(100)))) <= 3, "nobody asks for the forgotten ones"

    def test_a_node_that_was_heard_of_once_is_not_asked_for_for_ever(self):
        host = listening()
        ghost = EDGE._replace(edge="Ghost")
        host.receive(A, topic("NDATA", edge=ghost), message(1, number("x", 1)), at(0))
        asked = 0
        while (due := host.deadline()) is not None and due < 10_000:
            asked += len(wants(host.tick(at(due))))

        assert 15 <= asked <= 25, "for ten minutes"
        assert host.wanted() == []
        assert wants(host.receive(A, topic("NDATA", edge=ghost), message(2, number("x", 2)), at(9_000)))

    def test_a_node_that_was_born_once_is_asked_for_until_it_is_back(self):
        host = born()
        host.disconnected(A, at(1))
        host.connected(A, at(2))
        last = 0.0
        while (due := host.deadline()) is not None and due < 10_000:
            last = due if wants(host.tick(at(due))) else last

        assert last > 9_900


class TestValues:
    def test_values_have_the_names_and_datatypes_of_the_birth(self):
        data = message(2, Metric("Small", DataType.Int8, -7, None), datatypes=False)

        [values] = born().receive(A, topic("DDATA", "Device 1"), data, at(4))

        assert (values.edge, values.device, values.at) == (EDGE, "Device 1", START + 4000)
        assert values.metrics == (Metric("Small", DataType.Int8, -7, START),)

    def test_alias_zero_is_resolved(self):
        data = message(2, Metric(None, DataType.Int64, -3, START, alias=0), datatypes=False)

        [values] = born().receive(A, topic("NDATA"), data, at(1))

        assert (values.metrics[0].name, values.metrics[0].value) == ("Mode", -3)

    def test_a_message_without_any_timestamp_gets_the_hosts(self):
        data = message(2, number("Tag 1", 1, timestamp=None), sent=None)

        [values] = born().receive(A, topic("DDATA", "Device 1"), data, at(4))

        assert values.metrics[0].timestamp == START + 4000

    def test_historical_values_come_marked_in_any_order_of_time(self):
        late = [number("Tag 1", n, timestamp=START - 1000 * n, is_historical=True) for n in (1, 5, 3)]

        [values] = born().receive(A, topic("DDATA", "Device 1"), message(2, *late), at(1))

        assert [(m.value, m.is_historical) for m in values.metrics] == [(1, True), (5, True), (3, True)]

    def test_a_null_is_a_value(self):
        [values] = born().receive(A, topic("DDATA", "Device 1"), message(2, number("Tag 1", None)), at(1))

        assert (values.metrics[0].value, values.metrics[0].quality) == (None, None)

    def test_seq_goes_on_from_255_to_0(self):
        host = born()

        assert [written(ddata(host, (2 + n) % 256, n, 1)) for n in range(600)] == [[n] for n in range(600)]


class TestWhatOnlyABirthCanHeal:
    @pytest.mark.parametrize("kind", ["NDATA", "DDATA", "DBIRTH", "DDEATH"])
    def test_anything_before_the_birth(self, kind):
        device = "Device 1" if kind[0] == "D" else None

        effects = listening().receive(A, topic(kind, device), message(5, number("x", 1)), at(0))

        assert problems(effects) == ["unborn"]
        assert wants(effects) == [A]

    def test_data_of_a_device_before_its_birth(self):
        effects = born().receive(A, topic("DDATA", "Device 2"), message(2, number("x", 1)), at(0))

        assert problems(effects) == ["unborn"]
        assert wants(effects) == [A]

    @pytest.mark.parametrize(
        "stranger", [number("New", 1), number(None, 1, alias=99), number(None, 1, alias=0)]
    )
    def test_a_metric_that_is_not_in_the_birth_while_the_others_count(self, stranger):
        data = message(2, stranger, number("Tag 1", 5))

        effects = born().receive(A, topic("DDATA", "Device 1"), data, at(0))

        assert written(effects) == [5]
        assert problems(effects) == ["unknown-metric"]
        assert wants(effects) == [A]

    def test_an_alias_that_two_metrics_of_a_device_share_means_neither(self):
        host = born()
        twins = message(2, number("a", 1, alias=4), number("b", 2, alias=4))
        assert problems(host.receive(A, topic("DBIRTH", "Device 1"), twins, at(0))) == ["birth"]

        effects = host.receive(A, topic("DDATA", "Device 1"), message(3, number(None, 9, alias=4)), at(0))

        assert written(effects) == []
        assert problems(effects) == ["unknown-metric"]

    @pytest.mark.parametrize("kind", ["NBIRTH", "NDATA", "DDATA", "DBIRTH", "DDEATH"])
    def test_a_payload_that_cannot_be_read(self, kind):
        effects = born().receive(A, topic(kind, "Device 1" if kind[0] == "D" else None), b"\xff\xff", at(0))

        assert problems(effects) == ["payload"]
        assert wants(effects) == [A]

    @pytest.mark.parametrize("seq", [None, 256, 2**63])
    def test_a_seq_that_is_none(self, seq):
        effects = born().receive(A, topic("NDATA"), message(seq, number("Mode", 1)), at(0))

        assert problems(effects) == ["seq"]
        assert wants(effects) == [A]

    def test_an_unreadable_death_asks_for_nothing(self):
        effects = born().receive(A, topic("NDEATH"), b"\xff", at(0))

        assert problems(effects) == ["payload"]
        assert wants(effects) == []

    def test_requests_are_limited_per_node_and_go_on_until_it_is_born(self):
        host = listening(rebirth_interval=5.0)
        asked = []
        for tenth in range(400):
            now = tenth / 10
            effects = host.receive(A, topic("NDATA"), message(tenth % 256, number("x", 1)), at(now))
            asked += [now] * len(wants(effects))

        assert asked == [0, 5, 15, 35]
        host.receive(A, topic("NBIRTH"), nbirth(1), at(41))
        assert host.wanted() == []
        assert host.deadline() is None

    def test_a_request_that_was_lost_is_repeated_without_further_data(self):
        host = listening(rebirth_interval=5.0)
        host.receive(A, topic("NDATA"), message(1, number("x", 1)), at(0))

        assert host.deadline() == 5.0
        assert wants(host.tick(at(5))) == [A]
        assert [w.edge for w in host.wanted()] == [EDGE]

    def test_one_nodes_requests_do_not_hold_up_anothers(self):
        host = listening()
        host.receive(A, topic("NDATA"), message(1), at(0))

        effects = host.receive(A, topic("NDATA", edge=EDGE._replace(edge="Edge 2")), message(1), at(0))

        assert wants(effects) == [A]


class TestOrder:
    @pytest.mark.statement(
        "tck-id-operational-behavior-host-reordering-start",
        "tck-id-operational-behavior-host-reordering-success",
    )
    def test_an_early_message_waits_for_the_missing_one(self):
        host = born()

        assert ddata(host, 3, 33, 1) == []
        assert host.deadline() == 3.0
        assert written(ddata(host, 2, 22, 2)) == [22, 33]
        assert host.deadline() is None

    def test_the_order_is_one_over_node_and_devices(self):
        host = born()
        host.receive(A, topic("NDATA"), message(4, number("Mode", 3)), at(1))
        host.receive(A, topic("DBIRTH", "Device 2"), message(3, number("x", 1)), at(1))

        assert kinds(ddata(host, 2, 22, 1)) == ["Values", "DeviceBorn", "Values"]

    @pytest.mark.statement(
        "tck-id-operational-behavior-host-reordering-param",
        "tck-id-operational-behavior-host-reordering-rebirth",
    )
    def test_a_gap_that_stays_open_asks_for_a_birth_and_keeps_the_values(self):
        host = born(reorder_timeout=2.0)
        ddata(host, 4, 44, 1)
        ddata(host, 3, 33, 1)

        assert host.tick(at(2.9)) == []
        effects = host.tick(at(3))

        assert problems(effects) == ["seq-gap"]
        assert wants(effects) == [A]
        assert written(effects) == [33, 44]
        assert written(ddata(host, 5, 55, 3)) == [55]

    def test_a_gap_ends_with_the_next_message_too_if_nobody_ticks(self):
        host = born(reorder_timeout=2.0)
        ddata(host, 3, 33, 1)

        assert written(ddata(host, 4, 44, 3)) == [33, 44]

    def test_what_came_after_giving_up_is_too_late(self):
        host = born()
        ddata(host, 3, 33, 1)
        host.tick(at(3))

        assert ddata(host, 2, 22, 3.5) == []
        assert host.deadline() == 8.0  # the next request for a birth: nothing waits for its turn
        assert written(ddata(host, 4, 44, 3.6)) == [44]

    def test_a_duplicate_is_dropped(self):
        host = born()
        ddata(host, 2, 22, 1)

        assert ddata(host, 2, 22, 1) == []
        assert host.deadline() is None
        assert written(ddata(host, 3, 33, 1)) == [33]

    def test_a_duplicate_of_a_waiting_message_is_dropped(self):
        host = born()
        ddata(host, 3, 33, 1)
        ddata(host, 3, 33, 1)

        assert written(ddata(host, 2, 22, 1)) == [22, 33]

    def test_more_than_half_a_circle_lost_is_a_loss_and_no_duplicate(self):
        host = born()

        ddata(host, 202, 1, 1)

        effects = host.tick(at(3))
        assert problems(effects) == ["seq-gap"]
        assert written(effects) == [1]

    def test_too_many_waiting_is_a_loss_at_once(self):
        host = born()
        effects = [effect for n in range(3, 70) for effect in ddata(host, n, n, 1)]

        assert problems(effects) == ["seq-gap"]
        assert written(effects) == list(range(3, 70))

    def test_a_birth_bypasses_the_order_and_clears_what_waits(self):
        host = born()
        ddata(host, 5, 55, 1)

        assert kinds(host.receive(A, topic("NBIRTH"), nbirth(7), at(1))) == ["DeviceDied", "NodeBorn"]
        assert host.deadline() is None

    def test_two_gaps_are_waited_for_one_after_the_other(self):
        host = born(reorder_timeout=2.0)
        ddata(host, 3, 33, 1)
        ddata(host, 6, 66, 1)

        assert written(ddata(host, 2, 22, 2)) == [22, 33]
        assert host.deadline() == 4.0
        effects = host.tick(at(4))
        assert problems(effects) == ["seq-gap"]
        assert written(effects) == [66]


def test_a_birth_with_arrays_and_data_sets_is_a_birth():
    """They are not read yet; the rest of the node must not suffer."""
    odd = Metric("Odd", DataType.Int8Array, None, START, quality=BAD)
    host = listening()

    effects = host.receive(A, topic("NBIRTH"), encode(Payload(START, (number("bdSeq", 1), odd), 0)), at(0))

    assert kinds(effects) == ["NodeBorn"]
    assert only(DeviceBorn, effects) == []
