"""A node of a pair, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redundancy.config import ConfigError, Role
from redundancy.core import events as ev
from redundancy.core.actions import Activate, Note, Persist, Promise, Send, StandDown
from redundancy.core.messages import WITNESS, Grant, Refuse, Release, Request
from redundancy.core.settings import PairSettings
from redundancy.core.view import State
from tests.redundancy.core.nodes import (
    BACKUP,
    MASTER,
    PEER,
    Node,
    asked,
    of,
    sent,
)


class TestStarting:
    def test_a_node_without_a_configuration_never_asks(self) -> None:
        node = Node()
        assert asked(node.beats(15, config="")) == []
        assert node.view().state is State.STARTING
        assert "no configuration" in node.view().why

    def test_a_node_whose_peer_has_a_configuration_gets_it_first(self) -> None:
        node = Node()
        node.beat(config="7")
        assert node.view().state is State.SYNCING

    def test_an_older_configuration_than_the_peers_keeps_a_node_from_asking(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("2.9-abc"))
        assert asked(node.beats(5, config="2.10-aaa")) == []
        assert node.view().state is State.SYNCING
        node.on(ev.ConfigKnown("2.10-aaa"))
        assert asked(node.beats(1, config="2.10-aaa"))

    def test_a_peer_gone_for_good_with_its_newest_edit_does_not_leave_the_plant_blind(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat(config="2", active=True, epoch=1, left=1.8)
        assert asked(node.wait(11.9)) == []
        assert asked(node.wait(1))

    def test_it_waits_for_its_peer_as_long_as_the_allowance(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        assert asked(node.wait(9.9)) == []
        assert "waits to hear b" in node.view().why
        assert asked(node.wait(0.4))

    def test_it_asks_soon_after_it_has_heard_its_peer(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        assert asked(node.wait(0.15))

    def test_it_does_not_ask_while_the_peer_acts(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        assert asked(node.beats(30, active=True, epoch=4, left=1.5)) == []
        assert node.view().state is State.STANDBY
        assert node.view().why == "b is active"

    def test_the_backup_lets_a_starting_master_go_first_but_not_for_ever(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        assert asked(node.beats(1.75)) == []
        assert "lets b go first" in node.view().why
        assert asked(node.beats(1))

    def test_the_backup_does_not_wait_for_a_master_that_cannot(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        assert asked(node.beats(0.5, able=False, state="Maintenance"))

    def test_its_number_is_higher_than_any_it_has_promised_or_held(self) -> None:
        node = Node(promise=Promise(epoch=6, holder="b", last_own=4))
        assert node.activate().epoch == 7


class TestActive:
    def test_one_vote_is_not_enough(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        node.wait(1)
        assert not node.holds()
        assert node.view().state is State.CANDIDATE

    def test_the_second_vote_makes_it_active_and_the_number_is_on_disk_first(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        orders = node.answer(node.wait(0.15), WITNESS)
        kinds = [type(order) for order in orders if isinstance(order, Persist | Activate)]
        assert kinds == [Persist, Activate]
        assert of(orders, Persist)[0].promise == Promise(1, "a", 1)
        assert node.holds()
        assert node.view().state is State.ACTIVE
        assert node.view().lease_until == pytest.approx(node.now + 1.8, abs=0.2)

    def test_it_asks_again_every_quarter_of_a_lease(self) -> None:
        node = Node()
        node.activate()
        times = []
        for _ in range(40):
            orders = node.wait(0.05)
            times += [node.now] * bool(asked(orders))
            node.answer(orders, WITNESS, PEER)
        assert len(times) == 4

    def test_votes_count_from_when_it_asked_less_a_tenth_of_the_lease(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        orders = node.wait(0.15)
        began = node.now
        node.answer(orders, WITNESS)
        assert not node.pair.holds(began + 1.81)
        assert node.pair.holds(began + 1.64)

    def test_without_a_majority_it_stands_down_at_that_moment(self) -> None:
        node = Node()
        node.activate()
        until = node.view().lease_until
        orders = node.wait(until - node.now)
        assert of(orders, StandDown)[0].planned is False
        assert not node.holds()
        assert node.view().state is State.FENCED
        assert "majority" in node.view().why

    def test_it_does_not_hold_a_moment_longer_even_if_nobody_ticks(self) -> None:
        node = Node()
        node.activate()
        node.now = node.view().lease_until
        assert not node.holds()
        assert node.view().state is State.FENCED
        assert node.view().lease_until == 0.0

    def test_after_standing_down_it_is_a_standby_again(self) -> None:
        node = Node()
        node.activate()
        node.wait(2)
        node.on(ev.StoodDown())
        node.beat(active=True, epoch=2, left=1.5)
        assert node.view().state is State.STANDBY

    def test_losing_only_the_witness_is_a_warning(self) -> None:
        node = Node()
        node.activate()
        node.on(ev.LinkDown(WITNESS, "gone"))
        for _ in range(40):
            orders = node.beat() + node.wait(0.25)
            node.answer(orders, PEER)
        assert node.holds()
        assert any("witness" in warning for warning in node.view().warnings)

    def test_losing_only_the_peer_is_a_warning(self) -> None:
        node = Node()
        node.activate()
        for _ in range(20):
            node.answer(node.wait(0.25), WITNESS)
        assert node.holds()
        assert "b is not connected: nobody can take over" in node.view().warnings

    def test_a_grant_for_an_older_life_of_this_node_means_nothing(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        to, request = asked(node.wait(0.15))[0]
        node.hear(Grant("a0", request.epoch, request.attempt), to)
        assert not node.holds()

    def test_a_lost_link_frees_no_vote(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat(active=True, epoch=3, left=1.8)
        node.hear(Request("b1", 3, 1, 2.0))
        node.on(ev.LinkDown(PEER, "reset"))
        assert asked(node.wait(1.9)) == []

    def test_a_voter_promised_to_a_higher_number_is_won_back_in_place(self) -> None:
        node = Node()
        node.activate()
        to, request = asked(node.wait(0.6))[0]
        orders = node.hear(Refuse(request.boot, request.epoch, request.attempt, promised=6, holder="b"), to)
        orders += node.wait(0.05)
        assert {request.epoch for _, request in asked(orders)} == {7}
        orders = node.answer(orders, WITNESS)
        assert node.view().epoch == 7
        assert of(orders, Note)
        assert not of(orders, Activate)
        assert node.view().state is State.ACTIVE

    def test_a_voter_with_a_shorter_lease_is_named(self) -> None:
        node = Node()
        node.activate()
        to, request = asked(node.wait(0.6))[1]
        node.hear(Refuse(request.boot, request.epoch, request.attempt, promised=0, lease=1.0), to)
        assert any("its lease of 1 s is shorter than 2 s" in warning for warning in node.view().warnings)


class TestVoting:
    def test_a_promise_is_on_disk_before_the_grant_leaves(self) -> None:
        node = Node()
        orders = node.hear(Request("b1", 1, 1, 2.0))
        kinds = [
            type(o) for o in orders if isinstance(o, Persist) or (isinstance(o, Send) and asked([o]) == [])
        ]
        assert kinds[0] is Persist
        assert sent(orders, Grant)

    def test_a_renewal_needs_no_disk(self) -> None:
        node = Node()
        node.hear(Request("b1", 1, 1, 2.0))
        assert not of(node.hear(Request("b1", 1, 2, 2.0)), Persist)

    def test_a_request_of_a_life_of_the_peer_that_is_over_is_not_answered(self) -> None:
        node = Node()
        node.beat(boot="b1", beat=1)
        node.beat(boot="b2", beat=1)
        assert sent(node.hear(Request("b1", 9, 1, 2.0)), Grant) == []

    def test_a_late_word_of_an_old_life_does_not_silence_the_new_one(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat(boot="b2", beat=1)
        node.beat(boot="b1", beat=9)
        for k in range(2, 6):
            node.wait(0.25)
            node.beat(boot="b2", beat=k, state="Candidate")
        assert node.view().peer.state == "Candidate"

    def test_a_stranger_is_not_answered(self) -> None:
        node = Node()
        assert sent(node.hear(Request("c1", 1, 1, 2.0), "c"), Grant | Refuse) == []

    def test_a_holder_refuses_and_says_how_long_to_wait(self) -> None:
        node = Node()
        node.activate()
        refusal = sent(node.hear(Request("b1", 9, 1, 2.0)), Refuse)[0]
        assert refusal.holder == "a"
        assert 1.0 < refusal.rest <= 2.0

    def test_a_disk_that_cannot_write_makes_nobody_active(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat()
        node.answer(node.wait(0.15), WITNESS)
        orders = node.on(ev.PersistFailed("no space left"))
        assert of(orders, StandDown)
        assert not node.holds()
        node.on(ev.StoodDown())
        assert "no space left" in node.view().why
        assert not node.holds()

    def test_after_a_failed_write_even_a_renewal_is_written(self) -> None:
        node = Node()
        node.hear(Request("b1", 1, 1, 2.0))
        node.on(ev.PersistFailed("no space left"))
        assert of(node.hear(Request("b1", 1, 2, 2.0)), Persist)


class TestTakingOver:
    def test_it_asks_right_when_the_lease_of_the_silent_holder_must_have_ended(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        node.beats(3, active=True, epoch=3, left=1.7)
        node.hear(Request("b1", 3, 9, 2.0))
        died = node.now
        while not (orders := asked(node.wait(0.01))):
            assert node.now < died + 3
        assert 2.1 <= node.now - died <= 2.17
        assert orders[0][1].epoch == 4

    def test_a_refused_candidate_asks_again_at_the_time_the_voter_says(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        node.beat(active=True, epoch=3, left=0.0)
        while not (orders := asked(node.wait(0.01))):
            pass
        request = orders[0][1]
        node.hear(Refuse(request.boot, request.epoch, request.attempt, 3, "b", rest=0.13), WITNESS)
        assert asked(node.wait(0.12)) == []
        assert asked(node.wait(0.02))

    def test_a_candidate_that_hears_of_a_living_holder_stands_by(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        node.beat(active=True, epoch=3, left=0.0)
        request = asked(node.wait(2.5))[-1][1]
        node.hear(Refuse(request.boot, request.epoch, request.attempt, 3, "b", rest=1.7), WITNESS)
        assert node.view().state is State.STANDBY
        assert asked(node.wait(1.7)) == []

    def test_a_campaign_that_cannot_win_promises_nothing(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        node.beat(active=True, epoch=3, left=0.0)
        assert of(node.wait(5), Persist) == []
        assert sent(node.hear(Request("b1", 3, 20, 2.0)), Grant)


class TestSettings:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"node": "witness"}, "node"),
            ({"peer": "a"}, "peer"),
            ({"peer": None}, "peer"),
            ({"lease": 0}, "failover"),
        ],
    )
    def test_what_cannot_be_a_pair_is_refused(self, change: dict[str, object], field: str) -> None:
        with pytest.raises(ConfigError, match=field):
            replace(MASTER, **change)  # type: ignore[arg-type]

    def test_an_independent_node_has_nobody_to_ask(self) -> None:
        assert PairSettings("a", Role.INDEPENDENT).others == ()


def test_a_release_of_the_holder_lets_the_peer_ask_at_once() -> None:
    node = Node(BACKUP)
    node.on(ev.ConfigKnown("1"))
    node.beat(active=True, epoch=3, left=1.8)
    node.hear(Request("b1", 3, 1, 2.0))
    assert asked(node.hear(Release("b1", 3, successor="a", by="engineer", reason="drill", request="r1")))
