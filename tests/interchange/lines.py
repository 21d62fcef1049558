"""The conversation of a Python peer: one question a line on stdin, one answer a line on stdout, both JSON.

{do: decode, message, payload: base64, birth: base64 or null}   -> {payload: plain (plain.py), detours}
{do: encode, message, payload: plain, birth: plain or null}     -> {payload: base64, detours}
{do: prepare, job: decode or encode, payload: base64 or plain}  -> {}
{do: measure, seconds}                                          -> {rate: calls per CPU-second}

message: the type in the topic. birth: where the payload says neither names nor datatypes. detours: what the
library has no function for, so that the peer went another of the library's ways; by name, once each time.
Whatever the library raises is answered with {error: "Type: text"}.

Imported by processes that have nothing installed but their library.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

Plain = dict[str, Any]


class Library(Protocol):
    """What a peer makes of its library. `detours` is emptied before each question."""

    detours: list[str]

    def decode(self, message: str, data: bytes, birth: bytes | None) -> Plain: ...
    def encode(self, message: str, payload: Plain, birth: Plain | None) -> bytes: ...
    def reader(self, data: bytes) -> Callable[[], Any]:
        """Bytes to what the library itself hands out."""
        ...

    def writer(self, payload: Plain) -> Callable[[], Any]:
        """What the library itself takes to bytes."""
        ...


def serve(library: Library) -> None:
    """Until stdin ends."""
    job: Callable[[], Any] = int
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if question["do"] == "prepare":
                job, answer = _job(library, question), {}
            elif question["do"] == "measure":
                answer = {"rate": rate(job, question["seconds"])}
            else:
                answer = _exchange(library, question)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _exchange(library: Library, question: Plain) -> Plain:
    library.detours = []
    birth = question["birth"]
    found: Any
    if question["do"] == "decode":
        data = base64.b64decode(question["payload"])
        found = library.decode(question["message"], data, birth and base64.b64decode(birth))
    else:
        found = base64.b64encode(library.encode(question["message"], question["payload"], birth)).decode()
    return {"payload": found, "detours": library.detours}


def _job(library: Library, question: Plain) -> Callable[[], Any]:
    if question["job"] == "decode":
        return library.reader(base64.b64decode(question["payload"]))
    return library.writer(question["payload"])


def rate(work: Callable[[], Any], seconds: float) -> float:
    """Calls per CPU-second."""
    count, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(20):
            work()
        count += 20
    return count / (time.process_time() - start)
