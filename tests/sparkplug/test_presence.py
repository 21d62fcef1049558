from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkplug import (
    Close,
    HostPresence,
    HostState,
    LocalProtocolError,
    PresenceState,
    Problem,
    Publish,
    Reopen,
    Subscribe,
)
from tests.sparkplug.scene import HOST, START, at, kinds, only, state

TOPIC = f"spBv1.0/STATE/{HOST}"
T = START


FORGED = {
    "offline, same time": state(False, T),
    "offline, older": state(False, T - 5),
    "offline, newer": state(False, T + 5),
    "online, older": state(True, T - 5),
    "empty": b"",
    "garbage": b"\xff OFFLINE",
}


def announced() -> HostPresence:
    presence = HostPresence(HOST)
    presence.open(T, at(0))
    presence.connected(at(0))
    presence.subscribed(at(0))
    return presence


def online() -> HostPresence:
    presence = announced()
    presence.receive(TOPIC, state(True, T), at(0))
    return presence


def states(effects) -> list[HostState]:
    return [HostState.decode(publish.payload) for publish in only(Publish, effects)]


def test_the_will_says_offline_with_the_timestamp_of_this_session():
    will = HostPresence(HOST).open(T, at(0))

    assert (will.topic, will.qos, will.retain) == (TOPIC, 1, True)
    assert HostState.decode(will.payload) == HostState(False, T)


def test_it_subscribes_before_it_says_online():
    presence = HostPresence(HOST)
    presence.open(T, at(0))

    assert presence.subscribed(at(0)) == []
    assert presence.connected(at(0)) == [Subscribe(((TOPIC, 1), ("spBv1.0/#", 1)))]
    [publish] = presence.subscribed(at(0))
    assert (publish.topic, publish.qos, publish.retain) == (TOPIC, 1, True)
    assert HostState.decode(publish.payload) == HostState(True, T)


def test_its_own_echo_makes_it_online():
    presence = announced()
    assert presence.state is PresenceState.ANNOUNCED

    assert presence.receive(TOPIC, state(True, T), at(0)) == []
    assert presence.state is PresenceState.ONLINE


@pytest.mark.parametrize("retained", [state(False, T - 5), state(True, T - 5), state(False, T + 5), b""])
def test_what_the_broker_had_retained_is_no_news(retained):
    presence = HostPresence(HOST)
    presence.open(T, at(0))
    presence.connected(at(0))

    assert presence.receive(TOPIC, retained, at(0)) == []
    presence.subscribed(at(0))
    assert presence.receive(TOPIC, retained, at(0)) == []


@pytest.mark.parametrize(
    "said", [state(False, T - 5), state(False, T), state(True, T - 5), b"", b"OFFLINE", b"{}"]
)
def test_what_hides_it_is_answered_with_this_sessions_timestamp(said):
    effects = online().receive(TOPIC, said, at(1))

    assert kinds(effects) == ["Publish"]
    assert states(effects) == [HostState(True, T)]


def test_the_second_copy_of_the_same_message_is_not_answered():
    presence = online()
    presence.receive(TOPIC, state(False, T - 5), at(1))

    assert presence.receive(TOPIC, state(False, T - 5), at(1)) == []


def test_again_within_a_minute_somebody_else_writes_there():
    presence = online()
    presence.receive(TOPIC, state(False, T - 5), at(1))
    presence.receive(TOPIC, state(True, T), at(1))

    effects = presence.receive(TOPIC, state(False, T - 5), at(50))

    assert kinds(effects) == ["Publish", "Problem", "Reopen"]
    assert only(Problem, effects)[0].kind == "state-forged"


def test_after_more_than_a_minute_it_is_a_first_time_again():
    presence = online()
    presence.receive(TOPIC, state(False, T - 5), at(1))
    presence.receive(TOPIC, state(True, T), at(1))

    assert kinds(presence.receive(TOPIC, state(False, T - 5), at(70))) == ["Publish"]


def test_an_offline_that_beats_this_session_reopens_at_once():
    presence = online()

    effects = presence.receive(TOPIC, state(False, T + 10), at(1))

    assert kinds(effects) == ["Publish", "Problem", "Reopen"]
    assert presence.highest_seen == T + 10


def test_reopening_is_limited_and_what_is_owed_comes_later():
    presence = online()
    presence.receive(TOPIC, state(False, T + 10), at(1))
    presence.open(T + 11, at(1))
    presence.connected(at(1))
    presence.subscribed(at(1))
    presence.receive(TOPIC, state(True, T + 11), at(1))

    effects = presence.receive(TOPIC, state(False, T + 20), at(2))

    assert kinds(effects) == ["Publish", "Problem"]
    assert presence.tick(at(10)) == []
    assert presence.deadline() == 11
    assert kinds(presence.tick(at(11))) == ["Reopen"]
    assert presence.deadline() is None
    assert presence.tick(at(30)) == []


def test_a_forger_does_not_set_the_pace_of_the_answers():
    presence = online()
    presence.receive(TOPIC, state(False, T), at(1))
    answers = 0
    for moment in range(2, 1000):
        now = at(1 + moment / 100)
        answers += len(only(Publish, presence.receive(TOPIC, state(True, T), now)))
        answers += len(only(Publish, presence.receive(TOPIC, state(False, T), now)))
        answers += len(only(Publish, presence.tick(now)))

    assert 18 <= answers <= 20, "two in a second, and the last one is not forgotten"
    assert states(presence.tick(at(12))) == [HostState(True, T)]


def test_an_owed_answer_is_not_given_when_the_other_node_has_taken_over():
    presence = online()
    presence.receive(TOPIC, state(False, T), at(1))
    presence.receive(TOPIC, state(True, T), at(1))
    assert states(presence.receive(TOPIC, state(False, T), at(1.1))) == []

    presence.receive(TOPIC, state(True, T + 50), at(1.2))

    assert states(presence.tick(at(5))) == []


@given(st.lists(st.tuples(st.sampled_from(["echo", *FORGED]), st.integers(0, 3000)), max_size=60))
def test_whatever_is_written_there_the_last_word_is_ours(story):
    """A broker with one retained STATE: the truth stands again soon after the forger stops."""
    presence, retained, clock = online(), state(True, T), 1.0
    for what, pause in story:
        clock += pause / 1000
        if what != "echo":
            retained = FORGED[what]
        for effect in presence.receive(TOPIC, retained, at(clock)):
            if isinstance(effect, Publish):
                retained = effect.payload
                presence.receive(TOPIC, retained, at(clock))
    for _ in range(3):
        if (due := presence.deadline()) is None:
            break
        for effect in presence.tick(at(max(due, clock))):
            retained = effect.payload if isinstance(effect, Publish) else retained
        clock = max(due, clock)

    assert presence.deadline() is None
    assert retained == state(True, T)


def test_a_broker_without_echo_does_not_disarm_it():
    presence = announced()

    assert presence.receive(TOPIC, state(False, T), at(1)) == []
    assert kinds(presence.receive(TOPIC, state(False, T), at(2.5))) == ["Publish"]


def test_the_other_node_taking_over_is_left_alone():
    presence = online()

    assert presence.receive(TOPIC, state(True, T + 100), at(1)) == []
    assert presence.highest_seen == T + 100


@pytest.mark.parametrize("other", ["spBv1.0/STATE/Other", "spBv1.0/G/NBIRTH/E", "STATE/Primary", ""])
def test_other_topics_mean_nothing(other):
    assert online().receive(other, state(False, T + 5), at(1)) == []


def test_goodbye_says_offline_with_the_time_of_leaving():
    effects = online().goodbye(at(9), T + 9000)

    assert states(effects) == [HostState(False, T + 9000)]
    assert (effects[0].qos, effects[0].retain) == (1, True)
    assert isinstance(effects[1], Close)
    assert effects[1].clean


def test_goodbye_never_goes_back_in_time():
    assert states(online().goodbye(at(9), T - 50)) == [HostState(False, T)]


def test_a_planned_switch_leaves_without_a_word():
    presence = online()

    assert kinds(presence.leave()) == ["Close"]
    assert presence.receive(TOPIC, state(False, T), at(1)) == []
    assert presence.leave() == []


def test_while_shutting_down_nothing_is_answered():
    presence = online()
    presence.goodbye(at(1), T + 1000)

    assert presence.receive(TOPIC, state(False, T + 1000), at(1)) == []


def test_a_connection_that_never_came_up_is_left_without_a_word():
    presence = HostPresence(HOST)
    presence.open(T, at(0))

    assert kinds(presence.goodbye(at(1), T)) == ["Close"]


def test_a_lost_connection_says_nothing_until_the_next_one():
    presence = online()
    presence.disconnected(at(1))

    assert presence.receive(TOPIC, state(False, T + 5), at(1)) == []
    assert presence.subscribed(at(1)) == []
    presence.open(T + 6, at(2))
    assert presence.timestamp == T + 6


@pytest.mark.parametrize("host", ["", "a/b", "#"])
def test_a_host_id_that_no_topic_can_hold_is_refused(host):
    with pytest.raises(LocalProtocolError):
        HostPresence(host)


def test_a_negative_timestamp_is_refused():
    with pytest.raises(LocalProtocolError):
        HostPresence(HOST).open(-1, at(0))


def test_a_reopen_says_why():
    effects = online().receive(TOPIC, state(False, T + 10), at(1))

    assert HOST in only(Reopen, effects)[0].why
