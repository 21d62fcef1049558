"""Where the publisher's lines come from: a file, taken up again where it was left, or a pipe."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_CHUNK = 65536
_BEFORE = 256  # bytes in front of an offset, by which a file is known again
_POLL = 0.2


class InputError(Exception):
    """The input can't be read from where it was left."""


@dataclass(frozen=True, slots=True)
class Place:
    """So far a file was taken over: `offset` bytes of it; `before` is a digest of the last ones."""

    path: str
    offset: int
    before: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines without their ends, how many were longer than allowed, and the place behind them."""

    lines: list[bytes]
    overlong: int
    place: Place | None


class LineInput:
    """`path` None: standard input. `longest` bytes a line; a longer one is left out and counted.

    `follow`: a file is read on as it grows, and its last line counts once it has an end.
    """

    def __init__(self, path: Path | None, place: Place | None, *, longest: int, follow: bool = False) -> None:
        self._path = path
        self._longest = longest
        self._follow = follow and path is not None
        self._file = _opened(path)
        self._offset = 0
        self._rest = b""
        self._dropped = 0  # bytes of a line that is too long and has not ended
        if path is not None and place is not None:
            self._resume(path, place)

    def chunks(self) -> Iterator[Chunk]:
        """Whatever there is, at once; blocks for more. Ends with the input."""
        while True:
            raw = self._more()
            if raw is None:
                break
            if raw:
                yield self._split(raw)
        if (self._rest or self._dropped) and not self._follow:
            yield self._split(b"", last=True)

    def _more(self) -> bytes | None:
        """b"": nothing yet; None: the end."""
        try:
            raw = os.read(self._file.fileno(), _CHUNK)
        except OSError as error:
            raise InputError(f"the input can't be read: {error.strerror}") from None
        if raw:
            return raw
        if not self._follow:
            return None
        time.sleep(_POLL)
        return b""

    def _split(self, raw: bytes, *, last: bool = False) -> Chunk:
        """`_offset` stays at the beginning of a line until its end has been seen."""
        *lines, rest = (self._rest + raw).split(b"\n")
        if last:
            lines, rest = [rest], b""
        overlong = 0
        if lines:
            self._offset += self._dropped + len(self._rest) + len(raw) - len(rest)
            if self._dropped:
                lines.pop(0)
                overlong, self._dropped = 1, 0
        kept = [line for line in lines if len(line) <= self._longest]
        overlong += len(lines) - len(kept)
        if self._dropped or len(rest) > self._longest:
            self._dropped += len(rest)
            rest = b""
        self._rest = rest
        return Chunk([line.removesuffix(b"\r") for line in kept], overlong, self._place())

    def _place(self) -> Place | None:
        if self._path is None:
            return None
        return Place(str(self._path.resolve()), self._offset, _digest(self._file, self._offset))

    def _resume(self, path: Path, place: Place) -> None:
        if place.path != str(path.resolve()):
            return  # another file: from its beginning
        size = os.fstat(self._file.fileno()).st_size
        if size < place.offset or _digest(self._file, place.offset) != place.before:
            raise InputError(
                f"{path} is not the file of which {place.offset} bytes were taken over: it was replaced"
                " or cut. Say --from-start to read it from its beginning"
            )
        os.lseek(self._file.fileno(), place.offset, os.SEEK_SET)
        self._offset = place.offset


def _opened(path: Path | None) -> BinaryIO:
    try:
        return open(0 if path is None else path, "rb", buffering=0, closefd=path is not None)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from None


def _digest(file: BinaryIO, offset: int) -> str:
    first = max(0, offset - _BEFORE)
    return hashlib.sha256(os.pread(file.fileno(), offset - first, first)).hexdigest()[:16]
