"""Speaks for PyPI's pysparkplug (lines.py says how), run by the Python that has it.

It has no place for properties, uuid and body: they are left out here, and missed on the other side.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from typing import Any

import lines
import pysparkplug as library

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_CLASSES = {"NBIRTH": library.NBirth, "NDATA": library.NData, "NCMD": library.NCmd}
_FRACTIONS = {"Float", "Double"}
_TEXTS = {"String", "Text", "UUID"}
_BLOBS = {"Bytes", "File"}
# Ours to theirs, where the names differ.
_METADATA = {"is_multi_part": "is_multipart"}
_INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_SIMPLE = (*_INTEGERS, "Float", "Double", "Boolean", "String", "DateTime", "Text", "UUID")
_BY_CODE = {
    **dict(enumerate(_SIMPLE, 1)),
    **dict(enumerate(("DataSet", "Bytes", "File", "Template"), 16)),
    **dict(enumerate((f"{name}Array" for name in _SIMPLE[:13]), 22)),
}
_CODES = {name: code for code, name in _BY_CODE.items()}


class Pysparkplug:
    detours: list[str]

    def decode(self, message: str, data: bytes, birth: bytes | None) -> lines.Plain:
        born = library.NBirth.decode(birth) if birth else None
        payload = _CLASSES[message].decode(data, birth=born)
        return {
            "timestamp": str(payload.timestamp),
            "seq": str(payload.seq) if hasattr(payload, "seq") else None,
            "uuid": None,
            "body": None,
            "metrics": [_plain(metric) for metric in payload.metrics],
        }

    def encode(self, message: str, payload: lines.Plain, birth: lines.Plain | None) -> bytes:
        written: bytes = _payload(message, payload).encode(include_dtypes=birth is None)
        return written

    def reader(self, data: bytes) -> Callable[[], Any]:
        return lambda: library.NData.decode(data)

    def writer(self, payload: lines.Plain) -> Callable[[], Any]:
        made = _payload("NDATA", payload)
        return lambda: made.encode(include_dtypes=True)


def _payload(message: str, plain: lines.Plain) -> Any:
    given: dict[str, Any] = {"metrics": tuple(_metric(metric) for metric in plain["metrics"])}
    given["timestamp"] = _number(plain["timestamp"])
    if plain["seq"] is not None:
        given["seq"] = int(plain["seq"])
    return _CLASSES[message](**given)


def _metric(plain: lines.Plain) -> library.Metric:
    code = _CODES[plain["type"]]
    metadata = plain["metadata"]
    return library.Metric(
        timestamp=_number(plain["timestamp"]),
        name=plain["name"],
        datatype=library.DataType(code),
        metadata=_metadata(metadata) if metadata is not None else None,
        value=None if plain["value"] is None else _value(plain["type"], plain["value"]),
        alias=_number(plain["alias"]),
        is_historical=plain["historical"],
        is_transient=plain["transient"],
    )


def _plain(metric: library.Metric) -> lines.Plain:
    kind, metadata = _BY_CODE.get(int(metric.datatype)), metric.metadata
    return {
        "name": metric.name,
        "alias": _digits(metric.alias),
        "timestamp": _digits(metric.timestamp),
        "type": kind,
        "value": None if metric.value is None or kind is None else _plain_value(kind, metric.value),
        "historical": metric.is_historical,
        "transient": metric.is_transient,
        "properties": None,
        "metadata": None if metadata is None else _plain_metadata(metadata),
    }


def _value(kind: str, plain: Any) -> Any:
    if kind.endswith("Array"):
        return tuple(_value(kind.removesuffix("Array"), element) for element in plain)
    if kind in _BLOBS:
        return base64.b64decode(plain)
    if kind == "DateTime":
        return _EPOCH + datetime.timedelta(milliseconds=int(plain))
    if kind in _TEXTS or not isinstance(plain, str):
        return plain
    return float(plain) if kind in _FRACTIONS else int(plain)


def _plain_value(kind: str, value: Any) -> Any:
    if kind.endswith("Array"):
        return [_plain_value(kind.removesuffix("Array"), element) for element in value]
    if kind in _BLOBS:
        return base64.b64encode(value).decode()
    if kind == "DateTime":
        # To the nearest millisecond: what its way through a float leaves behind is far below one.
        return str(round((value - _EPOCH) / datetime.timedelta(milliseconds=1)))
    return value if isinstance(value, bool | str) else repr(value)


def _metadata(plain: lines.Plain) -> library.Metadata:
    given = {_METADATA.get(name, name): value for name, value in plain.items()}
    return library.Metadata(**{n: int(v) if n in ("size", "seq") else v for n, v in given.items()})


def _plain_metadata(metadata: library.Metadata) -> lines.Plain:
    names = ("is_multi_part", "content_type", "size", "seq", "file_name", "file_type", "md5", "description")
    found = {name: getattr(metadata, _METADATA.get(name, name)) for name in names}
    found |= {name: _digits(found[name]) for name in ("size", "seq")}
    return {name: value for name, value in found.items() if value is not None}


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


if __name__ == "__main__":
    lines.serve(Pysparkplug())
