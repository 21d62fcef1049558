from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sparkplug.reorder import MAX_HELD, BirthRequests, Sequence


def numbered(seq: int) -> tuple[int, int, int]:
    """seq, digest and item of the n-th message."""
    return seq % 256, seq, seq


@given(st.integers(0, 255), st.permutations(range(20)))
def test_whatever_order_they_come_in_they_go_out_in_their_own(start, order):
    sequence: Sequence[int] = Sequence(2.0)
    sequence.restart(start)

    ready = [item for n in order for item in sequence.take(*numbered(start + n), 0.0)]

    assert ready == [start + n for n in range(20)]
    assert sequence.deadline is None


@given(st.integers(0, 255), st.lists(st.integers(0, 30), max_size=80))
def test_nothing_goes_out_twice_and_nothing_out_of_order(start, numbers):
    sequence: Sequence[int] = Sequence(2.0)
    sequence.restart(start)

    ready = [item for n in numbers for item in sequence.take(*numbered(start + n), 0.0)]
    if sequence.deadline is not None:
        ready += sequence.give_up(2.0)[1]

    assert ready == sorted(set(ready))
    assert set(ready) == {start + n for n in numbers}


def test_giving_up_says_what_is_missing():
    sequence: Sequence[int] = Sequence(2.0)
    sequence.restart(254)
    sequence.take(*numbered(258), 0.0)

    gap, items = sequence.give_up(2.0)

    assert gap == "seq 254 is missing, 2 came (4 lost)"
    assert items == [258]
    assert sequence.take(*numbered(259), 2.0) == [259]


def test_after_an_adopted_birth_the_first_message_starts_the_count():
    sequence: Sequence[int] = Sequence(2.0)
    sequence.restart(None)

    assert sequence.take(*numbered(99), 0.0) == [99]
    assert sequence.take(*numbered(101), 0.0) == []
    assert sequence.deadline == 2.0


def test_what_waits_is_bounded():
    sequence: Sequence[int] = Sequence(2.0)
    sequence.restart(0)
    for n in range(1, MAX_HELD + 2):
        sequence.take(*numbered(n), 1.0)

    assert sequence.deadline == 1.0


def test_a_birth_is_asked_for_at_once_and_then_ever_less_often():
    requests = BirthRequests(5.0)
    asked = []
    for second in range(200):
        requests.want("A", "no birth")
        if requests.due(float(second)):
            asked.append(second)

    assert asked == [0, 5, 15, 35, 65, 95, 125, 155, 185]


def test_after_a_birth_the_interval_still_holds():
    requests = BirthRequests(5.0)
    requests.want("A", "no birth")
    assert requests.due(0.0) == "no birth"
    requests.settled()
    assert requests.deadline is None

    requests.want("A", "a gap")

    assert requests.due(1.0) is None
    assert requests.deadline == 5.0
    assert requests.due(5.0) == "a gap"


def test_after_a_birth_the_requests_start_quickly_again():
    requests = BirthRequests(5.0)
    for second in (0.0, 5.0, 15.0):
        requests.want("A", "no birth")
        assert requests.due(second)
    requests.settled()

    requests.want("A", "a gap")

    assert requests.due(35.0)
    assert requests.next_at == 40.0


def test_a_longer_interval_than_the_usual_limit_is_kept():
    requests = BirthRequests(60.0)
    requests.want("A", "x")
    requests.due(0.0)
    requests.due(60.0)

    assert requests.next_at == 120.0
