"""The voter's rule, line by line."""

from __future__ import annotations

from redundancy.core.actions import Promise
from redundancy.core.messages import Grant, Heartbeat, Refuse, Release, Request
from redundancy.core.voter import Voter


def ask(voter: Voter, who: str, epoch: int, now: float, lease: float = 2.0) -> Grant | Refuse:
    (reply,), _ = voter.handle(who, Request(f"{who}1", epoch, 1, lease), now)
    assert isinstance(reply, Grant | Refuse)
    return reply


def granted(*args: object) -> bool:
    return isinstance(ask(*args), Grant)  # type: ignore[arg-type]


def test_the_first_to_ask_is_granted_at_once_by_a_voter_that_never_granted_anything() -> None:
    assert granted(Voter(2.0, Promise(), 50.0), "a", 1, 50.0)


def test_nobody_else_is_granted_while_a_grant_lives_however_high_the_number() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    ask(voter, "a", 1, 0.0)
    assert not granted(voter, "b", 99, 1.99)
    assert granted(voter, "b", 2, 2.0)


def test_the_same_holder_renews_and_may_raise_its_number() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    assert granted(voter, "a", 1, 0.0)
    assert granted(voter, "a", 1, 1.5)
    assert granted(voter, "a", 3, 1.6)
    assert not granted(voter, "b", 4, 3.5)


def test_a_number_is_never_given_to_two() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    ask(voter, "a", 5, 0.0)
    assert not granted(voter, "b", 5, 10.0)
    assert not granted(voter, "b", 4, 10.0)
    assert granted(voter, "b", 6, 10.0)
    assert not granted(voter, "a", 5, 20.0)


def test_after_a_restart_it_grants_nobody_for_a_lease() -> None:
    voter = Voter(2.0, Promise(4, "a", 0), 100.0)
    refusal = ask(voter, "b", 5, 101.5)
    assert isinstance(refusal, Refuse)
    assert (refusal.waiting, refusal.rest, refusal.promised, refusal.holder) == (True, 0.5, 4, "a")
    assert not granted(voter, "a", 4, 101.9)
    assert granted(voter, "b", 5, 102.0)


def test_after_a_restart_an_old_number_stays_taken() -> None:
    voter = Voter(2.0, Promise(4, "a", 0), 100.0)
    assert not granted(voter, "b", 4, 110.0)


def test_a_new_number_is_written_and_a_renewal_is_not() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    _, persist = voter.handle("a", Request("a1", 1, 1, 2.0), 0.0)
    assert persist is not None
    assert persist.promise == Promise(1, "a", 0)
    _, persist = voter.handle("a", Request("a1", 1, 2, 2.0), 0.5)
    assert persist is None


def test_a_promise_that_was_not_saved_is_written_with_the_next_grant() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    ask(voter, "a", 1, 0.0)
    voter.not_saved()
    _, persist = voter.handle("a", Request("a1", 1, 2, 2.0), 0.5)
    assert persist is not None


def test_only_the_holder_can_release_its_vote() -> None:
    voter = Voter(2.0, Promise(), 0.0)
    ask(voter, "a", 3, 0.0)
    voter.handle("b", Release("b1", 9), 0.1)
    voter.handle("a", Release("a1", 2), 0.1)
    assert not granted(voter, "b", 4, 0.2)
    voter.handle("a", Release("a1", 3), 0.3)
    assert granted(voter, "b", 4, 0.3)


def test_a_release_by_a_restarted_voters_old_holder_does_not_shorten_its_wait() -> None:
    voter = Voter(2.0, Promise(3, "a", 0), 10.0)
    voter.handle("a", Release("a1", 3), 10.1)
    assert not granted(voter, "b", 4, 11.0)


def test_a_longer_lease_than_its_own_gets_no_vote() -> None:
    refusal = ask(Voter(2.0, Promise(), 0.0), "a", 1, 0.0, 10.0)
    assert isinstance(refusal, Refuse)
    assert refusal.lease == 2.0
    assert granted(Voter(10.0, Promise(), 0.0), "a", 1, 0.0, 2.0)


def test_what_is_no_question_gets_no_answer() -> None:
    assert Voter(2.0, Promise(), 0.0).handle("a", Heartbeat("a1", 1, "Master", "Active"), 0.0) == ([], None)
