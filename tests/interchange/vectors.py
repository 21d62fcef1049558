"""Payloads as the peers wrote them, and the values in them: chosen from a run, kept in vectors.jsonl."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparkplug import DataSet, Metric, Payload, Template
from tests.interchange.generated import Case
from tests.interchange.plain import from_plain, to_plain

FILE = Path(__file__).resolve().parent / "vectors.jsonl"
_OPTIONAL = {*Metric._fields, *Payload._fields, "historical", "transient"} - {"value", "metrics"}
_LONGEST = 320  # bytes


def chosen(found: list[tuple[Case, bytes]], count: int) -> list[tuple[Case, bytes]]:
    """Few that have much: again and again what shows most that is new."""
    left = [(set(_shows(case)), case, data) for case, data in found if len(data) <= _LONGEST]
    picked: list[tuple[Case, bytes]] = []
    shown: set[str] = set()
    while left and len(picked) < count:
        best = max(left, key=lambda one: _worth(one[0] - shown, *one[1:]))
        left.remove(best)
        shown |= best[0]
        picked.append((best[1], best[2]))
    return sorted(picked, key=lambda one: one[0].number)


def _worth(new: set[str], case: Case, data: bytes) -> tuple[int, ...]:
    """New datatypes before all else, then other new things, then what is short."""
    return sum(what.startswith("type ") for what in new), len(new), -len(data), -case.number


def lines(peer: str, picked: list[tuple[Case, bytes]]) -> list[str]:
    """JSON: the peer, its bytes as base64, the birth where one is needed, and what the peer was given."""
    return [
        json.dumps(
            {
                "peer": peer,
                "payload": base64.b64encode(data).decode(),
                "birth": case.birth and _short(to_plain(case.birth)),
                "values": _short(to_plain(case.payload)),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for case, data in picked
    ]


def _short(plain: Any) -> Any:
    """Without what is not set (plain.py)."""
    if isinstance(plain, list):
        return [_short(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    return {
        key: _short(value)
        for key, value in plain.items()
        if key not in _OPTIONAL or (value is not None and value is not False)
    }


def kept() -> list[tuple[str, bytes, Payload | None, Payload]]:
    """Peer, bytes, birth (or None), values."""
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        birth = one["birth"] and from_plain(one["birth"])
        found.append((one["peer"], base64.b64decode(one["payload"]), birth, from_plain(one["values"])))
    return found


def _shows(case: Case) -> Iterator[str]:
    payload = case.payload
    yield f"{case.message} {case.birth is not None}"
    for field in ("timestamp", "uuid", "body"):
        yield f"{field} {getattr(payload, field) is None}"
    for metric in payload.metrics:
        yield from _shown_by(metric)


def _shown_by(metric: Metric) -> Iterator[str]:
    value, kind = metric.value, metric.datatype.name
    special = value is None or (isinstance(value, int | float) and not value > 0) or value in ("", (), b"")
    yield f"type {kind}"
    yield f"{kind} {repr(value)[:3] if special else ''}"
    for field in ("name", "alias", "timestamp", "quality", "metadata"):
        yield f"{field} {getattr(metric, field) is None}"
    yield f"{metric.is_historical} {metric.is_transient}"
    for _, (datatype, held) in (metric.properties or {}).items():
        yield f"property {datatype.name} {held is None}"
    if isinstance(value, DataSet):
        for datatype, *cells in zip(value.types, *value.rows, strict=True):
            yield f"column {datatype.name} {None in cells}"
    if isinstance(value, Template):
        yield f"definition {value.is_definition} {value.version is None}"
        yield from (f"parameter {datatype.name} {held is None}" for _, datatype, held in value.parameters)
        for member in value.metrics:
            yield f"member {member.datatype.name}"
