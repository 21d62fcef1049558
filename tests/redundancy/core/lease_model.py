"""The lease as a small explicit-state model: breadth first, until a rule breaks or nothing is left.

It knows nothing of the real core, so that both cannot be wrong in the same way. Two candidates A and B
and three voters A, B and W; time in ticks; a lease lives L ticks at the voter and as long at the holder,
counted from the request. One thing happens per step: time passes, a candidate asks, a message arrives or
is lost, a machine dies or starts. `explore` answers the shortest story that ends with two holders (I1) or
with a term owned twice (I2), or, when asked for it, with a named goal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

LEASE = 2
VOTERS = ("A", "B", "W")
CANDIDATES = ("A", "B")


@dataclass(frozen=True)
class Rules:
    """The proper rules, each of which can be taken out."""

    quorum: int = 2
    witness: bool = True
    waits_after_restart: bool = True
    durable: bool = True
    counts_from_asking: bool = True
    reset_frees: bool = False
    slow_clock: int = 0  # ticks that A's slow clock adds to whatever A counts, as a holder and as a voter
    mortal: tuple[str, ...] = VOTERS  # fewer mortals, fewer states
    terms: int = 2
    on_the_way: int = 2


PROPER = Rules()
BROKEN = {
    "one vote is enough": Rules(quorum=1, witness=False),
    "a restarted voter does not wait": Rules(waits_after_restart=False, mortal=("B",)),
    "a grant counts from its receipt": Rules(counts_from_asking=False, mortal=("B",)),
    "the holder leaves no margin for its clock": Rules(slow_clock=1, mortal=("B",)),
    "a promise is not on disk": Rules(durable=False, mortal=("B",)),
    "a reset connection frees a vote": Rules(reset_frees=True, mortal=("B",)),
}


class Voter(NamedTuple):
    up: bool = True
    promised: int = 0
    holder: str = ""
    left: int = 0  # ticks that its grant lives
    silent: int = 0  # ticks that it still votes for nobody, after a restart


class Candidate(NamedTuple):
    term: int = 0
    seen: int = 0
    grants: tuple[int, int, int] = (0, 0, 0)


class Letter(NamedTuple):
    kind: str  # "ask" or "yes"
    candidate: str
    voter: str
    term: int
    age: int


class State(NamedTuple):
    voters: tuple[Voter, Voter, Voter]
    candidates: tuple[Candidate, Candidate]
    letters: tuple[Letter, ...] = ()
    owner: tuple[int, str] = (0, "")


class Step(NamedTuple):
    """One thing that happened: `what` is tick, ask, arrive, lose, die, start or reset."""

    what: str
    who: str = ""
    letter: Letter | None = None


Story = list[tuple[Step, State]]
Goal = Callable[[State], bool]


def explore(rules: Rules, goal: Goal | None = None, most: int = 400_000) -> Story | None:
    """The shortest story to a broken rule, or to `goal`; None if there is none within `most` states."""
    start = State((Voter(), Voter(), Voter(up=rules.witness)), (Candidate(), Candidate()))
    came: dict[State, tuple[State, Step] | None] = {start: None}
    queue = deque([start])
    while queue and len(came) < most:
        state = queue.popleft()
        for step, after in steps(rules, state):
            if after in came:
                continue
            came[after] = (state, step)
            if wrong(rules, after) or (goal is not None and goal(after)):
                return _story(came, after)
            queue.append(after)
    return None


def wrong(rules: Rules, state: State) -> str:
    """Which rule this state breaks; "" if none."""
    if len(holders(rules, state)) == 2:
        return "I1"
    return "I2" if state.owner[0] < 0 else ""


def holders(rules: Rules, state: State) -> list[str]:
    return [
        name
        for name, candidate in zip(CANDIDATES, state.candidates, strict=True)
        if sum(left > 0 for left in candidate.grants) >= rules.quorum
    ]


def steps(rules: Rules, state: State) -> Iterator[tuple[Step, State]]:
    """Everything that can happen next."""
    for step, after in _raw_steps(rules, state):
        yield step, _owned(rules, state, after)


def _raw_steps(rules: Rules, state: State) -> Iterator[tuple[Step, State]]:
    yield Step("tick"), _tick(state)
    for name in CANDIDATES:
        asked = _ask(rules, state, name)
        if asked is not None:
            yield Step("ask", name), asked
    for letter in sorted(set(state.letters)):
        rest = list(state.letters)
        rest.remove(letter)
        without = state._replace(letters=tuple(rest))
        yield Step("lose", letter=letter), without
        arrived = _arrive(rules, without, letter)
        if arrived is not None:
            yield Step("arrive", letter=letter), arrived
    for index, name in enumerate(VOTERS):
        voter = state.voters[index]
        if name == "W" and not rules.witness:
            continue
        if voter.up and name in rules.mortal:
            yield Step("die", name), _die(rules, state, index)
        elif not voter.up:
            yield Step("start", name), _start(rules, state, index)
        if rules.reset_frees and voter.up and voter.left and voter.holder not in ("", name):
            yield Step("reset", name), _with_voter(state, index, voter._replace(left=0))


def _tick(state: State) -> State:
    voters = tuple(v._replace(left=max(0, v.left - 1), silent=max(0, v.silent - 1)) for v in state.voters)
    candidates = tuple(
        c._replace(grants=tuple(max(0, left - 1) for left in c.grants)) for c in state.candidates
    )
    older = (letter._replace(age=letter.age + 1) for letter in state.letters)
    kept = tuple(sorted(letter for letter in older if letter.age <= LEASE))
    return State(voters, candidates, kept, state.owner)  # type: ignore[arg-type]


def _ask(rules: Rules, state: State, name: str) -> State | None:
    """Campaign or renew: a letter to each other voter. A holder (or one that needs no other) votes for
    itself at once, a candidate when the first answer comes."""
    index = CANDIDATES.index(name)
    if not state.voters[index].up:
        return None
    candidate = state.candidates[index]
    renews = name in holders(rules, state)
    term = candidate.term if renews else candidate.seen + 1
    asked = [v for v in VOTERS if v != name and (v != "W" or rules.witness)]
    letters = [Letter("ask", name, voter, term, 0) for voter in asked]
    if term > rules.terms or len(state.letters) + len(letters) > rules.on_the_way:
        return None
    if set(letters) & set(state.letters):
        return None
    if not renews:
        candidate = Candidate(term, term)
    state = _with_candidate(state, index, candidate)
    if renews or rules.quorum == 1:
        state = _vote_for_self(rules, state, Letter("yes", name, name, term, 0))
    return state._replace(letters=tuple(sorted([*state.letters, *letters])))


def _vote_for_self(rules: Rules, state: State, letter: Letter) -> State:
    index = CANDIDATES.index(letter.candidate)
    voted = _vote(rules, state.voters[index], index, letter.candidate, letter.term)
    if voted is None:
        return state
    own = letter._replace(voter=letter.candidate)
    return _granted(rules, _with_voter(state, index, voted), own)


def _vote(rules: Rules, voter: Voter, index: int, candidate: str, term: int) -> Voter | None:
    same = voter.holder == candidate
    if voter.silent:
        return None
    if (term > voter.promised and (same or not voter.left)) or (term == voter.promised and same):
        return Voter(True, term, candidate, LEASE + (rules.slow_clock if index == 0 else 0))
    return None


def _arrive(rules: Rules, state: State, letter: Letter) -> State | None:
    if letter.kind == "yes":
        number = CANDIDATES.index(letter.candidate)
        if not state.voters[number].up:
            return None
        after = _granted(rules, state, letter)
        counted = after.candidates[number].term == letter.term and after != state
        return _vote_for_self(rules, after, letter) if counted else after
    index = VOTERS.index(letter.voter)
    voter = state.voters[index]
    if not voter.up:
        return None
    voted = _vote(rules, voter, index, letter.candidate, letter.term)
    if voted is None:
        number = CANDIDATES.index(letter.candidate)
        candidate = state.candidates[number]
        seen = max(candidate.seen, min(voter.promised, rules.terms))
        return _with_candidate(state, number, candidate._replace(seen=seen))
    answer = letter._replace(kind="yes")
    state = _with_voter(state, index, voted)
    return state._replace(letters=tuple(sorted([*state.letters, answer])))


def _granted(rules: Rules, state: State, letter: Letter) -> State:
    number, index = CANDIDATES.index(letter.candidate), VOTERS.index(letter.voter)
    candidate = state.candidates[number]
    left = LEASE + (rules.slow_clock if number == 0 else 0) - (letter.age if rules.counts_from_asking else 0)
    if candidate.term != letter.term or left <= 0:
        return state
    grants = list(candidate.grants)
    grants[index] = max(grants[index], left)
    return _with_candidate(state, number, candidate._replace(grants=(grants[0], grants[1], grants[2])))


def _die(rules: Rules, state: State, index: int) -> State:
    voter = state.voters[index]
    kept = Voter(False, voter.promised, voter.holder) if rules.durable else Voter(False)
    if voter.promised and not rules.durable:
        kept = Voter(False, 0, "-")  # it forgets what it promised, not that it must wait
    state = _with_voter(state, index, kept)
    if index < len(CANDIDATES):
        term = state.candidates[index].term if rules.durable else 0
        state = _with_candidate(state, index, Candidate(0, term))
    return state


def _start(rules: Rules, state: State, index: int) -> State:
    voter = state.voters[index]
    silent = LEASE if rules.waits_after_restart and voter.holder else 0
    state = _with_voter(state, index, voter._replace(up=True, silent=silent))
    if index < len(CANDIDATES):
        seen = max(state.candidates[index].seen, voter.promised)
        state = _with_candidate(state, index, Candidate(0, seen))
    return state


def _owned(rules: Rules, before: State, after: State) -> State:
    """Keep the highest term that was ever owned; a term below it, or owned by two, breaks I2."""
    had = holders(rules, before)
    for name in holders(rules, after):
        term = after.candidates[CANDIDATES.index(name)].term
        new = name not in had or before.candidates[CANDIDATES.index(name)].term != term
        if term > after.owner[0] >= 0:
            after = after._replace(owner=(term, name))
        elif new and after.owner[1] != name:
            after = after._replace(owner=(-1, name))
    return after


def _with_voter(state: State, index: int, voter: Voter) -> State:
    voters = list(state.voters)
    voters[index] = voter
    return state._replace(voters=(voters[0], voters[1], voters[2]))


def _with_candidate(state: State, index: int, candidate: Candidate) -> State:
    candidates = list(state.candidates)
    candidates[index] = candidate
    return state._replace(candidates=(candidates[0], candidates[1]))


def _story(came: dict[State, tuple[State, Step] | None], last: State) -> Story:
    story: Story = []
    link = came[last]
    while link is not None:
        story.append((link[1], last))
        last = link[0]
        link = came[last]
    return story[::-1]
