"""What a browser may say, and what it may not."""

from __future__ import annotations

import json

import pytest

from hmi.live.frames import MOST_PATHS, BirthAsked, FrameError, Pong, Subscribe, Unsubscribe, parse


def test_the_four_frames_are_understood() -> None:
    assert parse('{"type":"birth"}') == BirthAsked()
    assert parse('{"type":"pong","server_time":1}') == Pong()
    assert parse('{"type":"unsubscribe","paths":["[P]a"]}') == Unsubscribe({"[P]a": "[P]a"})
    assert parse('{"type":"subscribe","paths":[]}') == Subscribe({})


def test_a_path_is_watched_by_its_one_spelling_and_answered_in_the_browser_s() -> None:
    assert parse('{"type":"subscribe","paths":["[P]/a//b/"]}') == Subscribe({"[P]a/b": "[P]/a//b/"})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not-json"),
        ("[]", "not-json"),
        ("{", "not-json"),
        ("null", "not-json"),
        ("[" * 50_000, "not-json"),
        ('{"type":"admin"}', "unknown-type"),
        ('{"type":["subscribe"]}', "unknown-type"),
        ('{"type":"subscribe"}', "paths"),
        ('{"type":"subscribe","paths":"[P]a"}', "paths"),
        ('{"type":"subscribe","paths":[1]}', "paths"),
        ('{"type":"subscribe","paths":["no provider"]}', "path"),
        ('{"type":"subscribe","paths":["[P]a\\u0000b"]}', "path"),
        ('{"type":"subscribe","paths":["[P]\\ud800"]}', "path"),
        (json.dumps({"type": "subscribe", "paths": ["[P]" + "x" * 2000]}), "path"),
        (json.dumps({"type": "birth", "padding": "x" * 64_000}), "too-large"),
        (json.dumps({"type": "birth", "padding": "é" * 40_000}, ensure_ascii=False), "too-large"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, error: str) -> None:
    with pytest.raises(FrameError) as refused:
        parse(text)
    assert refused.value.error == error
    assert refused.value.reason


def test_too_many_paths_in_one_frame_are_refused() -> None:
    paths = [f"[P]{number}" for number in range(MOST_PATHS + 1)]
    with pytest.raises(FrameError, match="may watch"):
        parse(json.dumps({"type": "subscribe", "paths": paths}))


def test_binary_frames_are_refused() -> None:
    with pytest.raises(FrameError, match="not binary"):
        parse(None, b"{}")
