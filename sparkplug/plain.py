"""The metrics that look like most metrics, read from their bytes.

Everything here is one form of each field, the one that every serializer writes; a byte that does not fit
sends the metric to decoding.py. So flags, nulls, properties and structures cost ordinary metrics nothing.

Two roads: a message whose metrics share their timestamp is cut at that timestamp, all at once; any other is
read metric by metric. Both say the same of the same metric.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import repeat
from typing import Any, TypeAlias, cast

from google.protobuf.message import DecodeError

from sparkplug.datatypes import BY_CODE, DataType, Scalar, scalar_from_wire
from sparkplug.decoding import LAST_TIMESTAMP, Budget, Catalogue, read_metric
from sparkplug.metric import Metric
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from sparkplug.sparkplug_b_pb2 import UnreadPayload

Row: TypeAlias = tuple[Any, ...]
"""The fields of a Metric; made into metrics all at once, which takes half of the time."""

_HEAD = 255  # Longer names are rare, and not worth the memory of a place in the cache.
_HEADS = 1 << 16
_STAMP = 7  # Bytes of a timestamp of the years 2004 to 2109, with its tag.
_double, _float = struct.Struct("<d").unpack_from, struct.Struct("<f").unpack
# Looking a member up in its enum takes longer than reading a Boolean.
_DOUBLE, _INT32, _STRING = DataType.Double, DataType.Int32, DataType.String
_IS_DOUBLE, _IS_INT32, _IS_STRING = b"\x20\x0a\x69", b"\x20\x03\x50", b"\x20\x0c\x7a"
_IS_FLOAT = b"\x20\x09\x65"
_DATATYPE = tuple(bytes((0x20, code)) for code in range(len(BY_CODE)))
_IN_INT = frozenset(range(1, 8)) - {DataType.Int64}
_IN_LONG = frozenset({DataType.Int64, DataType.UInt64, DataType.DateTime})
# All that four bytes can say of the most common types.
_SHORT: dict[bytes, tuple[DataType, Scalar]] = {
    b"\x20\x0b\x70\x00": (DataType.Boolean, False),
    b"\x20\x0b\x70\x01": (DataType.Boolean, True),
    **{bytes((0x20, code, 0x50, n)): (BY_CODE[code], n) for code in _IN_INT for n in range(128)},
}


def read(
    data: bytes, count: int, known: Catalogue | None, default: int, strangers: list[int | str]
) -> list[Metric]:
    """Metrics as they travelled, or (with a catalogue) as the birth has declared them.

    data: a payload that parses and has `count` metrics. default (ms UTC): for a declared metric without a
    sane timestamp. PayloadError if the metrics would fill the memory.
    """
    found: list[int | str] = []
    try:
        rows = _of_one_moment(data, count, known, default, found)
    except _LIKE_NO_OTHER:
        found.clear()
        rows = _one_by_one(data, known, default, found)
    strangers += found
    return list(map(tuple.__new__, repeat(Metric), rows))


class _Unlike(Exception):
    """This metric, or this message, does not look like most."""


_LIKE_NO_OTHER = (_Unlike, LookupError, UnicodeDecodeError, DecodeError, struct.error)


def _of_one_moment(
    data: bytes, count: int, known: Catalogue | None, default: int, strangers: list[int | str]
) -> list[Row]:
    """Raises _LIKE_NO_OTHER where the message can't be cut.

    Each metric begins where the one before it ends by its own length, and there are as many cuts as metrics.
    So bytes of the timestamp in a name or in a text do not go unnoticed.
    """
    field, stamp, (head, *pieces) = _cut(data, None if known is None else default)
    if len(pieces) != count:
        raise _Unlike
    rows: list[Row] = []
    append, heads, short, double, budget = rows.append, _heads, _SHORT, _double, Budget(0)
    for piece in pieces:
        name, alias, size = heads[head]
        begin, head, tail = head, piece[size:], piece
        try:
            if known is not None:
                name, _, code = known[name or alias]  # type: ignore[index]
                if tail[0] != 0x20:
                    tail, size = _DATATYPE[code] + tail, size + 2
                elif tail[1] != code:
                    raise _Unlike
            if size == 4:
                datatype, value = short[tail[:4]]
            elif size == 11 and tail.startswith(_IS_DOUBLE):
                datatype, value = _DOUBLE, double(tail, 3)[0]
            else:
                datatype, value = _value(tail[:size])
        except _LIKE_NO_OTHER:
            chunk = (begin + field + piece)[2 : begin[1] + 2]
            metric = read_metric(WireMetric.FromString(chunk), known, default, strangers, budget)
            if metric is not None:
                append(metric)
        else:
            append((name, datatype, value, stamp, alias, False, False, None, None, None))
    return rows


def _cut(data: bytes, default: int | None) -> tuple[bytes, int, list[bytes]]:
    """The timestamp of the first metric, as bytes and number, and what stands between its copies.

    The first piece is all that comes before it in the first metric.
    """
    first = 0
    if data[0] == 0x08:
        first = 2
        while data[first - 1] > 127:
            first += 1
    field, stamp = _timestamp(data[first + 2 :], default)
    if len(field) != _STAMP:
        raise _Unlike
    return field, stamp, data[first:].split(field)


class _Heads(dict[bytes, tuple[str | None, int | None, int]]):
    """What comes before the timestamp of a metric -> name, alias, and how many bytes come after it.

    A dictionary that fills itself: lru_cache takes twice as long to find something.
    """

    def __missing__(self, head: bytes) -> tuple[str | None, int | None, int]:
        if head[:1] != b"\x12" or not _STAMP < head[1] < 128:
            raise _Unlike
        name, alias = _identity(head[2:])
        size = head[1] - len(head) + 2 - _STAMP
        if size < 1:
            raise _Unlike
        if len(self) >= _HEADS:
            self.clear()
        found = self[head] = name, alias, size
        return found


_heads = _Heads()


def _one_by_one(data: bytes, known: Catalogue | None, default: int, strangers: list[int | str]) -> list[Row]:
    rows: list[Row] = []
    append, identity, budget = rows.append, _identity, Budget(0)
    # Even so most metrics have the timestamp of the one before. What is longer than the message is in none.
    field, stamp = data + b"\0", 0
    for chunk in UnreadPayload.FromString(data).metrics:
        try:
            head, found, tail = chunk.partition(field)
            if not found:
                field, stamp = _timestamp(chunk, None if known is None else default)
                head, found, tail = chunk.partition(field)
            name, alias = identity(head)
            if known is not None:
                name, _, code = known[name or alias]  # type: ignore[index]
                if tail[0] != 0x20:
                    tail = _DATATYPE[code] + tail
                elif tail[1] != code:
                    raise _Unlike
            datatype, value = _SHORT.get(tail) or _value(tail)
        except _LIKE_NO_OTHER:
            metric = read_metric(WireMetric.FromString(chunk), known, default, strangers, budget)
            if metric is not None:
                append(metric)
        else:
            append((name, datatype, value, stamp, alias, False, False, None, None, None))
    return rows


def _value(tail: bytes) -> tuple[DataType, Scalar]:
    """Datatype and value, from the bytes of nothing else."""
    kind, rest = tail[:3], tail[3:]
    if kind == _IS_INT32:
        # The lengths of small and of negative numbers, without a loop. What the sums take off at the end are
        # the top bits, which say that the next byte belongs to the number, too.
        if len(rest) == 2:
            a, b = rest
            if a > 127 and 0 < b < 128:
                return _INT32, a + (b << 7) - 0x80
        elif len(rest) == 5:
            a, b, c, d, e = rest
            if a & b & c & d > 127 and 7 < e < 16:
                return _INT32, a + (b << 7) + (c << 14) + (d << 21) + (e << 28) - 0x1_1020_4080
    elif kind == _IS_STRING and rest[0] == len(rest) - 1 < 128:
        return _STRING, rest[1:].decode()
    elif kind == _IS_DOUBLE and len(rest) == 8:
        return _DOUBLE, _double(rest)[0]
    elif kind == _IS_FLOAT and len(rest) == 4:
        return DataType.Float, _float(rest)[0]
    return _whole(tail)


def _whole(tail: bytes) -> tuple[DataType, Scalar]:
    if len(tail) < 4 or tail[0] != 0x20:
        raise _Unlike
    code, field = tail[1], tail[2]
    if not ((field == 0x58 and code in _IN_LONG) or (field == 0x50 and code in _IN_INT)):
        raise _Unlike
    number, datatype = _number(tail, 3), BY_CODE[code]
    if field == 0x50 and number >> 32:
        raise _Unlike
    return datatype, cast(int, scalar_from_wire(datatype, number))


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
