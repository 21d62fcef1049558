"""Sparkplug's data types and the Python values that stand for the simple ones (specification 6.4.16).

Two directions with two temperaments. `scalar_from_wire` is lenient, because plants are full of libraries that
write the fields in their own way, and a birth must not be lost over one number. `coerce_scalar` is strict,
because what it lets through we send. coercion.py does the same for values of any type.
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum

Scalar = int | float | bool | str
Simple = int | float | bool | str | bytes | None


class DataType(IntEnum):
    """Codes as in the payload. Unknown also stands for "left out"."""

    Unknown = 0
    Int8 = 1
    Int16 = 2
    Int32 = 3
    Int64 = 4
    UInt8 = 5
    UInt16 = 6
    UInt32 = 7
    UInt64 = 8
    Float = 9
    Double = 10
    Boolean = 11
    String = 12
    DateTime = 13
    Text = 14
    UUID = 15
    DataSet = 16
    Bytes = 17
    File = 18
    Template = 19
    PropertySet = 20
    PropertySetList = 21
    Int8Array = 22
    Int16Array = 23
    Int32Array = 24
    Int64Array = 25
    UInt8Array = 26
    UInt16Array = 27
    UInt32Array = 28
    UInt64Array = 29
    FloatArray = 30
    DoubleArray = 31
    BooleanArray = 32
    StringArray = 33
    DateTimeArray = 34


# code -> DataType: a list lookup takes a fifth of the time of calling the enum.
BY_CODE: tuple[DataType, ...] = tuple(sorted(DataType))

SIGNED_BITS = {DataType.Int8: 8, DataType.Int16: 16, DataType.Int32: 32, DataType.Int64: 64}
UNSIGNED_BITS = {
    DataType.UInt8: 8,
    DataType.UInt16: 16,
    DataType.UInt32: 32,
    DataType.UInt64: 64,
    DataType.DateTime: 64,
}
TEXTS = frozenset({DataType.String, DataType.Text, DataType.UUID})
BLOBS = frozenset({DataType.Bytes, DataType.File})
FLOATS = frozenset({DataType.Float, DataType.Double})
# What cells, parameters and plain properties may be: Int8 to Text.
BASIC = frozenset({*SIGNED_BITS, *UNSIGNED_BITS, *FLOATS, DataType.Boolean, DataType.String, DataType.Text})
SCALARS = frozenset({*SIGNED_BITS, *UNSIGNED_BITS, *FLOATS, DataType.Boolean, *TEXTS, *BLOBS})


def scalar_from_wire(datatype: DataType, raw: object) -> Simple:
    """What a field's content means as `datatype`. ValueError if it can mean nothing.

    Negative small integers come in two dialects, FB and FFFFFFFB for an Int8 of -5: masking to the width
    and then taking the sign reads both. Values out of range are masked the same way.
    """
    if raw is None:
        return None
    if datatype in SIGNED_BITS or datatype in UNSIGNED_BITS:
        return _integer_from_wire(datatype, raw)
    if datatype in FLOATS and isinstance(raw, float):
        return raw
    if datatype is DataType.Boolean and isinstance(raw, bool):
        return raw
    if datatype in TEXTS and isinstance(raw, str):
        return raw
    if datatype in BLOBS and isinstance(raw, bytes):
        return raw
    raise ValueError(f"{type(raw).__name__} on the wire for {datatype.name}")


def _integer_from_wire(datatype: DataType, raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError(f"{type(raw).__name__} on the wire for {datatype.name}")
    bits = SIGNED_BITS.get(datatype)
    if bits is None:
        return raw & ((1 << UNSIGNED_BITS[datatype]) - 1)
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if raw >> (bits - 1) else raw


def coerce_scalar(datatype: DataType, value: object) -> Simple:
    """A value that is about to be sent or written, as `datatype` holds it.

    Whole floats pass as integers (JSON has only one kind of number) and a Float comes back rounded to its
    32 bits, so that it equals its own echo. Raises ValueError with a reason fit for a person.
    """
    if value is None:
        return None
    if datatype in SIGNED_BITS or datatype in UNSIGNED_BITS:
        return _whole(datatype, value)
    if datatype in FLOATS:
        return _real(datatype, value)
    if datatype is DataType.Boolean:
        if isinstance(value, bool):
            return value
    elif datatype in TEXTS:
        if isinstance(value, str):
            return _text(value)
    elif datatype in BLOBS:
        if isinstance(value, bytes | bytearray):
            return bytes(value)
    else:
        raise ValueError(f"{datatype.name} is no scalar")
    raise ValueError(f"{datatype.name} cannot hold {described(value)}")


def _whole(datatype: DataType, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{datatype.name} cannot hold {described(value)}")
    bits = SIGNED_BITS.get(datatype)
    low, high = (
        (0, (1 << UNSIGNED_BITS[datatype]) - 1) if bits is None else (-(1 << bits - 1), (1 << bits - 1) - 1)
    )
    if not low <= value <= high:
        raise ValueError(f"{value} is out of range for {datatype.name} ({low} to {high})")
    return int(value)


def _real(datatype: DataType, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{datatype.name} cannot hold {described(value)}")
    try:
        number = float(value)
        if datatype is DataType.Float and math.isfinite(number):
            number = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        raise ValueError(f"{value} is out of range for {datatype.name}") from None
    return number


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is not valid Unicode") from None
    return value


def described(value: object) -> str:
    """What kind of thing a value is, for people."""
    kinds = {
        bool: "a Boolean",
        int: "a whole number",
        float: "a fraction",
        str: "text",
        bytes: "bytes",
        list: "a list",
        tuple: "a list",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")
