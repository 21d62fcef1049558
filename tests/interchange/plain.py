"""Payloads as JSON that any language can take apart and put together: what we and the peers tell each other.

payload    {timestamp, seq, uuid, body, metrics: [metric, ...]}
metric     {name, alias, timestamp, type, value, historical, transient, properties, metadata}
type       the name of the datatype, null for none
value      by type: true and false; text; bytes as base64; null; every number as text, since a number of
           JSON has 53 bits; an array as a list of such;
           DataSet {columns, types, rows}; Template {reference, version, definition, parameters, metrics}
parameter  [name, type, value]
property   [key, type, value], the quality as one of them; a PropertySet is a list of these
metadata   {field: value}, without what is not set

What is not set is null, or left out: everything but the types and values.
"""

from __future__ import annotations

import base64
import math
from typing import Any, cast

from sparkplug import DataSet, DataType, MetaData, Metric, Parameter, Payload, Property, Template
from sparkplug.arrays import ELEMENTS
from sparkplug.datatypes import BLOBS, FLOATS, SIGNED_BITS, TEXTS, UNSIGNED_BITS
from sparkplug.metric import GOOD

Plain = dict[str, Any]
_NUMBERS_OF_METADATA = ("size", "seq")
_INTEGERS = frozenset({*SIGNED_BITS, *UNSIGNED_BITS})


def to_plain(payload: Payload) -> Plain:
    return {
        "timestamp": _digits(payload.timestamp),
        "seq": _digits(payload.seq),
        "uuid": payload.uuid,
        "body": None if payload.body is None else _base64(payload.body),
        "metrics": [_metric(metric) for metric in payload.metrics],
    }


def from_plain(plain: Plain) -> Payload:
    """Values as they are, also those that their datatype can't hold."""
    return Payload(
        _number(plain.get("timestamp")),
        tuple(_metric_from(metric) for metric in plain["metrics"]),
        _number(plain.get("seq")),
        plain.get("uuid"),
        base64.b64decode(body) if (body := plain.get("body")) is not None else None,
    )


def _metric(metric: Metric) -> Plain:
    properties = _properties(metric.properties or {})
    if metric.quality is not None and metric.quality != GOOD:
        properties.append(["Quality", "Int32", str(metric.quality)])
    return {
        "name": metric.name,
        "alias": _digits(metric.alias),
        "timestamp": _digits(metric.timestamp),
        "type": metric.datatype.name if metric.datatype else None,
        "value": _value(metric.datatype, metric.value),
        "historical": metric.is_historical,
        "transient": metric.is_transient,
        "properties": properties or None,
        "metadata": _metadata(metric.metadata) if metric.metadata else None,
    }


def _metric_from(plain: Plain) -> Metric:
    properties = _properties_from(plain.get("properties") or [])
    quality = properties.pop("Quality", None)
    datatype = _type(plain["type"])
    return Metric(
        plain.get("name"),
        datatype,
        _value_from(datatype, plain["value"]),
        _number(plain.get("timestamp")),
        _number(plain.get("alias")),
        plain.get("historical", False),
        plain.get("transient", False),
        cast(int, quality.value) if quality else None,
        properties or None,
        _metadata_from(plain.get("metadata")),
    )


def _value(datatype: DataType, value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, DataSet):
        return {
            "columns": list(value.columns),
            "types": [kind.name for kind in value.types],
            "rows": [[_value(*cell) for cell in zip(value.types, row, strict=True)] for row in value.rows],
        }
    if isinstance(value, Template):
        return {
            "reference": value.reference,
            "version": value.version,
            "definition": value.is_definition,
            "parameters": [[name, kind.name, _value(kind, held)] for name, kind, held in value.parameters],
            "metrics": [_metric(member) for member in value.metrics],
        }
    if datatype in ELEMENTS:
        return [_value(ELEMENTS[datatype], element) for element in value]
    if datatype is DataType.PropertySet:
        return _properties(value)
    if datatype is DataType.PropertySetList:
        return [_properties(one) for one in value]
    return _fraction(value) if isinstance(value, float) else str(value)


def _value_from(datatype: DataType, plain: Any) -> Any:
    if plain is None or isinstance(plain, bool) or datatype in TEXTS:
        return plain
    if datatype in BLOBS:
        return base64.b64decode(plain)
    if datatype in ELEMENTS:
        return tuple(_value_from(ELEMENTS[datatype], element) for element in plain)
    if datatype is DataType.DataSet:
        types = tuple(_type(name) for name in plain["types"])
        rows = (tuple(_value_from(*cell) for cell in zip(types, row, strict=True)) for row in plain["rows"])
        return DataSet(tuple(plain["columns"]), types, tuple(rows))
    if datatype is DataType.Template:
        return _template_from(plain)
    if datatype is DataType.PropertySet:
        return _properties_from(plain)
    if datatype is DataType.PropertySetList:
        return tuple(_properties_from(one) for one in plain)
    if datatype in FLOATS:
        return float(plain)
    return int(plain) if datatype in _INTEGERS else plain


def _template_from(plain: Plain) -> Template:
    parameters = []
    for name, type_name, held in plain["parameters"]:
        datatype = _type(type_name)
        parameters.append(Parameter(name, datatype, _value_from(datatype, held)))
    return Template(
        tuple(_metric_from(member) for member in plain["metrics"]),
        tuple(parameters),
        plain["reference"],
        plain["version"],
        plain["definition"],
    )


def _properties(properties: Any) -> list[Any]:
    return [[key, kind.name, _value(kind, value)] for key, (kind, value) in properties.items()]


def _properties_from(plain: list[Any]) -> dict[str, Property]:
    found = {}
    for key, type_name, value in plain:
        datatype = _type(type_name)
        found[key] = Property(datatype, _value_from(datatype, value))
    return found


def _metadata(metadata: MetaData) -> Plain:
    fields = metadata._asdict()
    fields |= {name: _digits(fields[name]) for name in _NUMBERS_OF_METADATA}
    return {name: value for name, value in fields.items() if value is not None}


def _metadata_from(plain: Plain | None) -> MetaData | None:
    if plain is None:
        return None
    numbers = {name: int(plain[name]) for name in _NUMBERS_OF_METADATA if name in plain}
    return MetaData(**{**plain, **numbers})


def _type(name: str | None) -> DataType:
    return DataType[name] if name else DataType.Unknown


def _fraction(value: float) -> str:
    """As JavaScript and Python both read it, to the last bit."""
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
