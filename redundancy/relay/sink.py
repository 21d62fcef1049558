"""Where the receiver's lines go: a file that is cut back to what was committed, or a pipe."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class SinkError(Exception):
    """Lines can't be written. `full`: only because there is no room; nothing of the batch is left behind."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


class Sink(Protocol):
    """`write` answers the offset that is to be committed with the batch. `certain`: what was written and
    not committed is undone at the next start; otherwise it may come twice."""

    name: str
    certain: bool

    def write(self, data: bytes) -> int: ...

    def close(self) -> None: ...


class FileSink:
    """Appends to `path`. `committed`: what the inbox knows of this file, None: it was never written to."""

    certain = True

    def __init__(self, path: Path, committed: int | None) -> None:
        self.name = str(path.resolve())
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            size = os.fstat(self._file).st_size
            self._offset = size if committed is None else committed
            if size < self._offset:
                os.close(self._file)
                raise SinkError(
                    f"{path} has {size} bytes, but {self._offset} were written to it: it was replaced or cut."
                    " Say another --output"
                )
            os.ftruncate(self._file, self._offset)
        except OSError as error:
            raise SinkError(f"{path} can't be written: {error.strerror}") from None

    def write(self, data: bytes) -> int:
        """On the disk when it returns."""
        written = 0
        if not data:
            return self._offset
        try:
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._offset + written)
            os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._offset)
            reason = (error.strerror or str(error)).lower()
            raise SinkError(f"{self.name} can't be written: {reason}", full=error.errno in _NO_ROOM) from None
        self._offset += len(data)
        return self._offset

    def close(self) -> None:
        os.close(self._file)


class PipeSink:
    """Standard output."""

    certain = False
    name = "-"

    def __init__(self, file: int = 1) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SinkError(f"the output can't be written: {reason}") from None
        return 0

    def close(self) -> None:
        pass
