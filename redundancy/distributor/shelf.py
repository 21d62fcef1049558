"""The file between two runs of a server: written when it stops, taken up and removed when it starts.

Beside the configuration, mode 0600, replaced whole. Its first line says the version and the SHA-256 of
all that follows, which is JSON. Whatever is wrong with it: the server starts, and stops, all the same, and
says so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path
from typing import Any

from redundancy import whole_file
from redundancy.clock import Clock
from redundancy.distributor import keeping
from redundancy.distributor.broker import Broker

log = logging.getLogger(__name__)

VERSION = 1
LARGEST = 4 * keeping.MOST
"""Bytes; what is larger was not written here."""


class DamagedError(ValueError):
    """The file is there and can't be used. The message is the reason."""


class Shelf:
    """What one server keeps, in `path`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def take_up(self, broker: Broker) -> None:
        """Before anybody connects. A file that can't be used is set aside."""
        try:
            data = load(self._path)
            if data is None:
                return
            count = keeping.take_up(broker, data, self._clock.now())
        except (DamagedError, keeping.Unreadable) as error:
            self._set_aside(error)
        except OSError as error:
            log.error("%s cannot be read, sessions begin anew: %s", self._path, error.strerror)
        else:
            log.info(
                "taken up: %d sessions with %d messages, %d retained; expired or no longer allowed: "
                "%d sessions, %d messages",
                count.sessions, count.messages, count.retained, count.lost_sessions, count.lost_messages,
            )  # fmt: skip

    def clear(self) -> None:
        """What was taken up lives in the broker now; a killed server begins anew."""
        try:
            self._path.unlink(missing_ok=True)
            whole_file.sync_folder(self._path.parent)
        except OSError as error:
            log.error("%s cannot be removed: %s", self._path, error.strerror)

    def keep(self, broker: Broker) -> threading.Thread:
        """Of a broker that has stopped. The thread ends when all is written; the disk may take its time."""
        kept, count = keeping.export(broker, self._clock.now())
        thread = threading.Thread(target=self._write, args=(kept, count), name="keeping", daemon=True)
        thread.start()
        return thread

    def _write(self, kept: dict[str, Any], count: keeping.Count) -> None:
        if not (count.sessions or count.retained or count.lost_sessions or count.lost_messages):
            return
        try:
            save(self._path, kept)
        except OSError as error:
            log.error("%s cannot be written, sessions are lost: %s", self._path, error.strerror)
            return
        log.info(
            "kept: %d sessions with %d messages, %d retained", count.sessions, count.messages, count.retained
        )
        if count.lost_sessions or count.lost_messages:
            log.error(
                "lost, for more than %d MiB is not kept: %d sessions, %d messages",
                keeping.MOST >> 20, count.lost_sessions, count.lost_messages,
            )  # fmt: skip

    def _set_aside(self, error: Exception) -> None:
        aside = self._path.with_name(self._path.name + ".damaged")
        try:
            self._path.replace(aside)
        except OSError:
            aside = self._path
        log.error("%s is damaged, sessions begin anew: %s; it is now %s", self._path, error, aside.name)


def save(path: Path, kept: dict[str, Any]) -> None:
    """On disk, whole, when this returns. Blocks for as long as the disk takes. Raises OSError."""
    body = json.dumps(kept, separators=(",", ":")).encode()
    head = b"%d %s\n" % (VERSION, hashlib.sha256(body).hexdigest().encode())
    whole_file.replace(path, head + body)


def load(path: Path) -> Any:
    """What was last saved; None if nothing was. Raises DamagedError, or OSError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    if len(data) > LARGEST:
        raise DamagedError(f"it has more than {LARGEST} bytes")
    head, _, body = data.partition(b"\n")
    version, _, wanted = head.partition(b" ")
    if version != b"%d" % VERSION:
        raise DamagedError(f"its version is {version[:20]!r}, not {VERSION}")
    if hashlib.sha256(body).hexdigest().encode() != wanted:
        raise DamagedError("its checksum is wrong")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"it is not JSON: {error}") from None
