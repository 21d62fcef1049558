from __future__ import annotations

import pytest

from sparkplug import (
    BAD,
    BirthDue,
    Commanded,
    DataType,
    EdgeSession,
    EdgeState,
    HostOffline,
    Metric,
    NextServerAsked,
    Online,
)
from tests.sparkplug.edge_scene import DEVICES, NODE, STATE, command, control, online, payloads, waiting
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
