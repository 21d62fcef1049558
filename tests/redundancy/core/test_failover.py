"""One target at a time: where it goes, when it comes back, and what never happens."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.core.failover import STAGGER, Close, Failover, Open, Pace, Probe, Visit
from tests.redundancy.core.failover_world import Place, World

PACE = Pace(patience=5.0, failback=10.0, first_pause=1.0, longest_pause=30.0)
NEVER = Pace(failback=None)


def world(count: int = 2, pace: Pace = PACE, seed: int = 1, **down: Place) -> World:
    return World({name: down.get(name, Place()) for name in "abc"[:count]}, pace, seed)


def test_the_first_server_is_the_target_where_it_answers() -> None:
    plant = world()
    plant.run(5)
    assert plant.core.target == "a"
    assert plant.core.why == "a is the first that answered"
    assert plant.switched() == ["a"]


def test_a_first_server_that_is_down_delays_the_second_by_its_own_refusal_only() -> None:
    plant = world(a=Place(up=False))
    plant.run(1)
    assert plant.core.target == "b"
    assert plant.targets[-1][0] - 100.0 < 0.2


def test_a_first_server_that_says_nothing_delays_the_second_by_half_a_second() -> None:
    plant = world(a=Place(mute=True))
    plant.run(1)
    assert plant.core.target == "b"
    assert plant.targets[-1][0] - 100.0 < STAGGER + 0.1


@pytest.mark.parametrize("count", [2, 3])
def test_the_next_server_takes_over_at_once_and_the_reason_is_told(count: int) -> None:
    plant = world(count)
    plant.run(20)
    died = plant.now
    plant.change("a", up=False)
    plant.run(1)
    assert plant.core.target == "b"
    assert plant.longest_without(died) < 0.2
    assert plant.core.why == "at b since a is lost: gone"
    assert plant.core.servers["a"].failovers == 1


def test_a_standby_that_is_known_to_be_down_is_passed_over() -> None:
    plant = world(3)
    plant.run(20)
    plant.change("b", up=False)
    plant.run(5)
    plant.change("a", up=False)
    plant.run(1)
    assert plant.core.target == "c"


def test_data_come_back_when_the_first_server_has_been_reachable_for_the_hold_off() -> None:
    plant = world()
    plant.run(40)
    plant.change("a", up=False)
    plant.run(20)
    plant.change("a", up=True)
    returned = plant.now
    plant.run(9.9)
    assert plant.core.target == "b"
    plant.run(40)
    assert plant.core.target == "a"
    assert plant.core.why == "back at a, which has been reachable for 10 s"
    assert 10 <= plant.targets[-1][0] - returned < 10 + 30 * 1.25 + 1
    assert (plant.targets[-1][1], plant.targets[-2][1]) == ("a", "b"), "make before break: no moment without"


def test_a_first_server_that_goes_down_during_the_hold_off_begins_it_anew() -> None:
    plant = world(pace=Pace(failback=10.0, longest_pause=1.0))
    plant.run(40)
    plant.change("a", up=False)
    plant.run(5)
    for _ in range(5):
        plant.change("a", up=True)
        plant.run(8)
        plant.change("a", up=False)
        plant.run(3)
    assert plant.switched() == ["a", "b"]


def test_without_fail_back_the_data_stay_until_that_server_fails() -> None:
    plant = world(pace=NEVER)
    plant.run(40)
    plant.change("a", up=False)
    plant.run(10)
    plant.change("a", up=True)
    plant.run(4000)
    assert plant.core.target == "b"
    plant.change("b", up=False)
    plant.run(5)
    assert plant.core.target == "a"


def test_the_second_and_later_failovers_are_as_quick_as_the_first() -> None:
    plant = world()
    plant.run(40)
    for _ in range(20):
        died = plant.now
        plant.change("a", up=False)
        plant.run(5)
        assert plant.longest_without(died) < 0.2
        plant.change("a", up=True)
        plant.run(120)
    assert plant.switched() == ["a", "b"] * 20 + ["a"]


def test_a_server_that_takes_sessions_and_drops_them_does_not_make_the_data_flap() -> None:
    plant = world(a=Place(drops=1.0))
    plant.run(24 * 3600)
    assert plant.core.target == "b"
    # The hold-off doubles each time, from 10 s to an hour, and stays there.
    assert len(plant.switched()) <= 2 * (10 + 24)
    first_hour = [moment for moment, name in plant.targets if name == "a" and moment < 3700]
    assert len(first_hour) <= 9


def test_a_lone_server_that_drops_sessions_is_left_alone_for_longer_and_longer() -> None:
    plant = world(1, a=Place(drops=0.5))
    plant.run(3600)
    opened = [moment for moment, order in plant.orders if isinstance(order, Open)]
    pauses = [later - moment for moment, later in pairwise(opened)]
    assert pauses[0] < 3
    assert all(30 <= pause < 39 for pause in pauses[8:])


def test_a_session_that_has_lasted_makes_its_server_sound_again() -> None:
    plant = world(1, a=Place(drops=0.5))
    plant.run(600)
    plant.change("a", drops=float("inf"))
    plant.run(100)
    died = plant.now
    plant.change("a", up=False)
    plant.run(0.5)
    plant.change("a", up=True)
    plant.run(5)
    assert plant.longest_without(died) < 2


def test_standbys_are_visited_so_that_they_keep_what_comes_there() -> None:
    plant = world(3)
    plant.run(130)
    visits = [order.server for _, order in plant.orders if isinstance(order, Visit)]
    assert sorted(visits) == ["b", "b", "b", "c", "c", "c"]
    assert world_without_reserve() == []


def world_without_reserve() -> list[Visit]:
    plant = world(3, Pace(reserve=False))
    plant.run(130)
    return [order for _, order in plant.orders if isinstance(order, Visit)]


def test_a_standby_is_visited_again_when_it_has_been_away() -> None:
    plant = world()
    plant.run(10)
    plant.change("b", up=False)
    plant.run(5)
    plant.change("b", up=True)
    plant.run(30)
    assert [order.server for _, order in plant.orders if isinstance(order, Visit)] == ["b", "b"]


def test_a_server_that_is_just_visited_when_the_target_dies_stays() -> None:
    core = Failover(("a", "b"), PACE)
    core.start(0.0)
    assert Probe("b") in core.ready("a", 0.1)
    assert core.probed("b", 0.2) == [Visit("b")]
    assert core.ended("a", "gone", 0.3) == [Open("b")]
    core.ready("b", 0.3)
    assert core.target == "b"


def test_a_first_server_that_has_much_to_tell_on_a_visit_comes_back_in_time_all_the_same() -> None:
    core = Failover(("a", "b"), PACE)
    core.start(0.0)
    core.ended("a", "connection refused", 0.0)
    core.ready("b", 0.1)
    core.tick(2.0)
    assert core.probed("a", 2.1) == [Visit("a")]
    assert core.tick(12.0) == []
    assert core.deadline() == pytest.approx(12.1)
    assert core.tick(12.2) == [Open("a")]


def test_another_order_moves_the_data_without_a_gap_and_a_server_that_goes_is_replaced() -> None:
    plant = world()
    plant.run(40)
    plant._perform(plant.core.configure(("b", "a"), PACE, plant.now))
    plant.run(5)
    assert plant.core.target == "b", "it is the first now, and has been reachable for long"
    assert plant.longest_without(plant.now - 5) == 0
    plant._perform(plant.core.configure(("a",), PACE, plant.now))
    plant.run(1)
    assert plant.core.target == "a"


def test_a_server_that_is_added_leaves_the_target_alone() -> None:
    plant = world(pace=NEVER)
    plant.run(40)
    before = list(plant.targets)
    plant._perform(plant.core.configure(("b", "a"), NEVER, plant.now))
    plant.run(100)
    assert plant.targets == before


def test_what_is_stopped_has_no_session_left_and_asks_for_none() -> None:
    core = Failover(("a", "b"), PACE)
    core.start(0.0)
    core.ready("a", 0.1)
    core.probed("b", 0.2)
    assert Close("a") in core.stop("stopped by an engineer")
    assert (core.target, core.why, core.tick(1000.0)) == (None, "stopped by an engineer", [])
    assert core.deadline() == float("inf")


def test_reports_of_servers_that_are_no_longer_there_change_nothing() -> None:
    core = Failover(("a",), PACE)
    core.start(0.0)
    for late in (core.ready("x", 1.0), core.ended("x", "gone", 1.0), core.probe_ended("a", "gone", 1.0)):
        assert late == []


Change = tuple[str, str, float]
changes = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["up", "down", "mute", "drops"]),
        st.floats(0.01, 60.0),
    ),
    max_size=40,
)
paces = st.builds(
    Pace,
    patience=st.floats(0.5, 10),
    failback=st.none() | st.floats(0, 30),
    first_pause=st.floats(0.1, 2),
    longest_pause=st.floats(2, 30),
    reserve=st.booleans(),
)
HOW = {
    "up": {"up": True, "mute": False, "drops": float("inf")},
    "down": {"up": False},
    "mute": {"mute": True},
    "drops": {"up": True, "mute": False, "drops": 0.7},
}


def lives_through(steps: list[Change], pace: Pace, seed: int) -> None:
    """The world checks after every step that there is at most one target; then there is one in time."""
    plant = world(3, pace, seed)
    for name, how, seconds in steps:
        plant.change(name, **HOW[how])
        plant.run(seconds)
    plant.change("bca"[seed % 3], **HOW["up"])
    # One that has just been tried in vain is tried again after the longest pause, with its jitter; a mute
    # target is noticed; and whoever drops us may be tried in between.
    plant.run(pace.longest_pause * 1.25 + pace.patience + 10)
    drops = any(place.drops < 10 for place in plant.places.values())
    assert plant.core.target is not None or drops
    for name in "abc":
        plant.change(name, **HOW["up"])
    plant.run(2 * pace.longest_pause + pace.patience + 60)
    assert plant.core.target is not None
    settled = len(plant.switched())
    plant.run(4 * 3600)
    assert len(plant.switched()) <= settled + 1, "it goes on moving"
    assert plant.core.target == "a" or pace.failback is None


@settings(deadline=None, max_examples=40)
@given(changes, paces, st.integers(0, 1000))
def test_there_is_one_target_soon_and_it_stays(steps: list[Change], pace: Pace, seed: int) -> None:
    lives_through(steps, pace, seed)


@pytest.mark.parametrize("seed", range(30))
def test_simulated_plants_live_through_their_faults(seed: int) -> None:
    lots = random.Random(seed)
    steps = [
        (lots.choice("abc"), lots.choice(["up", "up", "down", "mute", "drops"]), lots.expovariate(0.2) + 0.01)
        for _ in range(200)
    ]
    pace = Pace(failback=lots.choice([None, 0.0, 2.0, 10.0]), longest_pause=lots.choice([2.0, 8.0, 30.0]))
    lives_through(steps, pace, seed)
