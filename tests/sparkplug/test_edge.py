from __future__ import annotations

import pytest

from sparkplug import (
    BAD,
    BirthDue,
    Close,
    Commanded,
    DataType,
    EdgeSession,
    EdgeState,
    HostOffline,
    HostSilent,
    LocalProtocolError,
    Metric,
    NextServerAsked,
    Online,
    Payload,
    Publish,
    Subscribe,
    decode,
    encode,
)
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

STATE = f"spBv1.0/STATE/{HOST}"
NODE = (number("Mode", 1), Metric("Name", DataType.String, "e", START))
DEVICES = {"Device 1": (number("Tag 1", 10), Metric("Small", DataType.Int8, -5, START))}


def waiting(bd_seq=7, **settings) -> EdgeSession:
    session = EdgeSession(EDGE, HOST, **settings)
    session.open(bd_seq, at(0))
    session.connected(at(0))
    return session


def online(**settings) -> EdgeSession:
    session = waiting(**settings)
    session.receive(STATE, state(True, START), at(0))
    session.birth(NODE, DEVICES, at(0))
    return session


def payloads(effects) -> list[Payload]:
    return [decode(publish.payload) for publish in only(Publish, effects)]


def command(*metrics: Metric, datatypes: bool = True) -> bytes:
    return encode(Payload(START, metrics), datatypes=datatypes)


def control(name: str, value: object = True) -> bytes:
    return command(Metric(f"Node Control/{name}", DataType.Boolean, value, START))


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


class TestRebirth:
    def test_a_request_is_answered_at_once(self):
        session = online()

        assert kinds(session.receive(topic("NCMD"), control("Rebirth"), at(1))) == ["BirthDue"]

    def test_no_data_between_request_and_birth(self):
        session = online()
        session.receive(topic("NCMD"), control("Rebirth"), at(1))

        assert session.data("Device 1", [number("Tag 1", 5)], at(1)) == []
        effects = session.birth(NODE, DEVICES, at(1.1))
        assert published(effects) == ["NBIRTH", "DBIRTH"]
        assert effects[-1] == Online(rebirth=True)
        assert published(session.data("Device 1", [number("Tag 1", 5)], at(1.2))) == ["DDATA"]

    def test_repeated_requests_get_one_answer_at_the_end_of_the_debounce(self):
        session = online(rebirth_debounce=5.0)
        session.receive(topic("NCMD"), control("Rebirth"), at(1))
        session.birth(NODE, DEVICES, at(1))

        assert session.receive(topic("NCMD"), control("Rebirth"), at(2)) == []
        assert session.receive(topic("NCMD"), control("Rebirth"), at(3)) == []
        assert session.deadline() == 6.0
        assert session.tick(at(5.9)) == []
        assert kinds(session.tick(at(6))) == ["BirthDue"]
        session.birth(NODE, DEVICES, at(6))
        assert session.deadline() is None

    def test_requests_before_the_birth_is_answered_are_answered_by_it(self):
        session = online()
        session.receive(topic("NCMD"), control("Rebirth"), at(1))

        assert session.receive(topic("NCMD"), control("Rebirth"), at(1)) == []
        session.birth(NODE, DEVICES, at(1))
        assert session.deadline() is None

    def test_a_birth_for_another_reason_answers_a_debounced_request(self):
        session = online()
        session.receive(topic("NCMD"), control("Rebirth"), at(1))
        session.birth(NODE, DEVICES, at(1))
        session.receive(topic("NCMD"), control("Rebirth"), at(2))

        session.birth(NODE, DEVICES, at(3))

        assert session.deadline() is None

    @pytest.mark.parametrize("value", [False, None])
    def test_rebirth_false_is_no_request(self, value):
        assert online().receive(topic("NCMD"), control("Rebirth", value), at(1)) == []

    def test_a_request_without_datatype_is_understood(self):
        wish = command(Metric("Node Control/Rebirth", DataType.Boolean, True), datatypes=False)

        assert kinds(online().receive(topic("NCMD"), wish, at(1))) == ["BirthDue"]

    def test_a_request_to_a_node_that_is_not_born_changes_nothing(self):
        session = waiting()

        assert problems(session.receive(topic("NCMD"), control("Rebirth"), at(1))) == ["command"]
        assert only(BirthDue, session.tick(at(2))) == []


class TestCommands:
    def test_a_write_arrives_with_the_datatype_of_the_birth(self):
        write = command(Metric("Tag 1", DataType.Int32, 99))

        effects = online().receive(topic("DCMD", "Device 1"), write, at(1))

        assert [
            (e.device, e.metrics[0].name, e.metrics[0].datatype, e.metrics[0].value) for e in effects
        ] == [("Device 1", "Tag 1", DataType.Int64, 99)]

    def test_a_write_by_alias_or_without_datatype_is_understood(self):
        session = waiting(use_aliases=True)
        session.receive(STATE, state(True, START), at(0))
        births = payloads(session.birth(NODE, DEVICES, at(0)))
        alias = next(m.alias for m in births[1].metrics if m.name == "Small")

        write = command(Metric(None, DataType.Int8, -7, alias=alias), datatypes=False)
        [commanded] = session.receive(topic("DCMD", "Device 1"), write, at(1))

        assert (commanded.metrics[0].name, commanded.metrics[0].value) == ("Small", -7)

    def test_an_alias_of_another_device_means_nothing(self):
        session = online(use_aliases=True)

        write = command(Metric(None, DataType.Int64, 5, alias=0))  # the node's "Mode"

        assert problems(session.receive(topic("DCMD", "Device 1"), write, at(1))) == ["command"]

    @pytest.mark.parametrize(
        ("device", "metric"),
        [
            ("Device 1", number("Nobody", 1)),
            ("Device 1", Metric("Tag 1", DataType.String, "5")),
            ("Device 1", Metric("Tag 1", DataType.Boolean, True)),
            ("Device 1", Metric("Small", DataType.Int32, 300)),
            ("Device 1", Metric(None, DataType.Int64, 5, alias=77)),
            ("Device 1", Metric("Tag 1", DataType.Int8Array, None, quality=BAD)),
            ("Device 9", number("Tag 1", 1)),
            (None, number("bdSeq", 1)),
        ],
    )
    def test_what_the_birth_does_not_allow_is_a_problem_and_is_not_written(self, device, metric):
        effects = online().receive(topic("DCMD" if device else "NCMD", device), command(metric), at(1))

        assert problems(effects) == ["command"]
        assert only(Commanded, effects) == []

    def test_the_good_part_of_a_command_is_carried_out(self):
        write = command(number("Nobody", 1), number("Tag 1", 2))

        effects = online().receive(topic("DCMD", "Device 1"), write, at(1))

        assert problems(effects) == ["command"]
        assert [m.name for m in only(Commanded, effects)[0].metrics] == ["Tag 1"]

    def test_next_server_is_passed_on(self):
        assert online().receive(topic("NCMD"), control("Next Server"), at(1)) == [NextServerAsked()]

    @pytest.mark.parametrize(
        "intruder",
        [
            topic("NCMD", edge=EDGE._replace(edge="Edge 2")),
            topic("NDATA"),
            topic("NDEATH"),
            "spBv1.0/Group 1/NCMD",
            "garbage",
            "",
        ],
    )
    def test_messages_that_are_not_for_it_change_nothing(self, intruder):
        session = online()

        assert problems(session.receive(intruder, control("Rebirth"), at(1))) in (["topic"], ["payload"])
        assert published(session.data(None, [number("Mode", 5)], at(1))) == ["NDATA"]

    def test_a_command_that_cannot_be_read_is_a_problem(self):
        assert problems(online().receive(topic("NCMD"), b"\xff\xff", at(1))) == ["payload"]


class TestEnding:
    def test_goodbye_is_an_ndeath_with_the_same_bdseq_and_a_clean_close(self):
        session = online(bd_seq=7)

        effects = session.goodbye(at(1))

        assert kinds(effects) == ["Publish", "Close"]
        [death] = payloads(effects)
        assert ([m.value for m in death.metrics], death.seq) == ([7], None)
        assert effects[1].clean
        assert session.state is EdgeState.CLOSED

    def test_goodbye_while_connecting_only_closes(self):
        session = EdgeSession(EDGE, HOST)
        session.open(0, at(0))

        assert kinds(session.goodbye(at(0))) == ["Close"]

    def test_goodbye_twice_says_it_once(self):
        session = online()
        session.goodbye(at(1))

        assert session.goodbye(at(1)) == []

    def test_a_host_that_goes_offline_sends_an_online_node_away(self):
        session = online()

        effects = session.receive(STATE, state(False, START), at(1))

        assert kinds(effects) == ["Publish", "Close", "HostOffline"]
        assert only(HostOffline, effects)[0].why == "Primary is offline"

    def test_the_will_of_a_host_that_was_replaced_does_not(self):
        session = online()
        session.receive(STATE, state(True, START + 1000), at(1))

        assert problems(session.receive(STATE, state(False, START), at(1))) == ["state-old"]
        assert session.state is EdgeState.ONLINE

    def test_after_the_end_nothing_is_heard_said_or_waited_for(self):
        session = online()
        session.receive(topic("NCMD"), control("Rebirth"), at(1))
        session.birth(NODE, DEVICES, at(1))
        session.receive(topic("NCMD"), control("Rebirth"), at(2))
        session.disconnected(at(3))

        assert session.deadline() is None
        assert session.tick(at(60)) == []
        assert session.receive(STATE, state(True, START + 5), at(4)) == []
        assert session.data(None, [number("Mode", 1)], at(4)) == []
        assert session.birth(NODE, DEVICES, at(4)) == []

    def test_the_next_session_starts_from_the_beginning(self):
        session = online(bd_seq=7)
        session.disconnected(at(1))

        session.open(8, at(2))
        session.connected(at(2))
        session.receive(STATE, state(True, START), at(2))
        births = payloads(session.birth(NODE, DEVICES, at(2)))

        assert [p.seq for p in births] == [0, 1]
        assert next(m.value for m in births[0].metrics if m.name == "bdSeq") == 8
