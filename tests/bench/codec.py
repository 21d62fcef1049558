"""Encoding and decoding the 100-metric NDATA: 40 Double, 30 Int32 (also negative), 20 Boolean, 10 String.

The yardstick is the bare protobuf parse of the same bytes in the same run: what it costs before Python
has touched a single field.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sparkplug import DataType, Metric, Payload, decode, encode
from sparkplug.sparkplug_b_pb2 import Payload as Message

_SECONDS = 0.4
_RUNS = 7


def payload() -> Payload:
    metrics = [Metric(f"Line/Double {n}", DataType.Double, n * 1.5, 1_700_000_000_000) for n in range(40)]
    metrics += [
        Metric(f"Line/Whole {n}", DataType.Int32, (-1) ** n * n, 1_700_000_000_000) for n in range(30)
    ]
    metrics += [
        Metric(f"Line/Switch {n}", DataType.Boolean, n % 2 == 0, 1_700_000_000_000) for n in range(20)
    ]
    metrics += [Metric(f"Line/Text {n}", DataType.String, f"text {n}", 1_700_000_000_000) for n in range(10)]
    return Payload(1_700_000_000_000, tuple(metrics), seq=7)


def rate(work: Callable[[], Any]) -> float:
    """Calls per CPU-second: the median of several runs."""
    rates = []
    for _ in range(_RUNS):
        count, start = 0, time.process_time()
        while time.process_time() - start < _SECONDS:
            for _ in range(50):
                work()
            count += 50
        rates.append(count / (time.process_time() - start))
    return sorted(rates)[_RUNS // 2]


def run() -> list[dict[str, Any]]:
    message = payload()
    data = encode(message)
    bare = rate(lambda: Message.FromString(data))
    rows = []
    for name, work in (
        ("bare protobuf parse", None),
        ("decode", lambda: decode(data)),
        ("encode", lambda: encode(message)),
    ):
        found = bare if work is None else rate(work)
        rows.append(
            {
                "job": name,
                "metrics per CPU-second": round(found * 100),
                "of bare parse": round(found / bare, 3),
            }
        )
    return rows
