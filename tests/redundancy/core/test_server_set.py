"""An edge node's walk through its servers."""

from __future__ import annotations

from redundancy.core.server_set import LONGEST, ServerWalk


def walk_for(seconds: float, walk: ServerWalk, now: float = 0.0) -> list[float]:
    """Fail at every attempt; answers the pauses."""
    pauses, end = [], now + seconds
    while now < end:
        walk.failed(now, "connection refused")
        pauses.append(walk.retry_at - now)
        now = walk.retry_at
    return pauses


def test_it_starts_with_the_first_server_at_once() -> None:
    walk = ServerWalk(3, 1)
    assert (walk.current, walk.retry_at) == (0, 0.0)


def test_a_start_up_delay_spreads_the_first_attempts_over_its_whole_length() -> None:
    moments = []
    for edge in range(1000):
        walk = ServerWalk(2, hash(f"Group 1/Edge {edge}") & 0xFFFFFFFF)
        walk.delay(100.0, 30.0)
        moments.append(walk.retry_at)
    assert all(100.0 <= moment < 130.0 for moment in moments)
    assert all(sum(low <= moment < low + 3 for moment in moments) > 50 for low in range(100, 130, 3))


def test_without_a_start_up_delay_the_first_attempt_is_at_once() -> None:
    walk = ServerWalk(2, 5)
    walk.delay(100.0, 0.0)
    assert walk.retry_at == 100.0


def test_after_every_failure_comes_the_next_server_round_and_round() -> None:
    walk = ServerWalk(3, 1)
    visited = []
    for now in range(6):
        walk.failed(float(now), "connection refused")
        visited.append(walk.current)
    assert visited == [1, 2, 0, 1, 2, 0]
    assert "connection refused" in walk.why


def test_for_fifteen_seconds_the_pause_is_one_second_and_up_to_a_quarter_more() -> None:
    pauses = walk_for(15, ServerWalk(2, 7))
    assert all(1.0 <= pause <= 1.25 for pause in pauses)
    assert len(set(pauses)) > 5


def test_after_that_it_doubles_up_to_the_longest() -> None:
    pauses = walk_for(400, ServerWalk(2, 7))
    later = [pause for pause in pauses if pause > 1.25]
    assert 2.0 <= later[0] <= 2.5
    assert later[0] < later[1]
    assert max(pauses) <= LONGEST * 1.25
    assert min(pauses[-3:]) >= LONGEST


def test_being_online_starts_the_counting_again() -> None:
    walk = ServerWalk(2, 7)
    walk_for(200, walk)
    walk.connected(300.0)
    walk.left(310.0, "the host went offline")
    assert 1.0 <= walk.retry_at - 310.0 <= 1.25


def test_a_set_of_one_server_is_tried_again() -> None:
    walk = ServerWalk(1, 7)
    walk.failed(0.0, "refused")
    assert walk.current == 0


def test_two_edge_nodes_do_not_walk_in_step() -> None:
    assert walk_for(5, ServerWalk(2, 1)) != walk_for(5, ServerWalk(2, 2))
