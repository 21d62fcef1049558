"""The 100-metric NDATA (codec.py) decoded and encoded by us, by a bare protobuf parse, by other libraries.

From bytes to what each library hands to its user, and from what its user hands to it to bytes: Metric and
Payload here, Metric and NData in pysparkplug, ParsedMetric and addMetric in tahutils (which drops aliases
and reads negative numbers as unsigned), objects in sparkplug-payload. What they read differently is in
docs/interchange.md. Each runs in a process of its own and counts the CPU time of that process; all jobs
take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from sparkplug import Payload, decode, encode
from sparkplug.sparkplug_b_pb2 import Payload as Message
from tests.bench.codec import by_alias, payload, rate
from tests.interchange.peers import PEERS, Conversation, NotInstalled, install

_ROUNDS = 7
_SECONDS = 0.2
_BARE = "bare protobuf parse"
_USUAL = "pysparkplug"


class Job(NamedTuple):
    codec: str
    job: str
    form: str


def run() -> list[dict[str, Any]]:
    jobs: dict[Job, Callable[[], float]] = {}
    with ExitStack() as open_ones:
        talks = _conversations(open_ones)
        for form, message in (("name", payload()), ("alias", by_alias(payload()))):
            data = encode(message)
            jobs[Job(_BARE, "decode", form)] = partial(rate, partial(Message.FromString, data))
            jobs[Job("tandem", "decode", form)] = partial(rate, partial(decode, data))
            jobs[Job("tandem", "encode", form)] = partial(rate, partial(encode, message))
            for talk in talks:
                for job in ("decode", "encode"):
                    jobs[Job(talk.peer.name, job, form)] = partial(_peer_rate, talk, job, message, data)
        rates: dict[Job, list[float]] = {job: [] for job in jobs}
        for _ in range(_ROUNDS):
            for one, measure in jobs.items():
                rates[one].append(measure())
    return _rows({job: median(found) for job, found in rates.items()})


def _conversations(open_ones: ExitStack) -> list[Conversation]:
    talks = []
    for peer in PEERS:
        try:
            install(peer)
            talks.append(open_ones.enter_context(Conversation(peer)))
        except NotInstalled as reason:
            print(f"{peer.name}: not installed: {reason}", flush=True)
    return talks


def _peer_rate(talk: Conversation, job: str, message: Payload, data: bytes) -> float:
    talk.prepare(job, message, data)
    return talk.rate(_SECONDS)


def _rows(found: dict[Job, float]) -> list[dict[str, Any]]:
    rows = []
    for job in sorted(found, key=lambda one: (one.job, one.form, -found[one])):
        usual = found.get(job._replace(codec=_USUAL))
        rows.append(
            {
                "job": f"{job.job}, by {job.form}",
                "codec": job.codec,
                "metrics per CPU-second": round(found[job] * 100),
                "of bare parse": round(found[job] / found[Job(_BARE, "decode", job.form)], 3),
                f"times {_USUAL}": usual and round(found[job] / usual, 2),
            }
        )
    return rows
