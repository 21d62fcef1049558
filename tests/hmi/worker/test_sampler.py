"""When samples are due: aligned, complete over a hiccup, honest about a standstill."""

from hypothesis import given
from hypothesis import strategies as st

from hmi.worker.sampler import CATCH_UP, Sampler, due


def test_instants_are_the_multiples_of_the_period():
    assert list(due(1_000, 1_099, 100)) == []
    assert list(due(1_000, 1_100, 100)) == [1_100]


def test_a_late_look_takes_the_samples_it_missed():
    assert list(due(1_000, 1_345, 100)) == [1_100, 1_200, 1_300]


def test_after_a_standstill_only_the_last_two_seconds_are_made_up_for():
    assert list(due(0, 60_000, 100)) == list(range(60_000 - CATCH_UP, 60_001, 100))


def test_a_clock_set_back_a_little_is_waited_for_and_far_back_starts_over():
    assert list(due(10_000, 9_500, 100)) == []
    assert list(due(1_000_000, 5_050, 100)) == [5_000]


@given(st.lists(st.integers(1, 900), min_size=1, max_size=30), st.sampled_from([50, 100, 250]))
def test_however_late_the_looks_no_instant_is_missed_or_taken_twice(steps, period):
    wall, taken = 1_000_000, []
    sampler = Sampler(lambda instant, _: taken.append(instant), lambda: {period}, lambda: wall)
    sampler.step()
    for step in steps:
        wall += step
        pause = sampler.step()
        assert 0 < pause <= period / 1000
    assert taken == list(range(1_000_000, wall // period * period + 1, period))


def test_without_counters_it_only_looks_now_and_then():
    assert Sampler(lambda *_: None, set, lambda: 1_000).step() == 1.0
