"""Hypothesis plays the world: it finds a short story where the simulator finds a long one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from redundancy.core import actions as act
from redundancy.core import events as ev
from redundancy.core.messages import (
    WITNESS,
    Grant,
    Heartbeat,
    Refuse,
    Release,
    Request,
    SwitchAnswer,
    SwitchAsked,
)
from redundancy.core.pair import Pair
from redundancy.core.view import State
from tests.redundancy.core.histories import settle
from tests.redundancy.core.machines import NODES, Broken, Plan
from tests.redundancy.core.mutants import MUTANTS
from tests.redundancy.core.nodes import ALONE, BACKUP, WITHOUT_WITNESS
from tests.redundancy.core.nodes import MASTER as MASTER_SETTINGS
from tests.redundancy.core.watch import Violation
from tests.redundancy.core.world import World

EVERYBODY = (*NODES, WITNESS)
names = st.sampled_from(EVERYBODY)
nodes = st.sampled_from(NODES)


class TheWorld(RuleBasedStateMachine):
    """The network neither loses nor delays unless a rule says so."""

    broken: Broken | None = None
    witness = True

    def __init__(self) -> None:
        super().__init__()
        plan = Plan(
            witness=self.witness, clocks="apart", loss=0.0, late=0.0, copies=0.0, disk=False, allowance=0.5
        )
        self.world = World(1, plan, self.broken)
        self.world.start_all()
        self.world.run_until(lambda: bool(self.world.active()), 5)

    @rule(ticks=st.integers(1, 12))
    def time_passes(self, ticks: int) -> None:
        self.world.run(self.world.t + 0.25 * ticks)

    @rule(name=names)
    def crash(self, name: str) -> None:
        if name in self.world.machines:
            self.world.crash(name)

    @rule(name=names)
    def start(self, name: str) -> None:
        if name in self.world.machines:
            self.world.start(name)

    @rule(name=names)
    def stop_or_go_on(self, name: str) -> None:
        machine = self.world.machines.get(name)
        if machine is not None:
            (self.world.awake if machine.asleep else self.world.sleep)(name)

    @rule(source=names, to=names)
    def cut_or_mend(self, source: str, to: str) -> None:
        if source != to:
            self.world.cut ^= {(source, to)}

    @rule(name=nodes)
    def isolate(self, name: str) -> None:
        for other in EVERYBODY:
            self.world.cut |= {(name, other), (other, name)}

    @rule()
    def mend(self) -> None:
        self.world.cut.clear()

    @rule(one=names, other=names)
    def reset(self, one: str, other: str) -> None:
        if one != other and {one, other} <= set(self.world.machines):
            self.world.reset(one, other)

    @rule(name=names)
    def disk_fails_or_works(self, name: str) -> None:
        if name in self.world.machines:
            self.world.machines[name].disk_fails ^= True

    @rule(name=nodes, number=st.integers(0, 3))
    def failover(self, name: str, number: int) -> None:
        self.world.feed(name, ev.FailoverAsked("engineer", "drill", f"r{number}"))

    @rule(name=nodes)
    def sigterm(self, name: str) -> None:
        self.world.feed(name, ev.StopAsked())

    @rule(name=nodes, on=st.booleans())
    def maintenance(self, name: str, on: bool) -> None:
        self.world.feed(name, ev.MaintenanceAsked(on, "engineer"))

    @rule(name=nodes, ok=st.booleans())
    def health(self, name: str, ok: bool) -> None:
        self.world.feed(name, ev.Healthy(ok, "its canary is silent"))

    @invariant()
    def whoever_is_shown_as_active_holds_the_role(self) -> None:
        for machine in self.world.machines.values():
            if machine.pair is not None:
                now = machine.clock(self.world.t)
                view = machine.pair.view(now)
                assert view.why
                assert (view.state is State.ACTIVE) <= machine.pair.holds(now)

    def teardown(self) -> None:
        self.world.heal()
        self.world.run(self.world.t + 6)  # whoever was told to stop has stopped
        self.world.heal()
        settle(self.world)


class WithoutWitness(TheWorld):
    witness = False


_STORIES = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("machine", [TheWorld, WithoutWitness])
def test_no_short_story_breaks_the_lease_or_leaves_the_plant_without_an_active(
    machine: type[TheWorld],
) -> None:
    run_state_machine_as_test(machine, settings=_STORIES)


def test_hypothesis_too_finds_that_one_vote_is_not_enough() -> None:
    class OneVote(TheWorld):
        broken = MUTANTS["one vote is enough"]

        def teardown(self) -> None:
            """Two that both act never settle."""

    with pytest.raises(Violation, match=r"I[12]"):
        run_state_machine_as_test(
            OneVote, settings=settings(_STORIES, max_examples=300, phases=(Phase.generate,))
        )


texts = st.sampled_from(["a", "b", "witness", "a1", "b1", "", "r1", "Master", "Backup", "Active", "1", "2"])
numbers = st.integers(0, 6) | st.just(2**63 - 1)
seconds = st.floats(0, 4) | st.just(1e18)
messages = st.one_of(
    st.builds(
        Heartbeat,
        texts,
        numbers,
        texts,
        texts,
        numbers,
        st.booleans(),
        seconds,
        st.booleans(),
        texts,
        st.booleans(),
        st.booleans(),
        numbers,
    ),
    st.builds(Request, texts, numbers, numbers, seconds),
    st.builds(Grant, texts, numbers, numbers),
    st.builds(Refuse, texts, numbers, numbers, numbers, texts, seconds, st.booleans(), seconds),
    st.builds(Release, texts, numbers, texts, texts, texts, texts),
    st.builds(SwitchAsked, texts, texts, texts, texts),
    st.builds(SwitchAnswer, texts, texts, st.booleans(), texts),
)
events = st.one_of(
    st.just(ev.Tick()),
    st.builds(ev.Received, texts, messages),
    st.builds(ev.LinkUp, texts),
    st.builds(ev.LinkDown, texts, texts),
    st.builds(ev.ConfigKnown, texts),
    st.builds(ev.Healthy, st.booleans(), texts),
    st.builds(ev.EdgeSessions, numbers),
    st.builds(ev.FailoverAsked, texts, texts, texts),
    st.builds(ev.MaintenanceAsked, st.booleans(), texts),
    st.sampled_from([ev.StopAsked(), ev.StoodDown(), ev.TookOver(), ev.IntruderGone()]),
    st.builds(ev.PersistFailed, texts),
    st.builds(ev.Intruder, texts),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.sampled_from([MASTER_SETTINGS, BACKUP, WITHOUT_WITNESS, ALONE]),
    st.lists(st.tuples(events, st.floats(-1, 3)), max_size=40),
)
def test_no_order_of_events_makes_it_raise_or_sleep_for_ever(settings_: object, story: list) -> None:
    now = 10.0
    pair = Pair(settings_, act.Promise(), now)  # type: ignore[arg-type]
    for event, step in story:
        now += step
        for order in pair.handle(event, now):
            assert not isinstance(order, act.Persist) or order.promise.epoch >= 0
        latest = max(now, 10.0)
        assert pair.deadline() > min(latest, now)
        view = pair.view(now)
        assert view.why
        assert isinstance(view.state, State)
        assert pair.holds(now) in (True, False)
