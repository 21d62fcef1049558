"""Attacks the decoder with bytes that are nearly payloads.

    python -m tests.sparkplug.decoder_fuzz --seconds 600

Half of the inputs are messages made from the schema with any content in any field, half are such messages
with a few bytes changed. An input has survived when decoding gave a payload or a PayloadError, when the
quick road and the one through every field agree on each metric, and when what can be sent again comes back.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from sparkplug import LocalProtocolError, PayloadError, decode, encode
from sparkplug.decoding import Budget, read_metric
from sparkplug.payload import Parsed
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload

_NUMBERS = (0, 1, 2, 3, 5, 16, 127, 128, 255, 256, 300, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFB, 0xFFFFFFFF)
_LONGS = (*_NUMBERS, 1 << 62, 1 << 63, (1 << 64) - 1, 1_700_000_000_000)
_REALS = (0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 1e300)
_TEXTS = ("", "a", "Node Control/Rebirth", "Größe", "\0", "x" * 130, "\x18\x01", "Quality")
_BLOBS = (b"", b"\0", b"\x0c\0\0\0\x34\xd0", b"ABC\0", bytes(8), bytes(7), b"\xff" * 16)
KNOWN = {
    key: (f"known {n}", kind, int(kind))
    for n, kind in enumerate(decode(b"\x12\x04\x20\x03\x50\x05").metrics[0].datatype.__class__)
    for key in (f"known {n}", n)
}


def _fill(draw: random.Random, message: Any, depth: int) -> None:
    """Some of the fields, each with a content of its kind."""
    for field in message.DESCRIPTOR.fields:
        if draw.random() < (0.5 if depth < 2 else 0.65):
            continue
        count = draw.randint(1, 3) if field.is_repeated else 1
        for _ in range(count):
            if field.message_type is not None:
                if depth > 5:
                    continue
                inner = getattr(message, field.name)
                if field.is_repeated:
                    _fill(draw, inner.add(), depth + 1)
                else:
                    inner.SetInParent()
                    _fill(draw, inner, depth + 1)
                continue
            value = _content(draw, field)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


def _content(draw: random.Random, field: Any) -> object:
    if field.name in ("datatype", "type", "types"):
        return draw.randint(0, 36)
    match field.cpp_type:
        case field.CPPTYPE_UINT64:
            return draw.choice(_LONGS)
        case field.CPPTYPE_UINT32:
            return draw.choice(_NUMBERS)
        case field.CPPTYPE_DOUBLE:
            return draw.choice(_REALS)
        case field.CPPTYPE_FLOAT:
            return draw.choice(_REALS[:-1])
        case field.CPPTYPE_BOOL:
            return draw.random() < 0.5
    texts = (*_TEXTS, f"known {draw.randint(0, 40)}")
    return draw.choice(_BLOBS) if field.type == field.TYPE_BYTES else draw.choice(texts)


def _ordinary(draw: random.Random, wire: Any) -> None:
    """Metrics as most are: what the quick road is for."""
    stamp = draw.choice((1_700_000_000_000, 0, 24, 1 << 63))
    for _ in range(draw.randint(1, 4)):
        field, code = draw.choice(
            (
                ("double_value", 10),
                ("int_value", 3),
                ("boolean_value", 11),
                ("string_value", 12),
                ("float_value", 9),
                ("long_value", 4),
                ("long_value", 8),
                ("int_value", 1),
            )
        )
        m = wire.metrics.add(timestamp=stamp + draw.choice((0, 0, 1)))
        if draw.random() < 0.6:
            m.name = draw.choice((f"known {draw.randint(0, 40)}", "any", "\x18\x01"))
        if draw.random() < 0.5:
            m.alias = draw.randint(0, 40)
        if draw.random() < 0.8:
            m.datatype = code
        setattr(m, field, _content(draw, m.DESCRIPTOR.fields_by_name[field]))


def _changed(draw: random.Random, data: bytearray) -> bytes:
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0 and at < len(data):
            data[at] = draw.choice((draw.randrange(256), data[at] ^ 1 << draw.randrange(8)))
        elif kind == 1:
            del data[at : at + draw.randint(1, 6)]
        elif kind == 2:
            data[at:at] = draw.randbytes(draw.randint(1, 4))
        else:
            data[at:at] = data[at : at + draw.randint(1, 40)]
    return bytes(data)


def inputs(seed: int) -> Iterator[bytes]:
    """Without end, and the same for the same seed."""
    draw = random.Random(seed)
    while True:
        wire = WirePayload()
        if draw.random() < 0.5:
            _ordinary(draw, wire)
        else:
            _fill(draw, wire, 0)
        data = wire.SerializeToString()
        yield data
        for _ in range(3):
            yield _changed(draw, bytearray(data))


def check(data: bytes) -> bool:
    """Whether it was a payload. Raises what the decoder should not have raised, and AssertionError."""
    try:
        payload = decode(data)
        found, strangers = Parsed(data).resolved(KNOWN, 9)
    except PayloadError:
        return False
    wires = WirePayload.FromString(data).metrics
    slowly = [read_metric(wire, None, 0, [], Budget(0)) for wire in wires]
    assert repr(list(payload.metrics)) == repr(slowly), data
    others: list[int | str] = []
    declared = [read_metric(wire, KNOWN, 9, others, Budget(0)) for wire in wires]
    assert repr(found) == repr([metric for metric in declared if metric is not None]), data
    assert strangers == others, data
    for metric in payload.metrics:
        try:
            again = encode(payload._replace(metrics=(metric,)))
        except LocalProtocolError:
            continue
        assert isinstance(WirePayload.FromString(again), Message)
        assert repr(decode(encode(decode(again)))) == repr(decode(again)), data
    return True


def memory() -> int:
    """The resident memory of this process, in kB."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=600)
    words.add_argument("--seed", type=int, default=0)
    told = words.parse_args()
    end, count, good, early = time.monotonic() + told.seconds, 0, 0, 0
    for data in inputs(told.seed):
        count, good = count + 1, good + check(data)
        if count == 20_000:
            early = memory()
        if count % 20_000 == 0:
            print(f"{count} inputs, {good} payloads, {memory()} kB (early {early} kB)", flush=True)
        if time.monotonic() > end:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"end: {count} inputs, {good} payloads, 0 crashes, {memory()} kB, early {early} kB, peak {peak} kB")


if __name__ == "__main__":
    main()
