"""What a browser may say on `/ws/live`, checked before anything acts on it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hmi.tags.path import PathError, canonical

MOST_BYTES = 64_000
MOST_PATHS = 5_000


class FrameError(ValueError):
    """A frame that is refused. `error` is a constant for programs, the message a sentence for people."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Paths to add, by their one spelling; the value is the spelling the browser used."""

    paths: dict[str, str]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    paths: dict[str, str]


@dataclass(frozen=True, slots=True)
class BirthAsked:
    """The browser saw a gap."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The browser has read everything up to a ping: how the server knows that it keeps up."""


Frame = Subscribe | Unsubscribe | BirthAsked | Pong


def parse(text: str | None, data: bytes | None = None) -> Frame:
    """One frame from a browser. Raises FrameError."""
    if text is None or data is not None:
        raise FrameError("not-text", "frames are JSON text, not binary")
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise FrameError("too-large", f"a frame has at most {MOST_BYTES} bytes")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("not-json", "a frame is one JSON object") from None
    if not isinstance(raw, dict):
        raise FrameError("not-json", "a frame is one JSON object")
    kind = raw.get("type")
    if kind == "subscribe":
        return Subscribe(_paths(raw))
    if kind == "unsubscribe":
        return Unsubscribe(_paths(raw))
    if kind == "birth":
        return BirthAsked()
    if kind == "pong":
        return Pong()
    raise FrameError("unknown-type", f"{str(kind)[:40]!r} is none of subscribe, unsubscribe, birth, pong")


def _paths(raw: dict[str, Any]) -> dict[str, str]:
    paths = raw.get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise FrameError("paths", "paths is a list of tag paths")
    if len(paths) > MOST_PATHS:
        raise FrameError("too-many", f"a browser may watch {MOST_PATHS} paths")
    try:
        return {canonical(path): path for path in paths}
    except PathError as error:
        raise FrameError("path", str(error)) from None
