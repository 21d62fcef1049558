"""The values with an inside: data sets, templates, properties and metadata (specification 6.4.8 to 6.4.15).

Plain and immutable, like Metric. What the bytes look like is the codec's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sparkplug.datatypes import DataType, Scalar

if TYPE_CHECKING:
    from sparkplug.metric import Metric


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
