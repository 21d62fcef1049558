"""Bytes to Payload and back (specification 6.4).

Decoding is the hot path of a host: one flat loop over upb's fields, nothing called for an ordinary value.
Touching a field costs more than parsing it, and asking for presence (`HasField`) costs several fields. So it
is asked only where a zero or an empty value leaves it open, and not even then where a search in the raw bytes
has shown that no metric has the thing. Everything unusual goes to decoding.py; encoding.py is the way back.

A metric that cannot be read spoils only itself: value None, quality BAD. That covers unknown datatype codes,
text that is not UTF-8, and a value in a field that does not fit its datatype. upb hands invalid UTF-8 out as
bytes where str was declared, hence the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from sparkplug.datatypes import BY_CODE, DataType
from sparkplug.decoding import MAX_METRICS, Budget, careful, extras
from sparkplug.encoding import encode
from sparkplug.errors import PayloadError
from sparkplug.metric import BAD, Metric, Payload
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from sparkplug.structures import Value

__all__ = ["LAST_TIMESTAMP", "MAX_METRICS", "Catalogue", "Parsed", "decode", "encode"]

# The last millisecond of the year 9999: what calendars downstream can hold.
LAST_TIMESTAMP = 253_402_300_799_999
_PRESENT = {3: "int_value", 4: "long_value", 9: "float_value", 10: "double_value", 11: "boolean_value"}
_PRESENT |= {12: "string_value"}

Catalogue = Mapping[int | str, tuple[str, DataType, int]]
"""What a birth has declared: alias and name -> name, datatype and its code (an enum compares slowly)."""


class Parsed:
    """A payload whose metrics have not been touched yet; raises PayloadError if the bytes are none.

    A host looks at `seq` first, since what came too early has to wait for its turn.
    """

    __slots__ = ("_data", "_wire")

    def __init__(self, data: bytes) -> None:
        try:
            self._wire = WirePayload.FromString(data)
        except DecodeError as error:
            raise PayloadError(f"{len(data)} bytes that are no Sparkplug payload") from error
        Budget(len(self._wire.metrics))
        self._data = data

    @property
    def seq(self) -> int | None:
        return self._wire.seq if self._wire.HasField("seq") else None

    @property
    def timestamp(self) -> int | None:
        return self._wire.timestamp if self._wire.HasField("timestamp") else None

    def payload(self) -> Payload:
        """Everything as it travelled. PayloadError if it would fill the memory."""
        wire = self._wire
        return Payload(
            self.timestamp,
            tuple(_read(wire.metrics, self._data, None, 0, [])),
            self.seq,
            _text(wire.uuid) if wire.HasField("uuid") else None,
            wire.body if wire.HasField("body") else None,
        )

    def resolved(self, known: Catalogue, stamp: int) -> tuple[list[Metric], list[int | str]]:
        """Metrics with the names and datatypes of their birth, and what the birth does not have.

        `stamp` (ms UTC) stands in for a missing or absurd timestamp. The alias has done its work when the
        name is found; alias 0 is not told from none any more. Members of a template instance are as they
        travelled. PayloadError if it would fill the memory.
        """
        strangers: list[int | str] = []
        return _read(self._wire.metrics, self._data, known, stamp, strangers), strangers


def decode(data: bytes) -> Payload:
    """Raises PayloadError if the bytes as a whole are no payload; bad metrics come back as BAD."""
    return Parsed(data).payload()


def _read(
    wires: Iterable[Any], data: bytes, known: Catalogue | None, default: int, strangers: list[int | str]
) -> list[Metric]:
    """The hot loop: metrics as they travelled, or (with a catalogue) as the birth has declared them."""
    metrics: list[Metric] = []
    append, new, kinds, find = metrics.append, tuple.__new__, BY_CODE, None if known is None else known.get
    aliases, zero_aliases, flags, nulls, more = _hints(data)
    budget = Budget(0)
    value: Any
    for m in wires:
        name, stamp, alias = m.name, m.timestamp, m.alias if aliases else 0
        if find is None:
            code = m.datatype
        else:
            entry = find(name or alias)
            if entry is None or not (name or alias or m.HasField("alias")):
                strangers.append(name or alias)
                continue
            name, datatype, code = entry
        if code == 10:
            value = m.double_value
        elif code == 3:
            value = m.int_value
            if value > 0x7FFF_FFFF:
                value -= 0x1_0000_0000
        elif code == 11:
            value = m.boolean_value
        else:
            value = _less_common(m, code)
        quality = properties = metadata = None
        # Zero, false or empty: or is there another field, or none? And null wins over a value beside it.
        if (not value and (value is None or not m.HasField(_PRESENT[code]))) or (nulls and m.is_null):
            # A birth that left the datatype out has declared nothing that could be read.
            value, quality = careful(m, code, budget) if code or find is None else (None, BAD)
        if more:
            own, properties, metadata = extras(m, budget)
            quality = own if quality is None else quality
        if find is None:
            datatype = kinds[code] if code < 35 else DataType.Unknown
            name = name if name and name.__class__ is str else None
            stamp = stamp if stamp or m.HasField("timestamp") else None
        elif not 0 < stamp <= LAST_TIMESTAMP:
            stamp = default
        past, fleeting = (m.is_historical, m.is_transient) if flags else (False, False)
        if not alias:
            alias = 0 if zero_aliases and find is None and m.HasField("alias") else None
        told = (name, datatype, value, stamp, alias, past, fleeting, quality, properties, metadata)
        append(new(Metric, told))
    return metrics


def _less_common(m: WireMetric, code: int) -> Value:
    """The value of a text, a Float or an Int64; None for what is rarer."""
    if code == 12:
        text = m.string_value
        return text if text.__class__ is str else None
    if code == 9:
        return m.float_value
    if code == 4:
        number = m.long_value
        return number if number < 1 << 63 else number - (1 << 64)
    return None


def _hints(data: bytes) -> tuple[bool, bool, bool, bool, bool]:
    """Whether there may be aliases, alias 0, flags, nulls, and properties or metadata.

    What is nowhere in the bytes need not be asked for a hundred times. Each is a search for a field's tag:
    found by chance it costs a little time, and not found it is in no metric.
    """
    aliases = b"\x10" in data
    flags = b"(\x01" in data or b"0\x01" in data
    more = _has_message(data, b"J") or _has_message(data, b"B")
    return aliases, aliases and b"\x10\0" in data, flags, b"8\x01" in data, more


def _has_message(data: bytes, tag: bytes) -> bool:
    """Whether a message field with this tag may be there: bytes that look like one, to the last."""
    at = data.find(tag)
    while at >= 0:
        start, size = _varint(data, at + 1)
        if 0 < size <= len(data) - start and _is_message(data, start, start + size):
            return True
        at = data.find(tag, at + 1)
    return False


def _is_message(data: bytes, at: int, end: int) -> bool:
    while at < end:
        kind = data[at] & 7
        at, number = _varint(data, at)
        if number < 8:
            return False
        if kind == 0:
            at, _ = _varint(data, at)
        elif kind == 2:
            at, size = _varint(data, at)
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return False
    return at == end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Where it ends, and the number."""
    number = shift = 0
    for byte in data[at : at + 10]:
        number |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            break
    return at, number


def _text(text: str | bytes) -> str | None:
    return text if isinstance(text, str) else None
