"""Values of every data type: read leniently from the wire, taken strictly from our own side.

Scalars are the business of datatypes.py; here they are told apart from arrays and structures.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparkplug import arrays
from sparkplug.datatypes import (
    BASIC,
    SCALARS,
    DataType,
    Scalar,
    coerce_scalar,
    described,
    scalar_from_wire,
)
from sparkplug.metric import DataSet, Metric, Parameter, Properties, Property, Template, Value

MAX_DEPTH = 16
"""Templates within templates, and property sets within property sets."""


def from_wire(datatype: DataType, raw: object) -> Value:
    """What a value means as `datatype`, when it has travelled without one. ValueError if it can mean nothing.

    raw: a field's content, or a structure that has been read already.
    """
    if raw is None:
        return None
    if datatype in arrays.ELEMENTS:
        if isinstance(raw, bytes):
            return arrays.unpack(datatype, raw)
    elif datatype is DataType.DataSet:
        if isinstance(raw, DataSet):
            return raw
    elif datatype is DataType.Template:
        if isinstance(raw, Template):
            return raw
    else:
        return scalar_from_wire(datatype, raw)
    raise ValueError(f"{type(raw).__name__} on the wire for {datatype.name}")


def coerce(datatype: DataType, value: object) -> Value:
    """A value that is about to be sent or written, as `datatype` holds it.

    Whole floats pass as integers (JSON has only one kind of number) and a Float comes back rounded to its
    32 bits, so that it equals its own echo; the same holds for the elements of arrays, which may be any
    sequence. Raises ValueError with a reason fit for a person.
    """
    if value is None or datatype in SCALARS:
        return coerce_scalar(datatype, value)
    if datatype in arrays.ELEMENTS:
        return _array(datatype, value)
    if datatype is DataType.DataSet and isinstance(value, DataSet):
        return _data_set(value)
    if datatype is DataType.Template and isinstance(value, Template):
        return _template(value, 1)
    if datatype in (DataType.DataSet, DataType.Template):
        raise ValueError(f"{datatype.name} cannot hold {described(value)}")
    raise ValueError(f"a metric cannot be of type {datatype.name}")


def coerce_properties(properties: Properties, depth: int = 1) -> Properties:
    """Properties that are about to be sent. Raises ValueError naming the property."""
    if depth > MAX_DEPTH:
        raise ValueError(f"properties are nested more than {MAX_DEPTH} deep")
    checked = {}
    for key, entry in properties.items():
        try:
            checked[str(coerce_scalar(DataType.String, key))] = _property(entry, depth)
        except ValueError as error:
            raise ValueError(f"property {key!r}: {error}") from error
    return checked


def _property(entry: Property, depth: int) -> Property:
    datatype, value = entry
    if datatype in BASIC:
        return Property(datatype, _basic(datatype, value))
    if datatype not in (DataType.PropertySet, DataType.PropertySetList):
        raise ValueError(f"a property cannot be of type {datatype.name}")
    if value is None:
        return entry
    if datatype is DataType.PropertySet and isinstance(value, dict):
        return Property(datatype, coerce_properties(value, depth + 1))
    if datatype is DataType.PropertySetList and isinstance(value, tuple):
        return Property(datatype, tuple(coerce_properties(one, depth + 1) for one in value))
    raise ValueError(f"{datatype.name} cannot hold {described(value)}")


def _array(datatype: DataType, value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | DataSet | Template):
        raise ValueError(f"{datatype.name} cannot hold {described(value)}")
    kind = arrays.ELEMENTS[datatype]
    elements: list[Scalar] = []
    for number, element in enumerate(value):
        try:
            fitting = coerce_scalar(kind, element)
        except ValueError as error:
            raise ValueError(f"element {number}: {error}") from error
        if fitting is None or isinstance(fitting, bytes):
            raise ValueError(f"element {number}: an array has no empty places")
        if isinstance(fitting, str) and "\0" in fitting:
            raise ValueError(f"element {number}: a text of an array cannot hold a zero character")
        elements.append(fitting)
    return tuple(elements)


def _data_set(table: DataSet) -> DataSet:
    width = len(table.columns)
    if len(table.types) != width:
        raise ValueError(f"a DataSet with {width} columns and {len(table.types)} types")
    for column, datatype in zip(table.columns, table.types, strict=True):
        coerce_scalar(DataType.String, column)
        if datatype not in BASIC:
            raise ValueError(f"column {column!r} cannot be of type {datatype.name}")
    rows = []
    for number, row in enumerate(table.rows):
        if len(row) != width:
            raise ValueError(f"row {number} has {len(row)} cells, and the DataSet {width} columns")
        try:
            rows.append(tuple(_basic(kind, cell) for kind, cell in zip(table.types, row, strict=True)))
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from error
    return DataSet(tuple(table.columns), tuple(table.types), tuple(rows))


def _template(template: Template, depth: int) -> Template:
    if depth > MAX_DEPTH:
        raise ValueError(f"templates are nested more than {MAX_DEPTH} deep")
    if template.is_definition and template.reference is not None:
        raise ValueError("a template definition refers to no other template")
    if not template.is_definition and not template.reference:
        raise ValueError("a template instance needs the name of its definition")
    for text in (template.reference, template.version):
        coerce_scalar(DataType.String, text)
    metrics = tuple(_member(metric, depth) for metric in template.metrics)
    parameters = tuple(_parameter(parameter) for parameter in template.parameters)
    return template._replace(metrics=metrics, parameters=parameters)


def _member(metric: Metric, depth: int) -> Metric:
    if not metric.name:
        raise ValueError("a member of a template needs a name")
    try:
        if metric.datatype is DataType.Template and isinstance(metric.value, Template):
            return metric._replace(value=_template(metric.value, depth + 1))
        return metric._replace(value=coerce(metric.datatype, metric.value))
    except ValueError as error:
        raise ValueError(f"member {metric.name!r}: {error}") from error


def _parameter(parameter: Parameter) -> Parameter:
    name, datatype, value = parameter
    coerce_scalar(DataType.String, name)
    if datatype not in BASIC:
        raise ValueError(f"parameter {name!r} cannot be of type {datatype.name}")
    try:
        return Parameter(name, datatype, _basic(datatype, value))
    except ValueError as error:
        raise ValueError(f"parameter {name!r}: {error}") from error


def _basic(datatype: DataType, value: object) -> Scalar | None:
    fitting = coerce_scalar(datatype, value)
    assert not isinstance(fitting, bytes)  # no basic type holds bytes
    return fitting
