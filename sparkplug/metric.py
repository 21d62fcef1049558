"""Metrics and payloads as plain values. What the bytes look like is payload.py's business.

Both are named tuples and not dataclasses: a frozen dataclass of eight fields takes 2 us to build, a tuple
0.2 us, and a host builds one for every value it receives. To change a field: `metric._replace(value=...)`.
"""

from __future__ import annotations

from typing import NamedTuple

from sparkplug.datatypes import DataType
from sparkplug.structures import MetaData, Properties, Value

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
