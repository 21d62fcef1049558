"""Speaks for PyPI's tahutils, which carries Eclipse Tahu's Python code (lines.py says how).

Its functions know less than its schema, and its users set and read the fields of the schema's messages
themselves. So does this file where no function is left, and says so as a detour.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

import lines
from tahutils import parse
from tahutils.tahu import array_packer
from tahutils.tahu import sparkplug_b as tahu
from tahutils.tahu.sparkplug_b_pb2 import Payload

_INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_SIMPLE = (*_INTEGERS, "Float", "Double", "Boolean", "String", "DateTime", "Text", "UUID")
_STRUCTURES = ("DataSet", "Bytes", "File", "Template", "PropertySet", "PropertySetList")
_BY_CODE = {
    **dict(enumerate(_SIMPLE, 1)),
    **dict(enumerate(_STRUCTURES, 16)),
    **dict(enumerate((f"{name}Array" for name in _SIMPLE[:13]), 22)),
}
_CODES = {name: code for code, name in _BY_CODE.items()}
_BITS = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64}
_LONG = {"Int64", "UInt64", "DateTime"}
_METADATA = ("is_multi_part", "content_type", "size", "seq", "file_name", "file_type", "md5", "description")


class Tahutils:
    detours: list[str]

    def decode(self, message: str, data: bytes, birth: bytes | None) -> lines.Plain:
        payload = parse.payload_from_string(data)
        return {
            "timestamp": _digits(payload, "timestamp"),
            "seq": _digits(payload, "seq"),
            "uuid": payload.uuid if payload.HasField("uuid") else None,
            "body": _base64(payload.body) if payload.HasField("body") else None,
            "metrics": [self._plain(metric) for metric in payload.metrics],
        }

    def encode(self, message: str, payload: lines.Plain, birth: lines.Plain | None) -> bytes:
        made = Payload()
        for field in ("timestamp", "seq"):
            if payload[field] is not None:
                setattr(made, field, int(payload[field]))
        if payload["uuid"] is not None:
            made.uuid = payload["uuid"]
        if payload["body"] is not None:
            made.body = base64.b64decode(payload["body"])
        for metric in payload["metrics"]:
            # It has no way to leave the datatype out but to give none.
            self._add(made, metric | ({} if birth is None else {"name": None, "type": None}))
        written: bytes = made.SerializeToString()
        return written

    def reader(self, data: bytes) -> Callable[[], Any]:
        return lambda: parse.parse_payload_to_metric_list(parse.payload_from_string(data))

    def writer(self, payload: lines.Plain) -> Callable[[], Any]:
        stamp, seq = int(payload["timestamp"]), int(payload["seq"])
        given = [
            (m["name"], m["alias"] and int(m["alias"]), _CODES[m["type"]], _value(m["type"], m["value"]))
            for m in payload["metrics"]
        ]

        def work() -> bytes:
            made = Payload(timestamp=stamp, seq=seq)
            for name, alias, code, value in given:
                tahu.addMetric(made, name, alias, code, value, stamp)
            return bytes(made.SerializeToString())

        return work

    # From bytes

    def _plain(self, metric: Any) -> lines.Plain:
        properties = _plain_properties(metric.properties) if metric.HasField("properties") else None
        return {
            "name": metric.name if metric.HasField("name") else None,
            "alias": _digits(metric, "alias"),
            "timestamp": _digits(metric, "timestamp"),
            "type": _BY_CODE.get(metric.datatype),
            "value": self._plain_value(metric),
            "historical": metric.is_historical,
            "transient": metric.is_transient,
            "properties": properties,
            "metadata": _plain_metadata(metric.metadata) if metric.HasField("metadata") else None,
        }

    def _plain_value(self, metric: Any) -> Any:
        kind = _BY_CODE.get(metric.datatype, "")
        try:
            value = parse.parse_metric_value(metric)
        except NotImplementedError:
            if not kind:
                raise
            if kind.endswith("Array"):
                self.detours.append("parse-no-array")
                unpack = getattr(array_packer, f"convert_from_packed_{_snake(kind)}")
                # Its Booleans are 0 and 1.
                truth = bool if kind == "BooleanArray" else lambda element: element
                return [_shown(truth(element)) for element in unpack(metric.bytes_value)]
            if kind == "Template":
                self.detours.append("parse-no-template")
                return self._plain_template(metric.template_value)
            self.detours.append("parse-no-text-cell" if kind == "DataSet" else "parse-no-text-or-bytes")
            return _plain_data_set(metric.dataset_value, None) if kind == "DataSet" else _read(metric, kind)
        if kind == "DataSet" and value is not None:
            return _plain_data_set(metric.dataset_value, value)
        return None if value is None else _shown(value)

    def _plain_template(self, template: Any) -> lines.Plain:
        return {
            "reference": template.template_ref if template.HasField("template_ref") else None,
            "version": template.version if template.HasField("version") else None,
            "definition": template.is_definition,
            "parameters": [
                [one.name, _BY_CODE[one.type], _read(one, _BY_CODE[one.type])] for one in template.parameters
            ],
            "metrics": [self._plain(member) for member in template.metrics],
        }

    # To bytes

    def _add(self, container: Any, plain: lines.Plain) -> None:
        name, kind, value = plain["name"], plain["type"], plain["value"]
        alias, stamp = (None if plain[key] is None else int(plain[key]) for key in ("alias", "timestamp"))
        code = None if kind is None else _CODES[kind]
        if value is None:
            try:
                metric = tahu.addNullMetric(container, name, alias, code, stamp)
            except AttributeError:
                # It stops at a type that it does not know, with all but the datatype done.
                if code is None:
                    raise
                self.detours.append("null-of-few-types")
                metric = container.metrics[-1]
                metric.datatype = code
        elif kind == "DataSet":
            _fill_data_set(
                tahu.initDatasetMetric(container, name, alias, value["columns"], _codes(value)), value
            )
            metric = container.metrics[-1]
        elif kind == "Template":
            self._fill_template(tahu.initTemplateMetric(container, name, alias, value["reference"]), value)
            metric = container.metrics[-1]
        else:
            metric = self._add_value(container, name, alias, kind, value, stamp)
        if kind in ("DataSet", "Template") and stamp is not None:
            metric.timestamp = stamp
        _fill_extras(metric, plain)

    def _add_value(
        self,
        container: Any,
        name: str | None,
        alias: int | None,
        kind: str | None,
        value: Any,
        stamp: int | None,
    ) -> Any:
        code = None if kind is None else _CODES[kind]
        try:
            return tahu.addMetric(container, name, alias, code, _value(kind or "", value), stamp)
        except AttributeError:
            if kind is None or not kind.endswith("Array"):
                raise
            self.detours.append("add-no-array")
            metric = container.metrics[-1]
            metric.datatype = code
            pack = getattr(array_packer, f"convert_to_packed_{_snake(kind)}")
            metric.bytes_value = bytes(pack(_value(kind, value)))
            return metric

    def _fill_template(self, wire: Any, plain: lines.Plain) -> None:
        if plain["version"] is not None:
            wire.version = plain["version"]
        for name, kind, value in plain["parameters"]:
            _write(wire.parameters.add(name=name, type=_CODES[kind]), kind, value)
        for member in plain["metrics"]:
            self._add(wire, member)


def _plain_data_set(wire: Any, rows: Iterable[Iterable[Any]] | None) -> lines.Plain:
    types = [_BY_CODE[code] for code in wire.types]
    if rows is None:
        shown = [
            [_read(cell, kind) for cell, kind in zip(row.elements, types, strict=True)] for row in wire.rows
        ]
    else:
        shown = [[_shown(cell) for cell in row] for row in rows]
    return {"columns": list(wire.columns), "types": types, "rows": shown}


def _fill_data_set(wire: Any, plain: lines.Plain) -> None:
    for row in plain["rows"]:
        made = wire.rows.add()
        for kind, cell in zip(plain["types"], row, strict=True):
            _write(made.elements.add(), kind, cell)


def _codes(plain: lines.Plain) -> list[int]:
    return [_CODES[kind] for kind in plain["types"]]


def _fill_extras(metric: Any, plain: lines.Plain) -> None:
    if plain["historical"]:
        metric.is_historical = True
    if plain["transient"]:
        metric.is_transient = True
    if plain["properties"]:
        _fill_properties(metric.properties, plain["properties"])
    for name, value in (plain["metadata"] or {}).items():
        setattr(metric.metadata, name, int(value) if name in ("size", "seq") else value)


def _fill_properties(wire: Any, plain: list[Any]) -> None:
    for key, kind, value in plain:
        wire.keys.append(key)
        made = wire.values.add(type=_CODES[kind])
        if value is None:
            made.is_null = True
        elif kind == "PropertySet":
            made.propertyset_value.SetInParent()
            _fill_properties(made.propertyset_value, value)
        elif kind == "PropertySetList":
            made.propertysets_value.SetInParent()
            for one in value:
                _fill_properties(made.propertysets_value.propertyset.add(), one)
        else:
            _write(made, kind, value)


def _plain_properties(wire: Any) -> list[Any]:
    return [
        [key, _BY_CODE[v.type], _plain_property(v)] for key, v in zip(wire.keys, wire.values, strict=True)
    ]


def _plain_property(wire: Any) -> Any:
    kind = _BY_CODE[wire.type]
    if wire.is_null:
        return None
    if kind == "PropertySet":
        return _plain_properties(wire.propertyset_value)
    if kind == "PropertySetList":
        return [_plain_properties(one) for one in wire.propertysets_value.propertyset]
    return _read(wire, kind)


def _plain_metadata(wire: Any) -> lines.Plain:
    found = {name: getattr(wire, name) for name in _METADATA if wire.HasField(name)}
    return {name: str(value) if name in ("size", "seq") else value for name, value in found.items()}


def _read(wire: Any, kind: str) -> Any:
    """The field that its type is in; null where it is not set."""
    field = _field(kind)
    if not wire.HasField(field):
        return None
    value = getattr(wire, field)
    if kind in _BITS:
        value &= (1 << _BITS[kind]) - 1
        value -= (1 << _BITS[kind]) if value >> (_BITS[kind] - 1) else 0
    return _shown(value)


def _write(wire: Any, kind: str, plain: Any) -> None:
    """Cut to the width, as addMetric does it."""
    if plain is not None:
        value = _value(kind, plain)
        setattr(wire, _field(kind), value + (1 << _BITS[kind]) if kind in _BITS and value < 0 else value)


def _field(kind: str) -> str:
    if kind in ("Float", "Double", "Boolean"):
        return f"{kind.lower()}_value"
    if kind in ("Bytes", "File"):
        return "bytes_value"
    if kind in ("String", "Text", "UUID"):
        return "string_value"
    return "long_value" if kind in _LONG else "int_value"


def _value(kind: str, plain: Any) -> Any:
    if kind.endswith("Array"):
        return [_value(kind.removesuffix("Array"), element) for element in plain]
    if kind in ("Bytes", "File"):
        return base64.b64decode(plain)
    if kind in ("String", "Text", "UUID", "Boolean", ""):
        return plain
    return float(plain) if kind in ("Float", "Double") else int(plain)


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return _base64(value)
    return value if isinstance(value, bool | str) else repr(value)


def _snake(kind: str) -> str:
    return f"{kind.removesuffix('Array').lower()}_array"


def _digits(wire: Any, field: str) -> str | None:
    return str(getattr(wire, field)) if wire.HasField(field) else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    lines.serve(Tahutils())
