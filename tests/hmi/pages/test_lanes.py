"""The pair's past as a picture."""

from __future__ import annotations

from hmi.pages.lanes import lanes, word_look

MINUTE = 60_000
BEGIN = 1_700_000_040_000  # 22:14:00 UTC


def drawn(*spans: tuple[int, str, str], minutes: int = 15):
    return lanes({"from": BEGIN, "to": BEGIN + minutes * MINUTE, "lanes": {"a": [list(s) for s in spans]}})


def test_spans_fill_the_lane_from_its_beginning_to_now() -> None:
    bars = (
        drawn((BEGIN - MINUTE, "Standby", ""), (BEGIN + 3 * MINUTE, "Active", "b fell silent")).lanes[0].bars
    )
    assert [(bar.left, bar.width, bar.look, bar.text) for bar in bars] == [
        ("0.00%", "20.00%", "standby", "Standby"),
        ("20.00%", "80.00%", "active", "Active"),
    ]
    assert bars[1].title == "Active from 22:17:00 to 22:29:00: b fell silent"


def test_what_lasted_a_moment_is_seen_and_has_no_word() -> None:
    bars = drawn(
        (BEGIN, "Standby", ""), (BEGIN + MINUTE, "Candidate", ""), (BEGIN + MINUTE + 20, "Active", "")
    )
    assert (bars.lanes[0].bars[1].width, bars.lanes[0].bars[1].text) == ("0.30%", "")


def test_nothing_reaches_beyond_the_right_edge() -> None:
    bar = drawn((BEGIN, "Active", ""), (BEGIN + 15 * MINUTE, "Fenced", "")).lanes[0].bars[-1]
    assert (bar.left, bar.width) == ("100.00%", "0.00%")


def test_the_axis_has_whole_minutes_and_not_too_many() -> None:
    for minutes in (1, 15, 60, 1440):
        marks = drawn((BEGIN, "Active", ""), minutes=minutes).marks
        assert len(marks) <= 9
    assert [mark.text for mark in drawn((BEGIN, "Active", "")).marks][:2] == ["22:14", "22:16"]


def test_words_look_as_bad_as_they_are() -> None:
    words = ("Active", "Standby", "Fenced", "down", "connected", "2 of 2 online", "1 of 2 online")
    assert [word_look(word) for word in words] == [
        "active",
        "standby",
        "alarm",
        "down",
        "standby",
        "standby",
        "attention",
    ]


def test_a_word_that_only_a_wide_page_has_room_for_is_marked() -> None:
    bars = drawn((BEGIN, "Active", ""), (BEGIN + 13 * MINUTE, "Standby", "")).lanes[0].bars
    assert [(bar.text, bar.snug) for bar in bars] == [("Active", False), ("Standby", True)]
