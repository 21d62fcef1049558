"""Where two payloads differ, place by place: to the bit in numbers, any NaN equal to any other.

What was sent as a Float is expected back as its 32 bits hold it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from sparkplug import DataSet, DataType, Metric, Payload, Template

_D = DataType
_FIELDS = ("name", "alias", "timestamp", "datatype", "is_historical", "is_transient", "quality")


class Difference(NamedTuple):
    """place: which kind of thing it is, as "value", "cell", "metadata.size". datatype: that of the value,
    cell, property or parameter itself. metric: the sent one that it is in, the innermost, None outside."""

    place: str
    datatype: DataType
    sent: Any
    found: Any
    metric: Metric | None


def between(sent: Payload, found: Payload) -> tuple[list[Difference], list[list[Difference]]]:
    """Those of the payload itself, and those of each metric that was sent."""
    outer = []
    for field in ("timestamp", "seq", "uuid", "body"):
        one, other = getattr(sent, field), getattr(found, field)
        if not _same(one, other):
            outer.append(Difference(f"payload.{field}", _D.Unknown, one, other, None))
    if len(sent.metrics) != len(found.metrics):
        lost = Difference("metrics", _D.Unknown, len(sent.metrics), len(found.metrics), None)
        # Which of them is which nobody knows.
        return [*outer, lost], [[lost] for _ in sent.metrics]
    return outer, [list(_metric(*pair)) for pair in zip(sent.metrics, found.metrics, strict=True)]


def _metric(sent: Metric, found: Metric) -> Iterator[Difference]:
    for field in _FIELDS:
        one, other = getattr(sent, field), getattr(found, field)
        if not _same(one, other):
            yield Difference(field, sent.datatype, one, other, sent)
    yield from _value(sent, found.value)
    yield from _properties(sent.properties or {}, found.properties or {}, sent)
    one, other = sent.metadata, found.metadata
    if one is None or other is None:
        if one is not other:
            yield Difference("metadata", _D.Unknown, one, other, sent)
        return
    for field, left, right in zip(one._fields, one, other, strict=True):
        if not _same(left, right):
            yield Difference(f"metadata.{field}", _D.Unknown, left, right, sent)


def _value(sent: Metric, found: Any) -> Iterator[Difference]:
    value = sent.value
    if isinstance(value, DataSet) and isinstance(found, DataSet):
        yield from _data_set(value, found, sent)
    elif isinstance(value, Template) and isinstance(found, Template):
        yield from _template(value, found, sent)
    elif not _same(_held(sent.datatype, value), found):
        yield Difference("value", sent.datatype, value, found, sent)


def _data_set(sent: DataSet, found: DataSet, metric: Metric) -> Iterator[Difference]:
    if sent[:2] != found[:2] or len(sent.rows) != len(found.rows):
        yield Difference("table", _D.DataSet, sent, found, metric)
        return
    for row, other in zip(sent.rows, found.rows, strict=True):
        for datatype, one, two in zip(sent.types, row, other, strict=True):
            if not _same(_held(datatype, one), two):
                yield Difference("cell", datatype, one, two, metric)


def _template(sent: Template, found: Template, metric: Metric) -> Iterator[Difference]:
    for field in ("reference", "version", "is_definition"):
        one, other = getattr(sent, field), getattr(found, field)
        if not _same(one, other):
            yield Difference(f"template.{field}", _D.Template, one, other, metric)
    kinds = [[parameter[:2] for parameter in template.parameters] for template in (sent, found)]
    if kinds[0] != kinds[1] or len(sent.metrics) != len(found.metrics):
        yield Difference("template", _D.Template, sent, found, metric)
        return
    for left, right in zip(sent.parameters, found.parameters, strict=True):
        if not _same(_held(left.datatype, left.value), right.value):
            yield Difference("parameter", left.datatype, left.value, right.value, metric)
    for member, other in zip(sent.metrics, found.metrics, strict=True):
        yield from _metric(member, other)


def _properties(sent: Any, found: Any, metric: Metric) -> Iterator[Difference]:
    if [(key, sent[key][0]) for key in sorted(sent)] != [(key, found[key][0]) for key in sorted(found)]:
        yield Difference("properties", _D.PropertySet, sent, found, metric)
        return
    for key, (datatype, one) in sent.items():
        other = found[key].value
        if datatype is _D.PropertySet and one is not None and other is not None:
            yield from _properties(one, other, metric)
        elif datatype is _D.PropertySetList and one and other and len(one) == len(other):
            for left, right in zip(one, other, strict=True):
                yield from _properties(left, right, metric)
        elif not _same(_held(datatype, one), other):
            yield Difference("property", datatype, one, other, metric)


def _held(datatype: DataType, value: Any) -> Any:
    if datatype is _D.FloatArray and value is not None:
        return tuple(_held(_D.Float, element) for element in value)
    return (
        value
        if datatype is not _D.Float or value is None
        else struct.unpack("<f", struct.pack("<f", value))[0]
    )


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(_same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)
