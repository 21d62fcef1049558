"""Topic names, filters, and the tries that must say the same as a naive matcher."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redundancy.distributor.topics import (
    Retained,
    Subscriptions,
    covers,
    filter_fault,
    matches,
    name_fault,
    overlaps,
)

levels = st.sampled_from(["", "a", "b", "a b", "$x"])
names = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda head, tail: "/".join(head + tail),
    st.lists(levels | st.just("+"), max_size=3),
    st.sampled_from([["#"], ["+"], ["a"], [""]]),
).filter(bool)


def naive(text: str, topic: str) -> bool:
    def rest(left: list[str], right: list[str]) -> bool:
        if left[:1] == ["#"]:
            return True
        if not left or not right:
            return not left and not right
        return left[0] in ("+", right[0]) and rest(left[1:], right[1:])

    if topic.startswith("$") and text[0] in "+#":
        return False
    return rest(text.split("/"), topic.split("/"))


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "anything/at all", True),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("spBv1.0/+/DDATA/#", "spBv1.0/Group 1/DDATA/Edge 1/Device 1", True),
    ],
)
def test_the_specifications_own_examples(text: str, topic: str, expected: bool):
    assert matches(text, topic) is expected
    assert naive(text, topic) is expected


@given(st.dictionaries(st.tuples(filters, st.integers(0, 3)), st.integers()), names, st.data())
def test_the_subscription_trie_equals_the_naive_matcher(wanted, topic, data):
    trie: Subscriptions[int, int] = Subscriptions()
    for (text, subscriber), options in wanted.items():
        trie.add(text, subscriber, options)
    gone = data.draw(st.lists(st.sampled_from(sorted(wanted)), unique=True)) if wanted else []
    for text, subscriber in gone:
        trie.remove(text, subscriber)
    trie.remove("never/there", 1)
    kept = {key: options for key, options in wanted.items() if key not in gone}
    expected = sorted((who, options) for (text, who), options in kept.items() if naive(text, topic))
    assert sorted(trie.match(topic)) == expected
    if len(gone) == len(wanted):
        assert not trie._root.children, "an empty trie keeps no nodes"


@given(st.dictionaries(names, st.integers()), filters, st.data())
def test_the_retained_trie_equals_the_naive_matcher(kept, text, data):
    store: Retained[int] = Retained()
    for topic, value in kept.items():
        store.put(topic, value)
    gone = data.draw(st.sets(st.sampled_from(sorted(kept)))) if kept else set()
    for topic in gone:
        store.drop(topic)
    store.drop("never/there")
    expected = sorted(value for topic, value in kept.items() if topic not in gone and naive(text, topic))
    assert sorted(store.match(text)) == expected
    assert len(store) == len(kept) - len(gone)


@given(filters, filters, names)
def test_covering_and_overlapping_agree_with_matching(one, other, topic):
    if matches(one, topic) and matches(other, topic):
        assert overlaps(one, other)
        assert overlaps(other, one)
    if covers(one, other) and matches(other, topic):
        assert matches(one, topic)


def test_filters_that_can_share_no_topic_do_not_overlap():
    assert not overlaps("a/+", "b/#")
    assert not overlaps("a/b", "a/b/c")
    assert not overlaps("#", "$SYS/#")
    assert overlaps("a/#", "+/b/c")


@pytest.mark.parametrize("text", ["", "a/#/b", "a#", "#a", "a/b+", "+a/b", "##", "a/" * 200])
def test_a_filter_that_is_none_is_refused(text: str):
    assert filter_fault(text)


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "/" * 200])
def test_a_topic_that_nobody_may_publish_to_is_refused(topic: str):
    assert name_fault(topic)


@pytest.mark.parametrize("text", ["#", "+", "/", "a/+/#", "+/+", "spBv1.0/Group 1/#", "a//b"])
def test_odd_but_valid_filters_are_let_through(text: str):
    assert filter_fault(text) is None
