"""Stories of the small model, told to the real core: its Voter, its Lease, its Term."""

from __future__ import annotations

import random
from functools import cache

import pytest

from redundancy.config import Role
from redundancy.core.actions import Action, Persist, Promise, Send
from redundancy.core.messages import WITNESS, Grant, Refuse, Release, Request
from redundancy.core.settings import PairSettings
from redundancy.core.term import Term
from redundancy.core.voter import Voter
from tests.redundancy.core import lease_model as model
from tests.redundancy.core.lease_model import BROKEN, CANDIDATES, LEASE, PROPER, Rules, Step, Story
from tests.redundancy.core.mutants import MUTANTS
from tests.redundancy.core.watch import Violation

NAMES = {"A": "A", "B": "B", "W": WITNESS}
SLOW = 1 - 1 / (LEASE + 1)
"""How far a holder's clock falls behind in the model's variant with an extra tick."""


class Stage:
    """Plays a story: the model says what happens, the real parts decide what comes of it."""

    def __init__(self, name: str = "") -> None:
        self.broken = MUTANTS.get(name)
        self.rules = BROKEN.get(name, PROPER)
        slow = self.rules.slow_clock > 0
        self.rate = SLOW if slow else 1.0
        # The proper holder's margin covers the slow clock; the broken one's is gone.
        self.rho = 0.0 if slow and self.broken else (1 - SLOW + 0.01 if slow else 0.1)
        self.t = 0.0
        self.promises = {who: Promise() for who in model.VOTERS}
        self.boots = dict.fromkeys(CANDIDATES, 1)
        self.terms: dict[str, Term] = {}
        self.witness: Voter | None = None
        self.letters: list[tuple[str, str, str, int, Request | Grant | Refuse]] = []
        self.owners: dict[int, str] = {}
        for who in model.VOTERS:
            self.start(who)

    def clock(self, who: str) -> float:
        return self.t * (self.rate if who == "A" else 1.0)

    def start(self, who: str) -> None:
        promise = self.promises[who]
        if who == "W":
            kind = self.broken.voter if self.broken else Voter
            self.witness = kind(float(LEASE), promise, self.t)
            return
        kind_of_term = self.broken.pair.term_type if self.broken else Term
        settings = PairSettings(
            node=who,
            role=Role.MASTER if who == "A" else Role.BACKUP,
            peer="B" if who == "A" else "A",
            has_witness=True,
            lease=float(LEASE),
            boot=f"{who}{self.boots[who]}",
            rho=self.rho,
        )
        term = self.terms[who] = kind_of_term(settings, promise, self.clock(who))
        if not self.rules.durable and self.broken and self.boots[who] > 1:
            term.voter._waits_until = self.t + LEASE

    def play(self, story: Story) -> None:
        for step, after in story:
            self.step(step, after)
            self.look()

    def step(self, step: Step, after: model.State) -> None:
        if step.what == "tick":
            self.t += 1.0
        elif step.what == "ask":
            self.ask(step.who, after.candidates[CANDIDATES.index(step.who)].term)
        elif step.what == "start":
            self.start(step.who)
        elif step.what == "die":
            self.die(step.who)
        elif step.what == "reset" and self.rules.reset_frees and self.broken:
            voter = self.witness if step.who == "W" else self.terms[step.who].voter
            assert voter is not None
            voter._until = 0.0
        elif step.letter is not None:
            self.letter(step.letter, arrives=step.what == "arrive")

    def die(self, who: str) -> None:
        if not (self.rules.durable or self.broken is None):
            self.promises[who] = Promise()
        if who == "W":
            self.witness = None
        else:
            del self.terms[who]
            self.boots[who] += 1

    def ask(self, who: str, number: int) -> None:
        term = self.terms.get(who)
        if term is None:
            return
        if not term.held(self.clock(who)):
            if term.epoch:
                term.lose()
                term.lease.drop()
            term.takes(number - 1)
            if term.lease.asking not in (0, number):
                term.lease.refuse()
        self.do(who, term.ask(self.clock(who)))

    def do(self, who: str, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Persist):
                self.promises[who] = action.promise
            elif isinstance(action, Send) and isinstance(action.message, Request | Grant | Refuse):
                to = "W" if action.to == WITNESS else action.to
                kind = "ask" if isinstance(action.message, Request) else "yes"
                self.letters.append((kind, who, to, action.message.epoch, action.message))

    def letter(self, letter: model.Letter, arrives: bool) -> None:
        ends = (letter.candidate, letter.voter)
        source, to = ends if letter.kind == "ask" else ends[::-1]
        for index, (kind, sender, receiver, number, _) in enumerate(self.letters):
            if (kind, sender, receiver, number) == (letter.kind, source, to, letter.term):
                message = self.letters.pop(index)[4]
                if arrives:
                    self.arrive(source, to, message)
                return

    def arrive(self, source: str, to: str, message: Request | Grant | Refuse) -> None:
        if to == "W":
            self.witness_votes(source, message)
            return
        term, now = self.terms.get(to), self.clock(to)
        if term is None:
            return
        if isinstance(message, Request):
            self.do(to, term.vote(source, message, now))
        elif isinstance(message, Grant):
            self.do(to, term.granted(NAMES[source], message, now))
        else:
            term.refused(NAMES[source], message, now)

    def witness_votes(self, source: str, message: Request | Grant | Refuse) -> None:
        if self.witness is None:
            return
        replies, persist = self.witness.handle(source, message, self.t)
        if persist is not None:
            self.promises["W"] = persist.promise
        self.do("W", [Send(source, reply) for reply in replies])

    def look(self) -> None:
        holders = []
        for who, term in self.terms.items():
            now = self.clock(who)
            claimed = term.claim(now)
            if claimed is not None:
                self.do(who, claimed)
                if self.owners.get(term.epoch, who) != who or term.epoch < max(self.owners, default=0):
                    raise Violation(f"I2: {who} owns {term.epoch} after {self.owners}")
                self.owners[term.epoch] = who
            if term.epoch and term.held(now):
                holders.append(who)
        if len(holders) > 1:
            raise Violation(f"I1: {holders}")


@cache
def story_of(name: str) -> Story | None:
    return model.explore(BROKEN[name], most=1_500_000)


@pytest.mark.parametrize("name", BROKEN)
def test_the_model_finds_how_each_broken_rule_breaks_the_lease(name: str) -> None:
    story = story_of(name)
    assert story is not None
    expected = "I2" if name == "a promise is not on disk" else "I1"
    assert model.wrong(BROKEN[name], story[-1][1]) == expected


@pytest.mark.parametrize("name", BROKEN)
def test_the_broken_core_falls_into_the_same_trap(name: str) -> None:
    with pytest.raises(Violation):
        Stage(name).play(story_of(name) or [])


@pytest.mark.parametrize("name", BROKEN)
def test_the_real_core_lives_through_the_same_story(name: str) -> None:
    stage = Stage(name)
    stage.broken = None
    for who in model.VOTERS:
        stage.start(who)
    stage.rho = 1 - SLOW + 0.01 if stage.rules.slow_clock else 0.1
    for who in model.VOTERS:
        stage.start(who)
    stage.play(story_of(name) or [])


def test_the_proper_rules_hold_in_every_state_that_was_looked_at() -> None:
    assert model.explore(PROPER, most=60_000) is None


@pytest.mark.parametrize(("first", "second"), [("A", "B"), ("B", "A")])
def test_the_role_goes_from_one_to_the_other_as_in_the_model(first: str, second: str) -> None:
    rules = Rules(mortal=(first,))
    begun = model.explore(rules, lambda state: state.owner == (1, first))
    assert begun is not None
    taken = model.explore(rules, lambda state: state.owner == (2, second))
    assert taken is not None
    stage = Stage()
    stage.play(taken)
    assert stage.owners.get(2) == second


def test_random_walks_through_the_model_never_give_the_real_core_two_holders() -> None:
    owned = 0
    for seed in range(300):
        draw = random.Random(seed)
        rules = Rules(terms=9, on_the_way=5)
        state = model.State((model.Voter(),) * 3, (model.Candidate(),) * 2)
        stage = Stage()
        for _ in range(80):
            ways = list(model.steps(rules, state))
            weights = [{"arrive": 8, "ask": 4, "tick": 2}.get(step.what, 1) for step, _ in ways]
            step, state = draw.choices(ways, weights)[0]
            stage.step(step, state)
            stage.look()
        owned += len(stage.owners)
    assert owned > 100, "walks in which nobody ever holds the role prove nothing"


def test_a_release_before_its_own_renewal_does_not_lock_the_vote_again() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    voter.handle("A", Request("a1", 1, 1), 0.0)
    voter.handle("A", Release("a1", 1), 0.5)
    replies, _ = voter.handle("A", Request("a1", 1, 2), 0.6)
    assert isinstance(replies[0], Refuse)
    replies, _ = voter.handle("B", Request("b1", 2, 1), 0.6)
    assert isinstance(replies[0], Grant)
