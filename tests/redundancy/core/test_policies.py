"""Pairs without a witness, nodes without a pair, and pairs that are none."""

from __future__ import annotations

from dataclasses import replace

from redundancy.core import events as ev
from redundancy.core.actions import Activate, Persist, Promise, StandDown
from redundancy.core.messages import Grant, Refuse
from redundancy.core.view import State
from tests.redundancy.core.nodes import ALONE, BACKUP, PEER, WITHOUT_WITNESS, Node, asked, of


class TestWithoutWitness:
    def test_the_peers_vote_is_needed_while_it_is_there(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.on(ev.ConfigKnown("1"))
        node.beats(3)
        assert not node.holds()
        node.answer(node.beats(1), PEER)
        assert node.holds()

    def test_alone_it_acts_when_the_peer_has_been_silent_for_longer_than_the_lease(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.on(ev.ConfigKnown("1"))
        node.beat(active=True, epoch=2, left=1.8)
        assert of(node.wait(1.99), Activate) == []
        assert of(node.wait(0.3), Activate)
        assert node.view().solo
        assert "possible dual active: edges are protected by client ids" in node.view().warnings
        assert node.view().policy == "availability"

    def test_the_holder_goes_on_when_its_standby_dies(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.activate()
        assert of(node.wait(30), StandDown) == []
        assert node.holds()
        assert node.view().solo

    def test_the_holder_goes_on_when_its_standby_restarts_and_may_not_vote_yet(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.activate()
        node.keep(2)
        orders = node.wait(0.5)
        for k in range(12):
            orders = node.beat(boot="b2", beat=k + 1, state="Starting") + node.wait(0.25)
            for _, request in asked(orders):
                rest = max(0.0, 2.0 - 0.25 * k)
                kind = Refuse(request.boot, request.epoch, request.attempt, 1, "a", rest, waiting=rest > 0)
                node.hear(kind if rest else Grant(request.boot, request.epoch, request.attempt))
            assert node.holds()
        assert not node.view().solo

    def test_the_two_sides_of_a_cut_never_use_the_same_number(self) -> None:
        odd, even = Node(WITHOUT_WITNESS), Node(replace(BACKUP, has_witness=False))
        for node in (odd, even):
            node.on(ev.ConfigKnown("1"))
            node.wait(30)
        assert odd.view().epoch % 2 == 1
        assert even.view().epoch % 2 == 0

    def test_it_has_not_heard_the_peer_because_it_slept(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.on(ev.ConfigKnown("1"))
        node.beats(2, active=True, epoch=2, left=1.8)
        node.now += 60
        assert of(node.on(ev.Tick()) + node.wait(1.9), Activate) == []

    def test_after_a_heal_the_side_without_edges_stands_down(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.activate()
        node.wait(10)
        orders = node.beat(active=True, epoch=2, edges=1)
        assert "holds 1 edge sessions" in of(orders, StandDown)[0].why

    def test_after_a_heal_the_side_with_the_edges_stays_under_the_next_number(self) -> None:
        node = Node(WITHOUT_WITNESS)
        node.activate()
        node.on(ev.EdgeSessions(2))
        node.wait(10)
        orders = node.beat(active=True, epoch=2, edges=0) + node.wait(0.1)
        assert of(orders, StandDown) == []
        assert node.view().epoch == 3


class TestIndependent:
    def test_it_is_active_at_once_under_the_next_number(self) -> None:
        node = Node(ALONE, Promise(4, "a", 4))
        orders = node.on(ev.ConfigKnown("1"))
        assert [type(order) for order in orders] == [Persist, Activate]
        assert of(orders, Activate)[0].epoch == 5
        assert of(orders, Persist)[0].promise == Promise(5, "a", 5)
        node.wait(60)
        assert node.holds()
        assert node.view().peer is None

    def test_it_waits_for_its_configuration(self) -> None:
        node = Node(ALONE)
        assert of(node.wait(5), Activate) == []
        assert node.view().state is State.STARTING

    def test_a_pause_costs_it_nothing(self) -> None:
        node = Node(ALONE)
        node.on(ev.ConfigKnown("1"))
        node.now += 3600
        assert node.on(ev.Tick()) == []
        assert node.holds()


class TestConflict:
    def test_two_masters_never_ask(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        assert asked(node.beats(20, role="Master")) == []
        assert node.view().state is State.CONFLICT
        assert "both nodes are Master" in node.view().why

    def test_a_node_paired_with_itself_never_asks(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"))
        node.beat(boot="a1")
        assert asked(node.wait(20)) == []
        assert "paired with itself" in node.view().why

    def test_an_intruder_keeps_a_node_from_asking_until_it_is_gone(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"), ev.Intruder("c answers at b's address"))
        assert asked(node.wait(20)) == []
        assert node.view().why == "c answers at b's address"
        node.on(ev.IntruderGone())
        assert asked(node.wait(1))

    def test_the_right_peer_clears_it_too(self) -> None:
        node = Node()
        node.on(ev.ConfigKnown("1"), ev.Intruder("c answers at b's address"))
        node.beats(5)
        assert node.view().state is not State.CONFLICT

    def test_an_intruder_does_not_stop_who_acts(self) -> None:
        node = Node()
        node.activate()
        orders = node.on(ev.Intruder("c answers at b's address")) + node.keep(1)
        assert of(orders, StandDown) == []
        assert node.holds()
        assert "c answers at b's address" in node.view().warnings
