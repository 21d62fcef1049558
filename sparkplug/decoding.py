"""Any received metric, field by field: rare types, structures, properties, faults.

plain.py reads the ordinary metrics from their bytes and comes here with the others. What can't be read
raises ValueError inside of this module and leaves it as value None with quality BAD; only a message that
would fill the memory is refused as a whole. upb hands invalid UTF-8 out as bytes where str was declared,
hence the checks.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparkplug.coercion import MAX_DEPTH, from_wire
from sparkplug.datatypes import BASIC, BY_CODE, DataType, Scalar, scalar_from_wire
from sparkplug.errors import PayloadError
from sparkplug.metric import (
    BAD,
    GOOD,
    DataSet,
    MetaData,
    Metric,
    Parameter,
    Properties,
    Property,
    Template,
    Value,
)
from sparkplug.sparkplug_b_pb2 import DataSet as WireDataSet
from sparkplug.sparkplug_b_pb2 import MetaData as WireMetaData
from sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from sparkplug.sparkplug_b_pb2 import PropertySet as WirePropertySet
from sparkplug.sparkplug_b_pb2 import PropertyValue as WirePropertyValue
from sparkplug.sparkplug_b_pb2 import Template as WireTemplate

# Two bytes on the wire become some 200 in memory; without a limit 16 MB of them would take the process down.
MAX_METRICS = 500_000
# The last millisecond of the year 9999: what calendars downstream can hold.
LAST_TIMESTAMP = 253_402_300_799_999
QUALITY = "Quality"
_SCALAR_FIELDS = frozenset(
    {
        "int_value",
        "long_value",
        "float_value",
        "double_value",
        "boolean_value",
        "string_value",
        "bytes_value",
    }
)


Catalogue = Mapping[int | str, tuple[str, DataType, int]]
"""What a birth has declared: alias and name -> name, datatype and its code (an enum compares slowly)."""


class Budget:
    """How many metrics, cells and properties one message may still have."""

    __slots__ = ("left",)

    def __init__(self, spent: int) -> None:
        self.left = MAX_METRICS
        self.spend(spent)

    def spend(self, count: int) -> None:
        """Raises PayloadError when the message has too much of everything."""
        self.left -= count
        if self.left < 0:
            raise PayloadError(f"more than {MAX_METRICS} metrics, cells and properties in one payload")


def read_metric(
    m: WireMetric, known: Catalogue | None, default: int, strangers: list[int | str], budget: Budget
) -> Metric | None:
    """A metric as it travelled, or (with a catalogue) as the birth has declared it; None for a stranger."""
    named, alias = text_or_none(m.name) or None, m.alias if m.HasField("alias") else None
    stamp = m.timestamp if m.HasField("timestamp") else None
    if known is None:
        code = m.datatype
        datatype = BY_CODE[code] if code < len(BY_CODE) else DataType.Unknown
    else:
        key = m.name or alias
        entry = None if key is None else known.get(key)
        if entry is None:
            strangers.append(key or 0)
            return None
        named, datatype, code = entry
        stamp = stamp if stamp and stamp <= LAST_TIMESTAMP else default
    # A birth that left the datatype out has declared nothing that could be read.
    value, quality = careful(m, code, budget) if code or known is None else (None, BAD)
    own, properties, metadata = extras(m, budget)
    quality = own if quality is None else quality
    past, fleeting = m.is_historical, m.is_transient
    return Metric(named, datatype, value, stamp, alias, past, fleeting, quality, properties, metadata)


def text_or_none(text: str | bytes) -> str | None:
    """What is no UTF-8 has no meaning as text."""
    return text if isinstance(text, str) else None


def careful(m: WireMetric, code: int, budget: Budget, depth: int = 1) -> tuple[Value, int | None]:
    """Value and quality of a metric that is null, rare, lacks its datatype or is wrong."""
    if m.is_null:
        return None, None
    field = m.WhichOneof("value")
    try:
        if field == "dataset_value":
            raw: object = _data_set(m.dataset_value, budget)
        elif field == "template_value":
            raw = _template(m.template_value, budget, depth)
        elif field in _SCALAR_FIELDS:
            raw = getattr(m, field)
        else:
            return None, BAD
        if field == "string_value" and not isinstance(raw, str):
            return None, BAD
        if code == DataType.Unknown:
            # As it travelled: only the birth can tell what it means.
            return raw, None  # type: ignore[return-value]
        return (from_wire(BY_CODE[code], raw), None) if code < len(BY_CODE) else (None, BAD)
    except ValueError:
        return None, BAD


def extras(m: WireMetric, budget: Budget) -> tuple[int | None, Properties | None, MetaData | None]:
    """Quality, the other properties, and metadata. What can't be read of them is left out."""
    quality: int | None = None
    properties: Properties | None = None
    if m.HasField("properties"):
        try:
            found = _properties(m.properties, budget, 1)
        except ValueError:
            found = {}
        own = found.get(QUALITY)
        if own is not None and own.datatype is DataType.Int32 and isinstance(own.value, int):
            del found[QUALITY]
            quality = None if own.value == GOOD else own.value
        properties = found or None
    return quality, properties, _metadata(m.metadata) if m.HasField("metadata") else None


def _member(m: WireMetric, budget: Budget, depth: int) -> Metric:
    """A metric inside of a template, as it travelled."""
    value, quality = careful(m, m.datatype, budget, depth)
    own, properties, metadata = extras(m, budget)
    return Metric(
        _text(m.name) if m.HasField("name") else None,
        BY_CODE[m.datatype] if m.datatype < len(BY_CODE) else DataType.Unknown,
        value,
        m.timestamp if m.HasField("timestamp") else None,
        m.alias if m.HasField("alias") else None,
        m.is_historical,
        m.is_transient,
        own if quality is None else quality,
        properties,
        metadata,
    )


def _template(wire: WireTemplate, budget: Budget, depth: int) -> Template:
    if depth > MAX_DEPTH:
        raise ValueError(f"templates nested more than {MAX_DEPTH} deep")
    budget.spend(len(wire.metrics) + len(wire.parameters))
    parameters = []
    for one in wire.parameters:
        parameters.append(Parameter(_text(one.name), _basic(one.type), _scalar(one, _basic(one.type))))
    return Template(
        tuple(_member(m, budget, depth + 1) for m in wire.metrics),
        tuple(parameters),
        _text(wire.template_ref) if wire.HasField("template_ref") else None,
        _text(wire.version) if wire.HasField("version") else None,
        wire.is_definition,
    )


def _data_set(wire: WireDataSet, budget: Budget) -> DataSet:
    width = len(wire.columns)
    if len(wire.types) != width or (wire.HasField("num_of_columns") and wire.num_of_columns != width):
        raise ValueError("a DataSet whose columns, types and their number do not agree")
    # Before anything is counted: what is counted must be there, or a small message could be too much.
    if any(len(row.elements) != width for row in wire.rows):
        raise ValueError("a row of a DataSet that has not as many cells as there are columns")
    budget.spend(width * (len(wire.rows) + 1) + len(wire.rows))
    types = tuple(_basic(code) for code in wire.types)
    rows = []
    for row in wire.rows:
        cells = zip(row.elements, types, strict=True)
        rows.append(tuple(_scalar(cell, datatype) for cell, datatype in cells))
    return DataSet(tuple(_text(column) for column in wire.columns), types, tuple(rows))


def _properties(wire: WirePropertySet, budget: Budget, depth: int) -> dict[str, Property]:
    if depth > MAX_DEPTH:
        raise ValueError(f"properties nested more than {MAX_DEPTH} deep")
    budget.spend(len(wire.keys) + len(wire.values))
    if len(wire.keys) != len(wire.values):
        raise ValueError("keys and values that do not agree in number")
    found: dict[str, Property] = {}
    for key, value in zip(wire.keys, wire.values, strict=True):
        try:
            found[_text(key)] = _property(value, budget, depth)
        except ValueError:
            # This one is left out; the others are read.
            continue
    return found


def _property(wire: WirePropertyValue, budget: Budget, depth: int) -> Property:
    datatype = BY_CODE[wire.type] if wire.type < len(BY_CODE) else DataType.Unknown
    if datatype is DataType.PropertySet or datatype is DataType.PropertySetList:
        return Property(datatype, _nested(wire, datatype, budget, depth))
    datatype = _basic(wire.type)
    return Property(datatype, None if wire.is_null else _scalar(wire, datatype))


def _nested(
    wire: WirePropertyValue, datatype: DataType, budget: Budget, depth: int
) -> Properties | tuple[Properties, ...] | None:
    field = wire.WhichOneof("value")
    if wire.is_null:
        return None
    if datatype is DataType.PropertySet and field == "propertyset_value":
        return _properties(wire.propertyset_value, budget, depth + 1)
    if datatype is DataType.PropertySetList and field == "propertysets_value":
        budget.spend(len(wire.propertysets_value.propertyset))
        return tuple(_properties(one, budget, depth + 1) for one in wire.propertysets_value.propertyset)
    raise ValueError(f"{field} for a {datatype.name}")


def _metadata(wire: WireMetaData) -> MetaData | None:
    values: dict[str, object] = {}
    for name in MetaData._fields:
        value = getattr(wire, name) if wire.HasField(name) else None
        # Text that is not UTF-8 comes out as bytes.
        values[name] = None if isinstance(value, bytes) else value
    metadata = MetaData(**values)  # type: ignore[arg-type]
    return None if metadata == MetaData() else metadata


def _scalar(
    wire: WireDataSet.Value | WireTemplate.Parameter | WirePropertyValue, datatype: DataType
) -> Scalar | None:
    field = wire.WhichOneof("value")
    if field is None:
        return None
    value = scalar_from_wire(datatype, getattr(wire, field))
    assert not isinstance(value, bytes)  # no basic type holds bytes
    return value


def _basic(code: int) -> DataType:
    datatype = BY_CODE[code] if code < len(BY_CODE) else DataType.Unknown
    if datatype not in BASIC:
        raise ValueError(f"type {code} where a basic one is needed")
    return datatype


def _text(text: str | bytes) -> str:
    if not isinstance(text, str):
        raise ValueError("text that is not UTF-8")
    return text
