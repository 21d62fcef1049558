"""A person's word in place of a majority: given where nobody else can be asked, and nowhere else."""

from __future__ import annotations

from redundancy.core import events as ev
from redundancy.core.actions import Activate, FailoverAnswer, Promise, StandDown
from redundancy.core.forced import LEAP
from redundancy.core.messages import WITNESS, Grant, Refuse
from redundancy.core.view import State
from tests.redundancy.core.nodes import ALONE, BACKUP, MASTER, PEER, Node, asked, of

WORD = ev.FailoverAsked("root", "the master burns", "r1", even_if_silent=True)


def lonely(settings=BACKUP) -> Node:
    """A standby whose peer has acted and then fallen silent, as the witness has."""
    node = Node(settings)
    node.on(ev.ConfigKnown("1"))
    node.beat(active=True, epoch=7, left=1.8)
    node.wait(30)
    assert not node.holds()
    return node


def answer(orders) -> FailoverAnswer:
    return of(orders, FailoverAnswer)[0]


def test_it_acts_at_once_and_says_whose_word_that_is() -> None:
    node = lonely()

    orders = node.on(WORD)

    assert answer(orders).accepted
    assert of(orders, Activate)[0].epoch > 7 + LEAP
    assert node.view().cause == "asked for by root: the master burns, although b is silent"
    assert any("word of root alone" in warning for warning in node.view().warnings)
    node.wait(60)
    assert node.holds()


def test_forced_on_both_sides_of_a_cut_the_numbers_differ() -> None:
    sides = [lonely(BACKUP), lonely(MASTER)]

    numbers = {of(node.on(WORD), Activate)[0].epoch for node in sides}

    assert len(numbers) == 2


def test_a_vote_that_comes_back_ends_the_exception_and_not_the_role() -> None:
    node = lonely()
    node.on(WORD, ev.LinkUp(WITNESS))
    node.answer(node.wait(1), WITNESS)
    assert node.holds()
    assert not any("word of" in warning for warning in node.view().warnings)

    assert of(node.wait(10), StandDown)  # an ordinary holder again: without votes it stands down
    assert not node.holds()


def test_it_stands_down_when_the_witness_comes_back_and_vouches_for_the_other_node() -> None:
    node = lonely()
    node.on(WORD, ev.LinkUp(WITNESS))

    orders = []
    for to, request in asked(node.wait(1)):
        if to == WITNESS:
            refusal = Refuse(request.boot, request.epoch, request.attempt, 8, PEER, rest=1.9)
            orders += node.hear(refusal, WITNESS)
    orders += node.wait(3)

    assert of(orders, StandDown)
    assert not node.holds()


def test_it_waits_for_its_own_vote_while_that_belongs_to_the_peer() -> None:
    node = Node(BACKUP, Promise(7, PEER, 0))
    node.on(ev.ConfigKnown("1"))
    node.wait(2.5)  # silent for a lease; the vote that was given before the restart has run out

    assert answer(node.on(WORD)).accepted
    node.wait(3)

    assert node.holds()


class TestRefused:
    def refused(self, node: Node, *, word: ev.FailoverAsked = WORD) -> str:
        said = answer(node.on(word))
        assert not said.accepted
        assert not node.holds() or node.view().epoch < LEAP
        return said.reason

    def test_while_the_witness_answers(self) -> None:
        node = lonely()
        node.on(ev.LinkUp(WITNESS))
        assert "the witness answers" in self.refused(node)

    def test_before_the_peer_has_been_silent_for_a_lease(self) -> None:
        node = Node(BACKUP)
        node.on(ev.ConfigKnown("1"))
        node.beats(1, active=True, epoch=7, left=1.8)
        node.on(ev.LinkDown(PEER))
        node.wait(0.5)
        assert "is not silent" in self.refused(node)

    def test_on_a_node_that_acts(self) -> None:
        node = Node(MASTER)
        node.activate()
        node.on(ev.LinkDown(PEER))
        for _ in range(12):
            node.answer(node.wait(0.25), WITNESS)
        assert "active already" in self.refused(node)

    def test_without_a_configuration_to_act_by(self) -> None:
        node = Node(BACKUP)
        node.wait(30)
        assert "configuration" in self.refused(node)

    def test_in_maintenance(self) -> None:
        node = lonely()
        node.on(ev.MaintenanceAsked(True, "engineer"))
        assert "maintenance" in self.refused(node)

    def test_without_a_peer(self) -> None:
        node = Node(ALONE)
        node.on(ev.ConfigKnown("1"))
        assert "Independent" in self.refused(node)


def test_with_a_peer_that_answers_it_is_an_ordinary_failover() -> None:
    node = Node(MASTER)
    node.activate()
    node.keep(1)

    assert answer(node.on(WORD)).accepted
    assert node.view().state is State.DRAINING


def test_a_grant_that_was_asked_for_before_does_not_prolong_the_exception() -> None:
    node = lonely()
    orders = node.on(WORD)
    epoch = of(orders, Activate)[0].epoch
    [request] = [request for to, request in asked(orders) if to == PEER]

    node.hear(Grant(request.boot, epoch, request.attempt))

    assert of(node.wait(10), StandDown)
