"""Planned switches: a person's, a stopping node's, a returned master's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redundancy.config import Recovery
from redundancy.core import events as ev
from redundancy.core.actions import Activate, FailoverAnswer, LetGo, Persist, Send, StandDown, Stopped
from redundancy.core.messages import WITNESS, Grant, Heartbeat, Release, Request, SwitchAnswer, SwitchAsked
from redundancy.core.view import State
from tests.redundancy.core.nodes import ALONE, BACKUP, MASTER, PEER, Node, asked, of, sent

ASK = ev.FailoverAsked("engineer", "drill", "r1")


def active(settings: object = MASTER) -> Node:
    node = Node(settings)  # type: ignore[arg-type]
    node.activate()
    node.keep(1)
    return node


def standby(**beat: object) -> Node:
    node = Node(BACKUP)
    node.on(ev.ConfigKnown("1"))
    node.beats(1, **{"active": True, "epoch": 3, "left": 1.7, "took_over": True, "state": "Active", **beat})
    return node


class TestTheOldSide:
    def test_it_stands_down_keeps_the_lease_until_that_is_done_and_then_names_its_successor(self) -> None:
        node = active()
        orders = node.on(ASK)
        assert of(orders, FailoverAnswer) == [FailoverAnswer("r1", True)]
        assert of(orders, StandDown)[0].planned
        assert node.view().state is State.DRAINING
        assert node.view().switch_pending
        assert node.holds(), "what is on its way may still be finished"
        orders = node.on(ev.StoodDown())
        assert not node.holds()
        releases = sent(orders, Release)
        assert len(releases) == 2, "to the peer and the witness"
        assert releases[0].successor == "b"
        assert (releases[0].by, releases[0].reason, releases[0].request) == ("engineer", "drill", "r1")

    def test_it_lets_go_only_when_the_peer_has_taken_over(self) -> None:
        node = active()
        node.on(ASK, ev.StoodDown())
        assert of(node.beat(active=True, epoch=2, left=1.8), LetGo) == []
        assert of(node.beat(active=True, epoch=2, left=1.8, took_over=True), LetGo)
        assert node.view().state is State.STANDBY
        assert not node.view().switch_pending

    def test_its_own_vote_is_free_for_the_peer_at_once(self) -> None:
        node = active()
        node.on(ASK, ev.StoodDown())
        assert sent(node.hear(Request("b1", 2, 1, 2.0)), Grant)

    def test_a_lost_release_is_said_again(self) -> None:
        node = active()
        node.on(ASK, ev.StoodDown())
        assert sent(node.wait(0.3), Release)

    def test_a_shell_that_does_not_stand_down_is_released_after_a_lease(self) -> None:
        node = active()
        node.on(ASK)
        orders = node.keep(2)
        assert sent(orders, Release)
        assert not node.holds()

    def test_a_peer_that_does_not_take_over_in_time_loses_its_turn(self) -> None:
        node = active()
        node.on(ASK, ev.StoodDown())
        assert asked(node.beats(2.75)) == []
        orders = node.beats(0.5)
        assert asked(orders)
        orders = node.answer(orders, WITNESS)
        order = of(orders, Activate)[0]
        assert order.epoch > 1
        assert order.cause == "b did not take over in time"
        assert of(node.log, LetGo) == []

    def test_a_lease_lost_in_the_middle_is_a_plain_fence(self) -> None:
        node = active()
        node.on(ASK)
        node.now += 10
        orders = node.on(ev.StoodDown())
        assert of(orders, StandDown)[0].planned is False
        assert sent(orders, Release)[0].successor == ""


class TestTheNewSide:
    def test_it_campaigns_at_once_and_knows_whose_wish_it_was(self) -> None:
        node = standby()
        node.hear(Request("b1", 3, 5, 2.0))
        orders = node.hear(Release("b1", 3, "a", "engineer", "drill", "r1"))
        assert {request.epoch for _, request in asked(orders)} == {4}
        order = of(node.answer(orders, WITNESS), Activate)[0]
        assert order == Activate(4, "asked for by engineer: drill", True, "b", "r1")

    def test_it_asks_every_50_ms_because_its_question_may_overtake_the_release(self) -> None:
        node = standby()
        node.hear(Release("b1", 3, "a"))
        assert len(asked(node.wait(0.5))) >= 18

    def test_its_own_disk_does_not_wait_for_the_others(self) -> None:
        node = standby()
        orders = node.hear(Release("b1", 3, "a"))
        assert [type(order) for order in orders if not isinstance(order, Send)] == [Persist]
        assert orders.index(of(orders, Persist)[0]) > max(
            orders.index(order) for order in of(orders, Send) if isinstance(order.message, Request)
        ), "the questions travel while it writes"
        promise = of(orders, Persist)[0].promise
        assert (promise.epoch, promise.holder, promise.last_own) == (4, "a", 4)
        assert not node.holds(), "its own vote alone is no majority"
        orders = node.answer(orders, WITNESS)
        assert of(orders, Persist) == [], "one write is enough"
        assert of(orders, Activate)

    def test_an_own_vote_that_leads_nowhere_leaves_the_old_holder_the_others(self) -> None:
        node = standby()
        node.hear(Release("b1", 3, "a"))
        node.wait(3.5)
        assert not node.view().switch_pending
        node.beats(2.5, state="Active", active=True, epoch=5, left=1.7, took_over=True)
        assert sent(node.hear(Request("b1", 5, 9, 2.0)), Grant), "and its own comes back after a lease"

    def test_it_says_when_it_has_taken_over(self) -> None:
        node = standby()
        node.answer(node.hear(Release("b1", 3, "a")), WITNESS)
        assert not node.view().took_over
        assert sent(node.on(ev.TookOver()), Heartbeat)[-1].took_over

    def test_an_old_release_calls_nobody(self) -> None:
        node = standby()
        assert asked(node.hear(Release("b1", 2, "a"))) == []

    def test_a_release_for_somebody_else_calls_nobody(self) -> None:
        node = standby()
        assert asked(node.hear(Release("b1", 3, "c"))) == []

    def test_a_node_in_maintenance_does_not_come(self) -> None:
        node = standby()
        node.on(ev.MaintenanceAsked(True, "engineer"))
        assert asked(node.hear(Release("b1", 3, "a")) + node.wait(1)) == []
        assert not node.view().switch_pending


class TestWhoAsks:
    @pytest.mark.parametrize(
        ("beat", "reason"),
        [
            ({"healthy": False}, "b is not healthy"),
            ({"able": False, "state": "Maintenance"}, "b cannot take over: it is Maintenance"),
            ({"config": "0"}, "b has not received the configuration yet"),
        ],
    )
    def test_it_is_refused_with_a_sentence(self, beat: dict[str, object], reason: str) -> None:
        node = active()
        node.beat(**beat)
        assert of(node.on(ASK), FailoverAnswer) == [FailoverAnswer("r1", False, reason)]
        assert node.view().state is State.ACTIVE

    def test_a_silent_peer_cannot_take_over(self) -> None:
        node = active()
        for _ in range(12):
            node.answer(node.wait(0.25), WITNESS)
        assert of(node.on(ASK), FailoverAnswer) == [FailoverAnswer("r1", False, "b is not connected")]

    def test_an_independent_node_has_no_peer(self) -> None:
        node = Node(ALONE)
        node.on(ev.ConfigKnown("1"))
        answer = of(node.on(ASK), FailoverAnswer)[0]
        assert not answer.accepted
        assert "it has no peer" in answer.reason

    def test_the_same_wish_twice_is_one_switch_and_two_equal_answers(self) -> None:
        node = active()
        first = node.on(ASK)
        second = node.on(ASK)
        assert of(first, FailoverAnswer) == of(second, FailoverAnswer)
        assert of(second, StandDown) == []

    def test_another_wish_while_one_is_under_way_is_refused(self) -> None:
        node = active()
        node.on(ASK)
        answer = of(node.on(ev.FailoverAsked("operator", "", "r2")), FailoverAnswer)
        assert answer == [FailoverAnswer("r2", False, "a switch is already under way")]

    def test_a_standby_passes_the_wish_on_and_gives_back_the_answer(self) -> None:
        node = standby()
        orders = node.on(ASK)
        assert sent(orders, SwitchAsked) == [SwitchAsked("a1", "engineer", "drill", "r1")]
        assert of(orders, FailoverAnswer) == []
        orders = node.hear(SwitchAnswer("a1", "r1", False, "b is not healthy"))
        assert of(orders, FailoverAnswer) == [FailoverAnswer("r1", False, "b is not healthy")]

    def test_an_active_node_that_does_not_answer_is_reported_after_a_second(self) -> None:
        node = standby()
        node.on(ASK)
        answers = of(node.wait(1.01), FailoverAnswer)
        assert answers == [FailoverAnswer("r1", False, "b did not answer")]

    def test_an_answer_nobody_waits_for_is_dropped(self) -> None:
        assert of(standby().hear(SwitchAnswer("a1", "r9", True)), FailoverAnswer) == []

    def test_with_nobody_active_there_is_nothing_to_switch(self) -> None:
        node = Node(BACKUP)
        node.beats(0.5)
        answer = of(node.on(ASK), FailoverAnswer)[0]
        assert not answer.accepted
        assert "is not active" in answer.reason

    def test_the_active_answers_the_standbys_question(self) -> None:
        node = active()
        orders = node.hear(SwitchAsked("b1", "engineer", "drill", "r1"))
        assert sent(orders, SwitchAnswer) == [SwitchAnswer("b1", "r1", True)]
        assert of(orders, StandDown)[0].planned


class TestStopping:
    def test_an_active_node_hands_over_first(self) -> None:
        node = active()
        assert of(node.on(ev.StopAsked()), StandDown)[0].planned
        assert of(node.on(ev.StoodDown()), Stopped) == []
        orders = node.beat(active=True, epoch=2, left=1.8, took_over=True)
        assert [type(o) for o in orders if isinstance(o, LetGo | Stopped)] == [LetGo, Stopped]

    def test_without_a_peer_that_can_it_says_goodbye(self) -> None:
        node = active()
        node.beat(able=False, state="Syncing")
        order = of(node.on(ev.StopAsked()), StandDown)[0]
        assert (order.planned, order.goodbye) == (False, True)
        assert node.holds(), "goodbye is said with the lease still held"
        orders = node.on(ev.StoodDown())
        assert of(orders, Stopped)
        assert sent(orders, Release)[0].successor == ""

    def test_a_standby_stops_at_once(self) -> None:
        assert of(standby().on(ev.StopAsked()), Stopped)

    def test_an_independent_node_says_goodbye(self) -> None:
        node = Node(ALONE)
        node.on(ev.ConfigKnown("1"))
        assert of(node.on(ev.StopAsked()), StandDown)[0].goodbye
        assert of(node.on(ev.StoodDown()), Stopped)

    def test_whatever_happens_it_is_over_after_five_seconds(self) -> None:
        node = active()
        orders = node.on(ev.StopAsked())
        began = node.now
        while not of(orders, Stopped):
            orders = node.beat(active=True, epoch=2, left=1.8) + node.wait(0.1)
            assert node.now - began <= 5.1
        assert of(node.log, Stopped)[0] is not None
        assert not node.holds()

    def test_a_stopped_node_asks_for_nothing_any_more(self) -> None:
        node = standby()
        node.on(ev.StopAsked())
        assert asked(node.wait(30)) == []


class TestUnwell:
    def test_an_unwell_active_gives_its_role_to_a_peer_that_can(self) -> None:
        node = active()
        order = of(node.on(ev.Healthy(False, "the database is gone")), StandDown)[0]
        assert order.planned
        assert "the database is gone" in order.why

    def test_an_unwell_active_whose_peer_cannot_stays_and_warns_and_hands_over_later(self) -> None:
        node = active()
        node.beat(healthy=False)
        assert of(node.on(ev.Healthy(False, "the database is gone")), StandDown) == []
        assert any("the database is gone" in warning for warning in node.view().warnings)
        assert of(node.beat(), StandDown)[0].planned

    def test_an_unwell_standby_never_asks(self) -> None:
        node = standby()
        node.on(ev.Healthy(False, "the database is gone"))
        assert asked(node.wait(30)) == []
        node.on(ev.Healthy(True))
        assert asked(node.wait(1))

    def test_maintenance_hands_over_and_keeps_out_until_it_ends(self) -> None:
        node = active()
        assert of(node.on(ev.MaintenanceAsked(True, "engineer")), StandDown)[0].planned
        node.on(ev.StoodDown())
        node.beats(1, active=True, epoch=2, left=1.8, took_over=True)
        assert node.view().state is State.MAINTENANCE
        assert asked(node.wait(30)) == []
        node.on(ev.MaintenanceAsked(False, "engineer"))
        assert asked(node.wait(1))


class TestRecovery:
    AUTOMATIC = replace(MASTER, recovery=Recovery.AUTOMATIC, dwell=10.0)
    ACTS = {"active": True, "epoch": 3, "left": 1.7, "took_over": True, "state": "Active"}

    def returned(self, settings: object) -> Node:
        node = Node(settings)  # type: ignore[arg-type]
        node.on(ev.ConfigKnown("1"))
        return node

    def test_manual_never_asks_for_the_role_back(self) -> None:
        node = self.returned(replace(self.AUTOMATIC, recovery=Recovery.MANUAL))
        assert sent(node.beats(60, **self.ACTS), SwitchAsked) == []

    def test_automatic_asks_after_the_dwell(self) -> None:
        node = self.returned(self.AUTOMATIC)
        assert sent(node.beats(9.75, **self.ACTS), SwitchAsked) == []
        wishes = sent(node.beats(1, **self.ACTS), SwitchAsked)
        assert wishes[0].by == "a"
        assert wishes[0].reason == "Recovery Mode is Automatic"

    def test_a_break_starts_the_dwell_again(self) -> None:
        node = self.returned(self.AUTOMATIC)
        node.beats(8, **self.ACTS)
        node.on(ev.LinkDown(PEER, "cut"))
        assert sent(node.beats(9.75, **self.ACTS), SwitchAsked) == []

    def test_it_waits_until_it_is_in_sync(self) -> None:
        node = self.returned(self.AUTOMATIC)
        assert sent(node.beats(30, **{**self.ACTS, "config": "2"}), SwitchAsked) == []

    def test_a_master_that_was_switched_away_by_hand_stays_away(self) -> None:
        node = Node(self.AUTOMATIC)
        node.activate()
        node.keep(1.1)
        node.on(ASK, ev.StoodDown())
        assert sent(node.beats(60, **self.ACTS), SwitchAsked) == []

    def test_the_backup_never_asks(self) -> None:
        node = self.returned(replace(self.AUTOMATIC, role=BACKUP.role))
        assert sent(node.beats(60, **self.ACTS), SwitchAsked) == []


def test_the_second_of_two_clicks_does_not_move_the_role_back() -> None:
    node = Node()
    node.activate()
    node.beat()
    soon = of(node.on(ev.FailoverAsked("engineer", "clicked twice", "r2")), FailoverAnswer)[0]
    assert not soon.accepted
    assert "only just now" in soon.reason
    node.keep(1.2)
    assert of(node.on(ev.FailoverAsked("engineer", "again", "r3")), FailoverAnswer)[0].accepted
