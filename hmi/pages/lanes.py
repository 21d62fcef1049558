"""The pair's recent past as a picture: lanes of spans, placed in per cent of the width. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hmi.live.condition import ATTENTION, look

_NARROWEST = 0.3  # per cent: what lasted a moment must be seen, too
_FOR_A_WORD = 1.05  # per cent for each character of a word
_ON_A_PHONE = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One span. `left` and `width` in per cent; `text` is empty where there is no room for the word, and
    `snug` where there is none on a phone."""

    left: str
    width: str
    look: str
    text: str
    snug: bool
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the axis below the lanes."""

    left: str
    text: str


@dataclass(frozen=True, slots=True)
class Lanes:
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]


def lanes(timeline: Mapping[str, Any]) -> Lanes:
    """From the worker's `{"from", "to", "lanes": {name: [[at, word, why], ...]}}`, times in ms since 1970."""
    begin, end = int(timeline["from"]), int(timeline["to"])
    found = [
        Lane(name, tuple(_bars(spans, begin, max(end, begin + 1))))
        for name, spans in timeline["lanes"].items()
    ]
    return Lanes(tuple(found), tuple(_marks(begin, end)))


def word_look(word: str) -> str:
    """How a word of any lane looks: a node's state, a link, a number of edge nodes."""
    if word in ("down", "–"):
        return "down"
    if word == "connected":
        return "standby"
    online, _, whole = word.removesuffix(" online").partition(" of ")
    if whole:
        return "standby" if online == whole else ATTENTION
    return look(word)


def _bars(spans: Sequence[Sequence[Any]], begin: int, end: int) -> list[Bar]:
    found = []
    for index, (at, word, why) in enumerate(spans):
        until = spans[index + 1][0] if index + 1 < len(spans) else end
        left = max(0.0, (at - begin) * 100 / (end - begin))
        width = max(_NARROWEST, (until - max(at, begin)) * 100 / (end - begin))
        text = word if width > _FOR_A_WORD * len(word) else ""
        snug = width <= _ON_A_PHONE * len(word)
        title = f"{word} from {_clock(at)} to {_clock(until)}" + (f": {why}" if why else "")
        found.append(
            Bar(f"{left:.2f}%", f"{min(width, 100 - left):.2f}%", word_look(word), text, snug, title)
        )
    return found


def _marks(begin: int, end: int) -> list[Mark]:
    seconds = (end - begin) / 1000
    step = next((step for step in (60, 120, 300, 900, 3600) if seconds / step <= 8), 14_400) * 1000
    first = -(-begin // step) * step
    return [
        Mark(f"{(at - begin) * 100 / (end - begin):.2f}%", _clock(at)[:5]) for at in range(first, end, step)
    ]


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S")
