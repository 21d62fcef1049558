"""The metrics that look like most metrics, read from their bytes.

Everything here is one form of each field, the one that every serializer writes; a byte that does not fit
sends the metric to decoding.py. So flags, nulls, properties and structures cost ordinary metrics nothing.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from google.protobuf.message import DecodeError

from sparkplug.datatypes import BY_CODE, DataType
from sparkplug.decoding import LAST_TIMESTAMP, Budget, Catalogue, read_metric
from sparkplug.metric import Metric
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from sparkplug.sparkplug_b_pb2 import UnreadPayload
from sparkplug.structures import Value

_HEAD = 255  # Longer names are rare, and not worth the memory of a place in the cache.
_double, _float = struct.Struct("<d").unpack_from, struct.Struct("<f").unpack_from
# Looking a member up in its enum takes longer than reading a Boolean.
_DOUBLE, _INT32, _BOOLEAN, _STRING = DataType.Double, DataType.Int32, DataType.Boolean, DataType.String
_BOOLEANS = {b"\x20\x0b\x70\x00": False, b"\x20\x0b\x70\x01": True}
_DATATYPE = tuple(bytes((0x20, code)) for code in range(len(BY_CODE)))


def read(data: bytes, known: Catalogue | None, default: int, strangers: list[int | str]) -> list[Metric]:
    """Metrics as they travelled, or (with a catalogue) as the birth has declared them.

    data: a payload that parses. default (ms UTC): for a declared metric without a sane timestamp.
    PayloadError if the metrics would fill the memory.
    """
    metrics: list[Metric] = []
    append, new, identity, declared = metrics.append, tuple.__new__, _identity, known is not None
    budget = Budget(0)
    # Metrics of one message mostly share their timestamp, so that its bytes are where to cut. What is longer
    # than the message is in none of its metrics.
    stamp_field, stamp = data + b"\0", 0
    datatype: DataType
    value: Value
    for chunk in UnreadPayload.FromString(data).metrics:
        try:
            head, found, tail = chunk.partition(stamp_field)
            if not found:
                stamp_field, stamp = _timestamp(chunk, default if declared else None)
                head, found, tail = chunk.partition(stamp_field)
            name, alias = identity(head)
            if declared:
                name, tail = _as_declared(name or alias, tail, known)
            kind = tail[:3]
            if kind == b"\x20\x0a\x69" and len(tail) == 11:
                datatype, value = _DOUBLE, _double(tail, 3)[0]
            elif kind == b"\x20\x03\x50":
                size = tail[3]
                datatype, value = _INT32, size if len(tail) == 4 and size < 128 else _int32(tail)
            elif kind == b"\x20\x0b\x70":
                datatype, value = _BOOLEAN, _BOOLEANS[tail]
            elif kind == b"\x20\x0c\x7a" and tail[3] == len(tail) - 4 < 128:
                datatype, value = _STRING, tail[4:].decode()
            else:
                datatype, value = _less_common(tail)
        except _LIKE_NO_OTHER:
            metric = read_metric(WireMetric.FromString(chunk), known, default, strangers, budget)
            if metric is not None:
                append(metric)
        else:
            append(new(Metric, (name, datatype, value, stamp, alias, False, False, None, None, None)))
    return metrics


class _Unlike(Exception):
    """This metric does not look like most."""


_LIKE_NO_OTHER = (_Unlike, LookupError, UnicodeDecodeError)


def _as_declared(key: int | str | None, tail: bytes, known: Catalogue | None) -> tuple[str, bytes]:
    """The name, and the bytes with the datatype of the birth in front."""
    assert known is not None
    name, _, code = known[key]  # type: ignore[index]
    if tail[0] != 0x20:
        return name, _DATATYPE[code] + tail
    if tail[1] != code:
        raise _Unlike
    return name, tail


def _less_common(tail: bytes) -> tuple[DataType, int | float]:
    """Float, Int64, UInt64 and DateTime."""
    kind = tail[:3]
    if kind == b"\x20\x09\x65" and len(tail) == 7:
        return DataType.Float, _float(tail, 3)[0]
    if kind == b"\x20\x04\x58":
        whole = _number(tail, 3)
        return DataType.Int64, whole - (1 << 64) if whole >> 63 else whole
    if kind in (b"\x20\x08\x58", b"\x20\x0d\x58"):
        return BY_CODE[kind[1]], _number(tail, 3)
    raise _Unlike


def _int32(tail: bytes) -> int:
    number = _number(tail, 3) & 0xFFFF_FFFF
    return number - 0x1_0000_0000 if number >> 31 else number


def _number(data: bytes, at: int) -> int:
    """The varint that fills the rest of `data`, in its shortest form and of at most 64 bits."""
    end = len(data) - 1
    if not at <= end <= at + 9 or data[end] > 127 or (data[end] == 0 and end > at):
        raise _Unlike
    number = shift = 0
    for byte in data[at:end]:
        if byte < 128:
            raise _Unlike
        number |= (byte & 127) << shift
        shift += 7
    number |= data[end] << shift
    if number >> 64:
        raise _Unlike
    return number


def _timestamp(chunk: bytes, default: int | None) -> tuple[bytes, int]:
    """The timestamp of a metric: its bytes with the tag, and the number; `default` (if any) for no sane one.

    Where it is not the first thing after name and alias this finds something else, and what comes before
    that is then no head.
    """
    at = chunk.find(b"\x18", chunk[1] + 2 if chunk[0] == 0x0A else 1)
    end = at + 1
    while at > 0 and chunk[end] > 127:
        end += 1
    if at < 0:
        raise _Unlike
    field = chunk[at : end + 1]
    stamp = _number(field, 1)
    return field, stamp if default is None or 0 < stamp <= LAST_TIMESTAMP else default


@lru_cache(maxsize=1 << 16)
def _identity(head: bytes) -> tuple[str | None, int | None]:
    """Name and alias, from the bytes of nothing else. What raises is not kept."""
    if len(head) > _HEAD:
        raise _Unlike
    try:
        wire = WireMetric.FromString(head)
    except DecodeError:
        raise _Unlike from None
    named, alias = wire.HasField("name"), wire.alias if wire.HasField("alias") else None
    if (wire.name.__class__ is not str) or (named and not wire.name) or not (named or alias is not None):
        raise _Unlike
    plain = WireMetric()
    if named:
        plain.name = wire.name
    if alias is not None:
        plain.alias = alias
    if plain.SerializeToString() != head:
        raise _Unlike
    return wire.name if named else None, alias
