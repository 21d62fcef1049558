"""Bytes to Payload and back: the only module that knows the protobuf classes.

Decoding is the hot path of a host: one flat loop over upb's fields, nothing called for an ordinary value.
Touching a field costs more than parsing it, and asking for presence (`HasField`) costs several fields. So it
is asked only where a zero or an empty value leaves it open, and not even then where a search in the raw bytes
has shown that no metric has the thing. Everything unusual goes to `_careful`.

A metric that cannot be read spoils only itself: value None, quality BAD. That covers the kinds that are not
read yet (arrays, DataSet, Template), unknown datatype codes, text that is not UTF-8, and a value in a field
that does not fit its datatype. upb hands invalid UTF-8 out as bytes where str was declared, hence the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.message import DecodeError

from sparkplug.datatypes import (
    BY_CODE,
    DataType,
    Simple,
    coerce,
    from_wire,
)
from sparkplug.errors import LocalProtocolError, PayloadError
from sparkplug.metric import BAD, GOOD, Metric, Payload
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from sparkplug.structures import Value

# Two bytes on the wire become some 200 in memory; without a limit 16 MB of them would take the process down.
MAX_METRICS = 500_000
# The last millisecond of the year 9999: what calendars downstream can hold.
LAST_TIMESTAMP = 253_402_300_799_999
_QUALITY = "Quality"
_QUALITY_KEY = _QUALITY.encode()
_ZERO_ALIAS = b"\x10\x00"  # field 2, value 0
_PRESENT = {3: "int_value", 4: "long_value", 9: "float_value", 10: "double_value", 11: "boolean_value"}
_PRESENT |= {12: "string_value"}
_READABLE = frozenset({*_PRESENT.values(), "bytes_value"})

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
        if len(self._wire.metrics) > MAX_METRICS:
            raise PayloadError(f"{len(self._wire.metrics)} metrics in one payload")
        self._data = data

    @property
    def seq(self) -> int | None:
        return self._wire.seq if self._wire.HasField("seq") else None

    @property
    def timestamp(self) -> int | None:
        return self._wire.timestamp if self._wire.HasField("timestamp") else None

    def payload(self) -> Payload:
        """Everything as it travelled."""
        wire = self._wire
        return Payload(
            self.timestamp,
            tuple(_as_sent(wire.metrics, self._data)),
            self.seq,
            _text(wire.uuid) if wire.HasField("uuid") else None,
            wire.body if wire.HasField("body") else None,
        )

    def resolved(self, known: Catalogue, stamp: int) -> tuple[list[Metric], list[int | str]]:
        """Metrics with the names and datatypes of their birth, and what the birth does not have.

        `stamp` (ms UTC) stands in for a missing or absurd timestamp.
        """
        return _as_declared(self._wire.metrics, self._data, known, stamp)


def decode(data: bytes) -> Payload:
    """Raises PayloadError if the bytes as a whole are no payload; bad metrics come back as BAD."""
    return Parsed(data).payload()


def _as_sent(wires: Iterable[WireMetric], data: bytes) -> list[Metric]:
    """Metrics as they travelled. Together with `_value` this is the hot loop."""
    metrics: list[Metric] = []
    append, new, kinds = metrics.append, tuple.__new__, BY_CODE
    qualities, zero_aliases = _QUALITY_KEY in data, _ZERO_ALIAS in data
    for m in wires:
        name, alias, code, stamp, quality = m.name, m.alias, m.datatype, m.timestamp, None
        value = _value(m, code)
        if value is None or m.is_null:
            value, quality = _careful(m, code)
        if qualities and quality is None:
            quality = _quality(m)
        append(
            new(
                Metric,
                (
                    name if name and name.__class__ is str else None,
                    kinds[code] if code < 35 else DataType.Unknown,
                    value,
                    stamp if stamp or m.HasField("timestamp") else None,
                    alias if alias or (zero_aliases and m.HasField("alias")) else None,
                    m.is_historical,
                    m.is_transient,
                    quality,
                    None,
                    None,
                ),
            )
        )
    return metrics


def _as_declared(
    wires: Iterable[WireMetric], data: bytes, known: Catalogue, default: int
) -> tuple[list[Metric], list[int | str]]:
    """Metrics as the birth has declared them, whatever datatype they claim; and the strangers.

    The alias has done its work when the name is found; alias 0 is not told from none any more.
    """
    metrics: list[Metric] = []
    strangers: list[int | str] = []
    append, new, find = metrics.append, tuple.__new__, known.get
    qualities = _QUALITY_KEY in data
    for m in wires:
        alias, stamp, quality = m.alias, m.timestamp, None
        key = m.name or alias
        entry = find(key)
        if entry is None or (not key and not m.HasField("alias")):
            strangers.append(key)
            continue
        name, datatype, code = entry
        value = _value(m, code)
        if value is None or m.is_null:
            # A birth that left the datatype out has declared nothing that could be read.
            value, quality = _careful(m, code) if code else (None, BAD)
        if qualities and quality is None:
            quality = _quality(m)
        if not 0 < stamp <= LAST_TIMESTAMP:
            stamp = default
        append(
            new(
                Metric,
                (
                    name,
                    datatype,
                    value,
                    stamp,
                    alias or None,
                    m.is_historical,
                    m.is_transient,
                    quality,
                    None,
                    None,
                ),
            )
        )
    return metrics, strangers


def _value(m: WireMetric, code: int) -> Value:
    """An ordinary value of an ordinary datatype, None for everything else."""
    value: int | float | bool | str
    if code == 10:
        value = m.double_value
    elif code == 4:
        value = m.long_value
        if value >= 0x8000_0000_0000_0000:
            value -= 0x1_0000_0000_0000_0000
    elif code == 3:
        value = m.int_value
        if value >= 0x8000_0000:
            value -= 0x1_0000_0000
    elif code == 11:
        value = m.boolean_value
    elif code == 9:
        value = m.float_value
    elif code == 12:
        value = m.string_value
        if value.__class__ is not str:
            return None
    else:
        return None
    # Zero, false or empty: or is there another field, or none?
    return value if value or m.HasField(_PRESENT[code]) else None


def _careful(m: WireMetric, code: int) -> tuple[Value, int | None]:
    """Value and quality of a metric that is null, rare, lacks its datatype or is wrong."""
    if m.is_null:
        return None, None
    field = m.WhichOneof("value")
    raw: Simple = getattr(m, field) if field in _READABLE else None
    if raw is None or (field == "string_value" and not isinstance(raw, str)):
        return None, BAD
    if code == DataType.Unknown:
        return raw, None
    try:
        return (from_wire(BY_CODE[code], raw), None) if code < len(BY_CODE) else (None, BAD)
    except ValueError:
        return None, BAD


def _text(text: str | bytes) -> str | None:
    return text if isinstance(text, str) else None


def _quality(m: WireMetric) -> int | None:
    """The property "Quality", None when it is good, absent or not a number."""
    for key, value in zip(m.properties.keys, m.properties.values, strict=False):
        if key == _QUALITY and value.WhichOneof("value") == "int_value":
            return None if value.int_value == GOOD else value.int_value
    return None


def encode(payload: Payload, *, datatypes: bool = True) -> bytes:
    """The bytes of a payload. `datatypes=False` leaves them out, as DATA should (specification 6.4.6).

    Raises LocalProtocolError naming the metric whose value does not fit its datatype.
    """
    wire = WirePayload()
    if payload.timestamp is not None:
        wire.timestamp = payload.timestamp
    for metric in payload.metrics:
        try:
            _write(wire.metrics.add(), metric, datatypes)
        except (ValueError, TypeError) as error:
            raise LocalProtocolError(f"metric {metric.name!r}: {error}") from error
    if payload.seq is not None:
        wire.seq = payload.seq
    if payload.uuid is not None:
        wire.uuid = payload.uuid
    if payload.body is not None:
        wire.body = payload.body
    return wire.SerializeToString()


def _write(m: WireMetric, metric: Metric, datatypes: bool) -> None:
    name, datatype, _, timestamp, alias, historical, transient, quality, _, _ = metric
    if name is None and alias is None:
        raise ValueError("neither name nor alias")
    if name is not None:
        m.name = name
    if alias is not None:
        m.alias = alias
    if timestamp is not None:
        m.timestamp = timestamp
    if datatypes:
        m.datatype = datatype
    if historical:
        m.is_historical = True
    if transient:
        m.is_transient = True
    _write_value(m, datatype, coerce(datatype, metric.value))
    if quality is not None and quality != GOOD:
        m.properties.keys.append(_QUALITY)
        m.properties.values.add(type=DataType.Int32, int_value=quality & 0xFFFF_FFFF)


def _write_value(m: WireMetric, datatype: DataType, value: Simple) -> None:
    if value is None:
        m.is_null = True
    elif isinstance(value, bool):
        m.boolean_value = value
    elif isinstance(value, int):
        # Small negative integers in the sign-extended dialect, as the reference implementation writes them.
        if datatype in _LONG:
            m.long_value = value & 0xFFFF_FFFF_FFFF_FFFF
        else:
            m.int_value = value & 0xFFFF_FFFF
    elif isinstance(value, str):
        m.string_value = value
    elif isinstance(value, bytes):
        m.bytes_value = value
    elif datatype is DataType.Float:
        m.float_value = value
    else:
        m.double_value = value


_LONG = frozenset({DataType.Int64, DataType.UInt64, DataType.DateTime})
