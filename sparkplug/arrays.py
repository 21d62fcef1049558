"""Arrays as bytes and back: little-endian, without padding (specification 6.4.16.2).

numbers and times   one after the other, as wide as their type
Booleans            the count in 4 bytes, then one bit each, the first in the highest bit of its byte
texts               UTF-8, each ended by a zero byte; an empty array is no bytes at all
"""

from __future__ import annotations

import struct

from sparkplug.datatypes import DataType, Scalar

ELEMENTS: dict[DataType, DataType] = {
    DataType.Int8Array: DataType.Int8,
    DataType.Int16Array: DataType.Int16,
    DataType.Int32Array: DataType.Int32,
    DataType.Int64Array: DataType.Int64,
    DataType.UInt8Array: DataType.UInt8,
    DataType.UInt16Array: DataType.UInt16,
    DataType.UInt32Array: DataType.UInt32,
    DataType.UInt64Array: DataType.UInt64,
    DataType.FloatArray: DataType.Float,
    DataType.DoubleArray: DataType.Double,
    DataType.BooleanArray: DataType.Boolean,
    DataType.StringArray: DataType.String,
    DataType.DateTimeArray: DataType.DateTime,
}
"""Array type -> type of its elements."""

_WIDTHS = {
    DataType.Int8Array: "b",
    DataType.Int16Array: "h",
    DataType.Int32Array: "i",
    DataType.Int64Array: "q",
    DataType.UInt8Array: "B",
    DataType.UInt16Array: "H",
    DataType.UInt32Array: "I",
    DataType.UInt64Array: "Q",
    DataType.FloatArray: "f",
    DataType.DoubleArray: "d",
    DataType.DateTimeArray: "Q",
}
_COUNT = struct.Struct("<I")


def pack(datatype: DataType, elements: tuple[Scalar, ...]) -> bytes:
    """The bytes of an array whose elements fit their type. ValueError for a text with a zero character."""
    if datatype is DataType.BooleanArray:
        return _pack_bits(elements)
    if datatype is DataType.StringArray:
        return _pack_texts(elements)
    return struct.pack(f"<{len(elements)}{_WIDTHS[datatype]}", *elements)


def unpack(datatype: DataType, data: bytes) -> tuple[Scalar, ...]:
    """The elements. ValueError when the bytes can't be an array of this type."""
    if datatype is DataType.BooleanArray:
        return _unpack_bits(data)
    if datatype is DataType.StringArray:
        return _unpack_texts(data)
    letter = _WIDTHS[datatype]
    count, rest = divmod(len(data), struct.calcsize(f"<{letter}"))
    if rest:
        raise ValueError(f"{len(data)} bytes are no whole number of elements of a {datatype.name}")
    return struct.unpack(f"<{count}{letter}", data)


def _pack_bits(elements: tuple[Scalar, ...]) -> bytes:
    bits = "".join("1" if element else "0" for element in elements)
    whole = -(-len(bits) // 8)
    packed = int(bits.ljust(whole * 8, "0"), 2).to_bytes(whole, "big") if bits else b""
    return _COUNT.pack(len(elements)) + packed


def _unpack_bits(data: bytes) -> tuple[bool, ...]:
    if len(data) < _COUNT.size:
        raise ValueError(f"{len(data)} bytes are too few for the count of a BooleanArray")
    (count,) = _COUNT.unpack_from(data)
    packed = data[_COUNT.size :]
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes do not hold the {count} bits of a BooleanArray")
    bits = f"{int.from_bytes(packed, 'big'):0{len(packed) * 8}b}" if packed else ""
    return tuple(bit == "1" for bit in bits[:count])


def _pack_texts(elements: tuple[Scalar, ...]) -> bytes:
    for element in elements:
        if "\0" in str(element):
            raise ValueError("a text with a zero character does not fit into a StringArray")
    return b"".join(str(element).encode() + b"\0" for element in elements)


def _unpack_texts(data: bytes) -> tuple[str, ...]:
    if not data:
        return ()
    if not data.endswith(b"\0"):
        raise ValueError("the last text of a StringArray has no end")
    return tuple(text.decode() for text in data[:-1].split(b"\0"))
