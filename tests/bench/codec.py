"""Encoding and decoding the 100-metric NDATA: 40 Double, 30 Int32 (also negative), 20 Boolean, 10 String.

Names are 28 characters long; each metric has a timestamp and a datatype: 4.8 kB by name, 2 kB by alias. The
yardstick is the bare protobuf parse of the same bytes: what it costs before Python has touched a single
field. All jobs take turns, so that a machine that grows slower does so for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from sparkplug import DataType, Metric, Payload, decode, encode
from sparkplug.sparkplug_b_pb2 import Payload as Message

_SECONDS = 0.2
_RUNS = 9
_STAMP = 1_700_000_000_000


def payload() -> Payload:
    values: list[tuple[DataType, Any]] = [(DataType.Double, n * 1.37) for n in range(40)]
    values += [(DataType.Int32, (-1) ** n * n * 331) for n in range(30)]
    values += [(DataType.Boolean, n % 2 == 0) for n in range(20)]
    values += [(DataType.String, f"text {n:05}") for n in range(10)]
    metrics = [
        Metric(f"Plant/Hall 1/Line 2/Value {n:02}", kind, value, _STAMP)
        for n, (kind, value) in enumerate(values)
    ]
    return Payload(_STAMP, tuple(metrics), seq=7)


def by_alias(message: Payload) -> Payload:
    metrics = (metric._replace(name=None, alias=n) for n, metric in enumerate(message.metrics))
    return message._replace(metrics=tuple(metrics))


def rate(work: Callable[[], Any]) -> float:
    """Calls per CPU-second."""
    count, start = 0, time.process_time()
    while time.process_time() - start < _SECONDS:
        for _ in range(50):
            work()
        count += 50
    return count / (time.process_time() - start)


def run() -> list[dict[str, Any]]:
    rows = []
    for form, message in (("name", payload()), ("alias", by_alias(payload()))):
        data = encode(message)
        jobs: dict[str, Callable[[], Any]] = {
            "bare protobuf parse": partial(Message.FromString, data),
            "decode": partial(decode, data),
            "encode": partial(encode, message),
        }
        rates: dict[str, list[float]] = {job: [] for job in jobs}
        for _ in range(_RUNS):
            for job, work in jobs.items():
                rates[job].append(rate(work))
        bare = median(rates["bare protobuf parse"])
        for job, found in rates.items():
            rows.append(
                {
                    "job": f"{job}, by {form}",
                    "metrics per CPU-second": round(median(found) * 100),
                    "of bare parse": round(median(found) / bare, 3),
                }
            )
    return rows
