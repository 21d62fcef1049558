"""Metrics, payloads and what is inside of them as plain values. What the bytes look like is payload.py's
business.

All are named tuples and not dataclasses: a frozen dataclass of eight fields takes 2 us to build, a tuple
0.2 us, and a host builds one for every value it receives. To change a field: `metric._replace(value=...)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from sparkplug.datatypes import DataType, Scalar

# The values of the property "Quality" (specification 6.4.9.1).
BAD, GOOD, STALE = 0, 192, 500


class Metric(NamedTuple):
    """One value of one tag.

    name: None where the alias stands for it. datatype: Unknown where the message left it out (DATA and
    CMD may; `value` is then as it travelled, and means something only with the datatype of the birth).
    value: None is the protocol's null, and also what is left of a value that could not be read (then with
    quality BAD). timestamp: ms UTC. quality: the property "Quality", None when good; `properties` are all
    the others.
    """

    name: str | None
    datatype: DataType
    value: Value
    timestamp: int | None = None
    alias: int | None = None
    is_historical: bool = False
    is_transient: bool = False
    quality: int | None = None
    properties: Properties | None = None
    metadata: MetaData | None = None


class Payload(NamedTuple):
    """One message. timestamp: ms UTC, when it was sent. seq: 0..255, None in NDEATH and commands."""

    timestamp: int | None
    metrics: tuple[Metric, ...]
    seq: int | None = None
    uuid: str | None = None
    body: bytes | None = None


class DataSet(NamedTuple):
    """A table. columns, types and each row have the same length; a cell is None where the message had none.

    types: basic ones only, Int8 to Text (codes 1 to 14).
    """

    columns: tuple[str, ...]
    types: tuple[DataType, ...]
    rows: tuple[tuple[Scalar | None, ...], ...]


class Parameter(NamedTuple):
    """One parameter of a template. datatype: a basic one, Int8 to Text."""

    name: str
    datatype: DataType
    value: Scalar | None


class Template(NamedTuple):
    """A definition (only in NBIRTH, named by its metric) or an instance of one.

    reference: the metric name of the definition, None in a definition. metrics: all members in a definition
    and in births, a subset in DATA; a member may be a template instance itself. version: free text.
    """

    metrics: tuple[Metric, ...]
    parameters: tuple[Parameter, ...] = ()
    reference: str | None = None
    version: str | None = None
    is_definition: bool = False


class Property(NamedTuple):
    """One property of a metric. datatype: basic, PropertySet or PropertySetList. value: None is null."""

    datatype: DataType
    value: Properties | tuple[Properties, ...] | Scalar | None


# In the order of the message; a key that comes twice keeps its last value.
Properties: TypeAlias = Mapping[str, Property]


class MetaData(NamedTuple):
    """What a metric says about its value; chiefly of a File and its parts. size, seq: unsigned; md5: text."""

    is_multi_part: bool | None = None
    content_type: str | None = None
    size: int | None = None
    seq: int | None = None
    file_name: str | None = None
    file_type: str | None = None
    md5: str | None = None
    description: str | None = None


Array: TypeAlias = tuple[Scalar, ...]
Value: TypeAlias = Scalar | bytes | Array | DataSet | Template | None
"""What a metric holds, by its datatype: array types hold tuples, DateTime ms UTC, Bytes and File bytes."""
