"""Two sets of items that ask each other what they lack end up equal, and little travels for it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redundancy.replication import reconciliation
from redundancy.replication.reconciliation import MINUTE, MOST_ASKED, WIDTHS, Holder, Round
from tests.redundancy.item_sets import ItemSet, Key, hashed

DAY = 24 * 60 * MINUTE
END = 900 * DAY

names = st.sampled_from([f"tag {number}" for number in range(40)])
# Moments that crowd in a few minutes, and moments anywhere.
moments = st.one_of(st.integers(0, 200).map(lambda n: 500 * DAY + n * 1000), st.integers(0, END - 1))
sets = st.sets(st.tuples(names, moments), max_size=60)


def over_the_wire(message: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json.dumps(message))
    return parsed


def asked(mine: ItemSet, theirs: ItemSet, end: int = END, messages: int | None = None) -> tuple[Round, int]:
    """One round, given up after so many answers if that is said; and how many there were."""
    comparison, holder, heard = Round(mine, end), Holder(theirs), 0
    while (question := comparison.question()) is not None and heard != messages:
        comparison.heard(over_the_wire(holder.answer(over_the_wire(question), END)))
        heard += 1
    return comparison, heard


@given(sets, sets)
def test_after_both_have_asked_both_hold_the_union(ours: set[Key], others: set[Key]) -> None:
    one, two = ItemSet(ours, "one's"), ItemSet(others, "two's")
    assert asked(one, two)[0].taken == len(others - ours)
    assert asked(two, one)[0].taken == len(ours - others)
    assert one.keys == two.keys == ours | others
    assert all(one.items_held[key] == "one's" for key in ours), "the first value of a key stays"
    assert asked(one, two)[0].equal
    assert asked(two, one)[1] == 1, "one digest says that all is well"


@settings(max_examples=30)
@given(sets, sets, st.randoms(use_true_random=False))
def test_cut_between_any_two_messages_it_gets_there_all_the_same(
    ours: set[Key], others: set[Key], dice: random.Random
) -> None:
    """Every round but the last is cut, either node restarts, and both go on storing what is new."""
    one, two = ItemSet(ours), ItemSet(others)
    union = ours | others
    for turn in range(20):
        mine, theirs = dice.sample((one, two), 2)
        before = len(mine.keys)
        cut, _ = asked(mine, theirs, messages=dice.randrange(12))
        assert len(mine.keys) == before + cut.taken, "what has come is kept"
        late = (f"tag {dice.randrange(40)}", dice.randrange(END))
        mine.add([[*late, ""]])
        union.add(late)
        if turn % 5 == 0:
            one, two = ItemSet(one.keys), ItemSet(two.keys)  # restarted: nothing but the items is left
    asked(one, two)
    asked(two, one)
    assert one.keys == two.keys == union


def grid(tags: int, minutes: int, period: int = 1000) -> set[Key]:
    """Every tag at every multiple of `period` ms."""
    begin = 500 * DAY
    times = range(begin, begin + minutes * MINUTE, period)
    return {(f"tag {tag}", at) for tag in range(tags) for at in times}


def test_what_travels_is_bounded_by_what_differs() -> None:
    """Of 28 800 items the node lacks 60, one tag's minute: about that much comes, and few questions go."""
    everything = grid(tags=40, minutes=12)
    lost = {key for key in everything if key[0] == "tag 7" and key[1] // MINUTE == (500 * DAY) // MINUTE + 9}
    mine, theirs = ItemSet(everything - lost, page=1000), ItemSet(everything, page=1000)
    comparison, questions = asked(mine, theirs)
    assert mine.keys == everything
    assert comparison.differing == 1
    alike = {f"tag {tag}" for tag in range(40) if hashed(f"tag {tag}") == hashed("tag 7")}
    assert theirs.sent == len(lost) * len(alike)
    assert questions == len(WIDTHS) + 2


def test_a_node_that_was_down_gets_its_minutes_and_gives_none_back() -> None:
    everything = grid(tags=40, minutes=10)
    gap = {key for key in everything if 3 <= (key[1] - 500 * DAY) // MINUTE < 5}
    returned, stayed = ItemSet(everything - gap, page=1000), ItemSet(everything, page=1000)
    comparison, questions = asked(returned, stayed)
    assert comparison.differing == 2
    assert stayed.sent == len(gap)
    assert questions <= len(WIDTHS) + 2 * (1 + 40 * 60 // 1000 + 1)
    asked(stayed, returned)
    assert returned.sent == 0


def test_the_node_with_more_asks_nothing_but_where_the_other_has_something() -> None:
    mine, theirs = ItemSet(grid(tags=5, minutes=50)), ItemSet()
    comparison, questions = asked(mine, theirs)
    assert (comparison.equal, comparison.taken, questions) == (False, 0, 1)


def test_more_slots_and_names_than_one_answer_takes_are_asked_for_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciliation, "MOST_SLOTS", 3)
    monkeypatch.setattr(reconciliation, "MOST_NAMES", 4)
    monkeypatch.setattr(reconciliation, "MOST_ASKED", 2)
    everything = grid(tags=20, minutes=8, period=20_000) | {("tag 1", day * DAY) for day in range(20)}
    mine, theirs = ItemSet(), ItemSet(everything)
    asked(mine, theirs)
    assert mine.keys == everything
    mine = ItemSet(key for key in everything if key[1] % 40_000)
    assert asked(mine, theirs)[0].taken == sum(1 for key in everything if not key[1] % 40_000)


def test_what_is_younger_than_either_node_lets_settle_is_left_alone() -> None:
    mine, theirs = ItemSet(), ItemSet([("a", 100), ("a", 200), ("a", 300)])
    asked(mine, theirs, end=250)
    assert mine.keys == {("a", 100), ("a", 200)}
    holder, comparison = Holder(theirs), Round(mine := ItemSet(), END)
    while (question := comparison.question()) is not None:
        comparison.heard(holder.answer(question, 150))
    assert mine.keys == {("a", 100)}


BAD_ANSWERS: list[dict[str, Any]] = [
    {},
    {"kind": "names"},
    {"kind": "slots"},
    {"kind": "slots", "end": END},
    {"kind": "slots", "end": -1, "slots": []},
    {"kind": "slots", "end": END, "slots": {}},
    {"kind": "slots", "end": END, "slots": [[0, 1]]},
    {"kind": "slots", "end": END, "slots": [[0, 1, True]]},
    {"kind": "slots", "end": END, "slots": [[0, 1, -1]]},
    {"kind": "slots", "end": END, "slots": [[7, 1, 1]]},
    {"kind": "slots", "end": END, "slots": [[0, 1, 2**63]]},
    {"kind": "slots", "end": END, "slots": [[0, 1, 1], [0, 1, 1]]},
    {"kind": "slots", "end": END, "slots": [[0, 1, 1]] * 1001},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=str)
def test_an_answer_that_can_t_be_used_is_refused_and_ends_only_its_question(answer: dict[str, Any]) -> None:
    mine = ItemSet([("a", 1)])
    comparison = Round(mine, END)
    comparison.question()
    with pytest.raises(ValueError, match=r"kind|slots|end"):
        comparison.heard(answer)
    assert comparison.question() is None
    assert mine.keys == {("a", 1)}


@pytest.mark.parametrize(
    "answer",
    [
        {"items": None},
        {"items": [["a", 2, "x"], ["a", "evil", "x"]]},
        {"items": [["a", 2, "x"]] * 2001},
        {"items": [], "after": ["a", 2]},
        {"items": [["a", 2, "x"]], "after": ["a"]},
        {"items": [["a", 2, "x"]], "after": ["a", 2.5]},
        {"items": [["a", 2, "x"]], "after": ["a" * 5000, 2]},
    ],
    ids=str,
)
def test_items_that_can_t_be_used_are_refused_whole(answer: dict[str, Any]) -> None:
    mine, theirs = ItemSet(), ItemSet([("a", 2)])
    comparison, holder = Round(mine, END), Holder(theirs)
    while (question := comparison.question()) is not None and question["kind"] != "items":
        comparison.heard(holder.answer(question, END))
    with pytest.raises(ValueError, match=r"items|after"):
        comparison.heard({"kind": "items", "after": None, **answer})
    assert not mine.keys
    assert comparison.question() is None


def test_a_page_that_goes_back_is_refused_so_that_no_round_lasts_for_ever() -> None:
    mine, theirs = ItemSet(), ItemSet([("a", at) for at in range(20)])
    comparison, holder = Round(mine, END), Holder(theirs)
    while (question := comparison.question()) is not None and not isinstance(question.get("after"), list):
        comparison.heard(holder.answer(question, END))
    with pytest.raises(ValueError, match="does not go on"):
        comparison.heard({"kind": "items", "items": [["a", 1, ""]], "after": ["a", 1]})


def test_names_that_come_a_second_time_are_refused() -> None:
    comparison = Round(ItemSet(), END)
    for level in range(len(WIDTHS)):
        comparison.heard({"kind": "slots", "end": END, "slots": [[0, 1, 1]]})
        assert (comparison.question() or {}).get("level", len(WIDTHS)) == level + 1
    comparison.heard({"kind": "names", "names": [[number, 1, 1] for number in range(1000)]})
    for _ in range(1000 // MOST_ASKED):
        comparison.heard({"kind": "items", "items": [], "after": None})
    with pytest.raises(ValueError, match="second time"):
        comparison.heard({"kind": "names", "names": [[999, 1, 1]]})


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"kind": ["slots"]},
        {"kind": "slots", "start": 0, "end": END},
        {"kind": "slots", "level": 4, "start": 0, "end": END},
        {"kind": "slots", "level": 3, "start": 7, "end": END},
        {"kind": "slots", "level": 0, "start": -1, "end": END},
        {"kind": "slots", "level": 0, "start": 0, "end": 2**63},
        {"kind": "names", "start": 0, "end": END, "after": None},
        {"kind": "names", "start": 0, "end": END, "after": -2},
        {"kind": "items", "start": 0, "end": END, "names": [], "after": None},
        {"kind": "items", "start": 0, "end": END, "names": [True], "after": None},
        {"kind": "items", "start": 0, "end": END, "names": [1] * 101, "after": None},
        {"kind": "items", "start": 0, "end": END, "names": [1], "after": ["a", -1]},
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused_with_its_field(question: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"kind|level|start|end|after|names"):
        Holder(ItemSet([("a", 1)])).answer(question, END)


def test_a_holder_whose_clock_says_1970_answers_that_nothing_has_settled() -> None:
    holder = Holder(ItemSet([("a", 1)]))
    answer = holder.answer({"kind": "slots", "level": 0, "start": 0, "end": END}, -5000)
    assert answer == {"kind": "slots", "end": 0, "slots": []}
