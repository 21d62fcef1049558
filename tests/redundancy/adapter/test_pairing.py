"""Second copies from other servers are dropped; what was published twice on purpose stays two."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.adapter.pairing import WINDOW, Pairing


def new(pairing: Pairing, server: str, payload: bytes = b"1", now: float = 0.0, retain: bool = False) -> bool:
    return pairing.is_new(server, "t", payload, retain, now)


def test_the_second_copy_is_dropped_whoever_was_first() -> None:
    pairing = Pairing()
    assert new(pairing, "a")
    assert not new(pairing, "b")
    assert not new(pairing, "c")


def test_equal_values_published_twice_on_purpose_stay_two() -> None:
    pairing = Pairing()
    assert [new(pairing, server) for server in "aabb"] == [True, True, False, False]
    assert [new(pairing, server) for server in "abab"] == [True, False, True, False]


def test_another_topic_or_another_payload_is_another_message() -> None:
    pairing = Pairing()
    assert new(pairing, "a", b"1")
    assert new(pairing, "b", b"2")
    assert pairing.is_new("b", "u", b"1", False, 0.0)
    assert pairing.is_new("b", "tu", b"1", False, 0.0)


def test_a_copy_that_comes_after_the_window_is_new() -> None:
    pairing = Pairing()
    assert new(pairing, "a", now=0.0)
    assert new(pairing, "b", now=WINDOW + 1)


def test_a_retained_message_is_news_only_where_nothing_has_been_heard() -> None:
    pairing = Pairing()
    assert new(pairing, "a", b"old", retain=True)
    assert new(pairing, "a", b"new")
    assert not new(pairing, "b", b"old", retain=True), "a server that lags does not turn the value back"
    pairing.blind()
    assert new(pairing, "a", b"newest", retain=True)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([b"1", b"2"]), max_size=30),
    st.lists(st.sampled_from("abc"), max_size=120),
)
def test_however_copies_interleave_each_message_is_handed_on_once_and_in_order(
    messages: list[bytes], turns: list[str]
) -> None:
    pairing, at, passed = Pairing(), dict.fromkeys("abc", 0), []
    for server in [*turns, *("abc" * len(messages))]:
        if at[server] < len(messages):
            payload = messages[at[server]]
            at[server] += 1
            if new(pairing, server, payload):
                passed.append(payload)
    assert sorted(passed) == sorted(messages)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 20)), max_size=50))
def test_never_are_fewer_handed_on_than_one_server_alone_has_sent(arrivals: list[tuple[str, float]]) -> None:
    pairing, now, passed = Pairing(), 0.0, 0
    for server, pause in arrivals:
        now += pause
        passed += new(pairing, server, now=now)
    counts = [sum(server == one for server, _ in arrivals) for one in "ab"]
    assert max(counts) <= passed <= sum(counts)


def test_memory_is_bounded(monkeypatch) -> None:
    from redundancy.adapter import pairing as module

    monkeypatch.setattr(module, "MOST", 10)
    pairing = Pairing()
    for number in range(100):
        pairing.is_new("a", f"{number}", b"x", False, 0.0)
    assert len(pairing._copies) <= 11
    assert len(pairing._topics) <= 10
