from __future__ import annotations

import pytest

from sparkplug import (
    BAD,
    Close,
    DataType,
    EdgeSession,
    EdgeState,
    HostSilent,
    LocalProtocolError,
    Metric,
    Online,
    Publish,
    Subscribe,
    decode,
)
from sparkplug.state import LAST_TIMESTAMP
from tests.sparkplug.edge_scene import DEVICES, NODE, STATE, online, payloads, waiting
from tests.sparkplug.scene import (
    EDGE,
    HOST,
    START,
    at,
    kinds,
    number,
    only,
    problems,
    published,
    state,
    topic,
)


class TestConnecting:
    def test_the_will_is_an_ndeath_with_nothing_but_bdseq(self):
        will = EdgeSession(EDGE, HOST).open(7, at(0))
        payload = decode(will.payload)

        assert (will.topic, will.qos, will.retain) == (topic("NDEATH"), 1, False)
        assert [(m.name, m.datatype, m.value) for m in payload.metrics] == [("bdSeq", DataType.Int64, 7)]
        assert payload.seq is None

    @pytest.mark.parametrize("bd_seq", [-1, 256])
    def test_a_bdseq_out_of_range_is_refused(self, bd_seq):
        with pytest.raises(LocalProtocolError):
            EdgeSession(EDGE, HOST).open(bd_seq, at(0))

    def test_a_session_that_is_open_cannot_be_opened_again(self):
        session = waiting()

        with pytest.raises(LocalProtocolError):
            session.open(8, at(1))

    def test_it_subscribes_to_its_commands_and_its_hosts_state(self):
        session = EdgeSession(EDGE, HOST)
        session.open(0, at(0))

        [subscribe] = session.connected(at(0))

        assert subscribe == Subscribe(((topic("NCMD"), 1), (topic("DCMD", "+"), 1), (STATE, 1)))
        assert session.state is EdgeState.WAITING

    def test_without_a_primary_host_births_are_due_at_once(self):
        session = EdgeSession(EDGE, None)
        session.open(0, at(0))

        assert kinds(session.connected(at(0))) == ["Subscribe", "BirthDue"]
        assert published(session.birth(NODE, DEVICES, at(0))) == ["NBIRTH", "DBIRTH"]

    def test_a_second_connack_changes_nothing(self):
        assert online().connected(at(1)) == []

    def test_a_group_called_state_is_refused(self):
        with pytest.raises(LocalProtocolError):
            EdgeSession(EDGE._replace(group="STATE"), HOST)


class TestWaitingForTheHost:
    def test_births_are_due_when_the_host_is_online(self):
        assert kinds(waiting().receive(STATE, state(True, START), at(1))) == ["BirthDue"]

    def test_the_first_state_ever_seen_is_accepted(self):
        assert kinds(waiting().receive(STATE, state(True, 0), at(1))) == ["BirthDue"]

    def test_the_same_timestamp_is_accepted_again(self):
        session = waiting(last_state=START)

        assert kinds(session.receive(STATE, state(True, START), at(1))) == ["BirthDue"]

    @pytest.mark.parametrize("said", [True, False])
    def test_an_older_state_does_not_count(self, said):
        session = waiting(last_state=START)

        effects = session.receive(STATE, state(said, START - 1), at(1))

        assert problems(effects) == ["state-old"]
        assert session.state is EdgeState.WAITING
        assert session.last_state == START

    @pytest.mark.parametrize(
        "garbage", [b"", b"ONLINE", b"{}", b'{"online": 1, "timestamp": 1}', b"\xff\x00"]
    )
    def test_a_state_that_cannot_be_read_is_a_problem_and_nothing_else(self, garbage):
        session = waiting()

        assert problems(session.receive(STATE, garbage, at(1))) == ["state"]
        assert session.state is EdgeState.WAITING

    def test_a_timestamp_that_no_calendar_holds_does_not_count_for_ever(self):
        session = waiting()

        assert problems(session.receive(STATE, state(True, LAST_TIMESTAMP + 1), at(1))) == ["state"]
        assert session.last_state == 0
        assert kinds(session.receive(STATE, state(True, LAST_TIMESTAMP), at(1))) == ["BirthDue"]
        assert kinds(session.receive(STATE, state(False, LAST_TIMESTAMP), at(1))) == [
            "Publish",
            "Close",
            "HostOffline",
        ]

    def test_another_hosts_state_means_nothing(self):
        assert waiting().receive("spBv1.0/STATE/Other", state(True, START), at(1)) == []

    def test_a_host_that_is_offline_sends_it_to_the_next_server_with_a_goodbye(self):
        session = waiting()

        effects = session.receive(STATE, state(False, START), at(1))

        assert kinds(effects) == ["Publish", "Close", "HostOffline"]
        assert published(effects) == ["NDEATH"]
        assert session.state is EdgeState.CLOSED

    def test_a_silent_host_does_the_same_after_the_wait(self):
        session = waiting(state_wait=3.0)

        assert session.deadline() == 3.0
        assert session.tick(at(2.9)) == []
        effects = session.tick(at(3.0))
        assert kinds(effects) == ["Publish", "Close", "HostSilent"]
        assert only(Close, effects)[0].clean
        assert only(Close, effects)[0].with_will, "which MQTT 5 says with reason 0x04"
        assert HOST in only(HostSilent, effects)[0].why
        assert session.deadline() is None

    def test_an_old_online_does_not_end_the_wait(self):
        session = waiting(last_state=START)
        session.receive(STATE, state(True, START - 1), at(1))

        assert kinds(session.tick(at(3))) == ["Publish", "Close", "HostSilent"]

    def test_the_wait_is_over_once_the_host_is_online_however_long_the_births_take(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(1))

        assert session.deadline() is None
        assert session.tick(at(60)) == []

    def test_a_repeated_online_asks_for_one_birth_only(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(1))

        assert session.receive(STATE, state(True, START + 1), at(1)) == []

    def test_the_highest_timestamp_survives_reconnecting(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))
        session.disconnected(at(1))
        session.open(8, at(2))
        session.connected(at(2))

        assert problems(session.receive(STATE, state(True, START - 5), at(2))) == ["state-old"]

    def test_nothing_may_be_born_before_the_host_is_online(self):
        session = waiting()

        assert session.birth(NODE, DEVICES, at(1)) == []
        assert session.data(None, [number("Mode", 2)], at(1)) == []
        assert session.state is EdgeState.WAITING


class TestBirths:
    def test_the_node_is_born_first_then_every_device_then_it_is_online(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))

        effects = session.birth(NODE, {"A": (), "B": ()}, at(1))

        assert [p.topic for p in only(Publish, effects)] == [
            topic("NBIRTH"),
            topic("DBIRTH", "A"),
            topic("DBIRTH", "B"),
        ]
        assert all((p.qos, p.retain) == (0, False) for p in only(Publish, effects))
        assert effects[-1] == Online(rebirth=False)
        assert session.state is EdgeState.ONLINE

    def test_seq_counts_over_node_and_devices_from_zero(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))
        effects = session.birth(NODE, {"A": (number("x", 1),), "B": ()}, at(0))
        effects += session.data("A", [number("x", 2)], at(1))
        effects += session.data(None, [number("Mode", 2)], at(1))
        effects += session.device_death("B", at(1))

        assert [p.seq for p in payloads(effects)] == [0, 1, 2, 3, 4, 5]

    def test_seq_goes_from_255_to_0_and_starts_again_at_a_rebirth(self):
        session = online()
        seqs = [payloads(session.data(None, [number("Mode", n)], at(1)))[0].seq for n in range(300)]

        assert seqs == [(2 + n) % 256 for n in range(300)]
        assert [p.seq for p in payloads(session.birth(NODE, DEVICES, at(2)))] == [0, 1]

    def test_the_nbirth_has_the_wills_bdseq_and_a_rebirth_keeps_it(self):
        session = online(bd_seq=42)

        [first, _] = payloads(session.birth(NODE, DEVICES, at(2)))

        assert next(m.value for m in first.metrics if m.name == "bdSeq") == 42

    def test_the_nbirth_offers_rebirth_and_next_server_both_false(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))

        [nbirth] = payloads(session.birth((), {}, at(0)))

        controls = {m.name: (m.datatype, m.value) for m in nbirth.metrics if m.name != "bdSeq"}
        assert controls == {
            "Node Control/Rebirth": (DataType.Boolean, False),
            "Node Control/Next Server": (DataType.Boolean, False),
        }

    def test_every_metric_has_name_datatype_and_timestamp_and_they_are_in_time_order(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))
        node = (
            number("new", 1, timestamp=START + 9),
            number("old", 2, timestamp=5),
            Metric("none", DataType.Text, None),
        )

        [nbirth] = payloads(session.birth(node, {}, at(1)))

        stamps = [m.timestamp for m in nbirth.metrics]
        assert stamps == sorted(stamps)
        assert all(m.name and m.datatype for m in nbirth.metrics)

    def test_aliases_are_unique_over_node_and_devices_and_the_controls_have_none(self):
        session = waiting(use_aliases=True)
        session.receive(STATE, state(True, START), at(0))

        metrics = [m for p in payloads(session.birth(NODE, DEVICES, at(0))) for m in p.metrics]

        given = {m.name: m.alias for m in metrics}
        assert [given[n] for n in ("bdSeq", "Node Control/Rebirth", "Node Control/Next Server")] == [None] * 3
        assert sorted(given[n] for n in ("Mode", "Name", "Tag 1", "Small")) == [0, 1, 2, 3]

    def test_one_bad_value_does_not_keep_the_node_from_being_born(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))

        effects = session.birth((Metric("x", DataType.Int8, 1000, START), number("y", 2)), {}, at(0))

        born = {m.name: m for m in payloads(effects)[0].metrics}
        assert problems(effects) == ["value"]
        assert (born["x"].value, born["x"].quality) == (None, BAD)
        assert born["y"].value == 2

    def test_what_cannot_be_in_a_birth_is_left_out(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))
        node = (number("x", 1), number("x", 2), number(None, 3), Metric("u", DataType.Unknown, 4))

        effects = session.birth(node, {"bad/device": ()}, at(0))

        assert problems(effects) == ["birth"] * 4
        assert published(effects) == ["NBIRTH"]
        assert [m.value for m in payloads(effects)[0].metrics if m.name == "x"] == [1]

    def test_a_name_that_is_no_unicode_does_not_keep_the_node_from_being_born(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))

        effects = session.birth((number("a\ud800", 1), number("y", 2)), {"d\ud800": ()}, at(0))

        assert problems(effects) == ["birth", "birth"]
        assert [m.name for m in payloads(effects)[0].metrics][-1] == "y"

    def test_names_that_differ_only_by_case_are_told_and_sent(self):
        session = waiting()
        session.receive(STATE, state(True, START), at(0))

        effects = session.birth((number("Level", 1), number("LEVEL", 2)), {"D": (), "d": ()}, at(0))

        assert problems(effects) == ["case", "case"]
        assert published(effects) == ["NBIRTH", "DBIRTH", "DBIRTH"]
        assert {"Level", "LEVEL"} <= {m.name for m in payloads(effects)[0].metrics}

    def test_a_callers_own_bdseq_never_replaces_the_sessions(self):
        session = waiting(bd_seq=3)
        session.receive(STATE, state(True, START), at(0))

        [nbirth] = payloads(session.birth((number("bdSeq", 99),), {}, at(0)))

        assert [m.value for m in nbirth.metrics if m.name == "bdSeq"] == [3]


class TestData:
    def test_data_has_a_timestamp_in_message_and_metric_and_no_datatype(self):
        [data] = payloads(online().data("Device 1", [number("Tag 1", 11, timestamp=None)], at(5)))

        assert data.timestamp == data.metrics[0].timestamp == START + 5000
        assert data.metrics[0].datatype is DataType.Unknown
        assert (data.metrics[0].name, data.metrics[0].value) == ("Tag 1", 11)

    def test_with_aliases_data_has_no_names(self):
        session = online(use_aliases=True)

        [data] = payloads(session.data("Device 1", [number("Tag 1", 11)], at(1)))

        assert data.metrics[0].name is None
        assert data.metrics[0].alias is not None

    def test_historical_values_stay_marked(self):
        [data] = payloads(online().data("Device 1", [number("Tag 1", 1, is_historical=True)], at(1)))

        assert data.metrics[0].is_historical

    def test_a_metric_that_is_not_in_the_birth_asks_for_a_birth_and_is_not_sent(self):
        session = online()

        effects = session.data("Device 1", [number("New", 1), number("Tag 1", 2)], at(1))

        assert kinds(effects) == ["Publish", "BirthDue"]
        assert [m.name for m in payloads(effects)[0].metrics] == ["Tag 1"]

    def test_births_for_new_metrics_are_asked_for_no_more_often_than_rebirths(self):
        session = online(rebirth_debounce=5.0)
        session.data("Device 1", [number("New", 1)], at(1))
        session.birth(NODE, DEVICES, at(1))

        assert session.data("Device 1", [number("New", 2)], at(2)) == []
        assert session.deadline() == 6.0

    def test_a_device_that_was_never_born_asks_for_a_birth(self):
        assert kinds(online().data("Device 9", [number("x", 1)], at(1))) == ["BirthDue"]

    def test_a_dead_device_says_nothing_until_it_is_born_again(self):
        session = online()

        assert published(session.device_death("Device 1", at(1))) == ["DDEATH"]
        assert session.device_death("Device 1", at(1)) == []
        assert session.data("Device 1", [number("Tag 1", 5)], at(1)) == []
        assert published(session.device_birth("Device 1", DEVICES["Device 1"], at(2))) == ["DBIRTH"]
        assert published(session.data("Device 1", [number("Tag 1", 5)], at(2))) == ["DDATA"]

    def test_a_value_that_does_not_fit_goes_out_as_bad(self):
        effects = online().data("Device 1", [Metric("Small", DataType.Int8, 999, START)], at(1))

        assert problems(effects) == ["value"]
        assert payloads(effects)[0].metrics[0].quality == BAD

    def test_nothing_to_say_takes_no_number(self):
        assert online().data(None, [], at(1)) == []
